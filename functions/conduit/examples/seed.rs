//! Fills a database with users and articles for load tests.
//!
//! ```text
//! cargo run --release -p conduit --example seed -- --database .terrace/default.db --users 100 --articles 1000
//! ```
//!
//! It writes the SQLite file itself, because each user that signs up through the API costs a password hash.
//! The content is the same each time; every user's password is `password123`.

use std::path::PathBuf;

use clap::Parser;
use conduit::{database, passwords};
use rusqlite::{Connection, Transaction, params};
use terrace_sdk::testing::Host;

/// What all users sign in with.
const PASSWORD: &str = "password123";

/// When the first article was written, in milliseconds since 1970: 1 January 2026.
const FIRST_ARTICLE_MILLISECONDS: i64 = 1_767_225_600_000;

/// From one article to the next.
const BETWEEN_ARTICLES_MILLISECONDS: i64 = 1_000;

/// Roughly the length of a short blog post, in words.
const WORDS_PER_BODY: i64 = 300;

const TAGS: [&str; 12] = [
    "rust", "wasm", "edge", "sql", "caching", "http", "queues", "testing", "design", "speed",
    "safety", "news",
];

const WORDS: [&str; 24] = [
    "river", "stone", "quiet", "engine", "window", "signal", "garden", "copper", "letter",
    "winter", "harbor", "planet", "mirror", "thread", "valley", "candle", "bridge", "shadow",
    "meadow", "anchor", "lantern", "orchard", "pepper", "violin",
];

/// Fills a database with users and articles.
#[derive(Parser)]
struct Options {
    /// The SQLite file; it is made if it does not exist.
    #[arg(long)]
    database: PathBuf,
    /// How many users.
    #[arg(long, default_value_t = 100)]
    users: i64,
    /// How many articles.
    #[arg(long, default_value_t = 1_000)]
    articles: i64,
    /// Note the migrations where wrangler notes them, for a database that D1 is to serve.
    #[arg(long)]
    d1: bool,
}

/// What `wrangler d1 migrations apply` leaves behind, but for the names of the files.
const NOTE_MIGRATIONS: &str = "
    CREATE TABLE d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE,
        applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL);
    INSERT INTO d1_migrations (name) SELECT version FROM schema_version;
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    if let Some(folder) = options.database.parent() {
        std::fs::create_dir_all(folder)?;
    }
    migrate(&options)?;
    let mut connection = Connection::open(&options.database)?;
    let known: i64 = connection.query_row("SELECT count(*) FROM users", [], |row| row.get(0))?;
    if known > 0 {
        let path = options.database.display();
        return Err(
            format!("{path} already has {known} users; delete it, or name another file").into(),
        );
    }
    let transaction = connection.transaction()?;
    fill(&transaction, &options)?;
    if options.d1 {
        transaction.execute_batch(NOTE_MIGRATIONS)?;
    }
    transaction.commit()?;
    println!(
        "{} users and {} articles in {}",
        options.users,
        options.articles,
        options.database.display()
    );
    Ok(())
}

fn migrate(options: &Options) -> Result<(), String> {
    let host = Host::new().database_file(database::LABEL, &options.database);
    host.run(async {
        let connection = terrace_sdk::sql::Connection::open(database::LABEL).await?;
        database::migrate(&connection).await
    })
    .map_err(|error| format!("{error:?}"))
}

fn fill(
    transaction: &Transaction<'_>,
    options: &Options,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut chance = Chance(1);
    let users = options.users.max(1);
    let hash = passwords::hash(PASSWORD).map_err(|error| error.to_string())?;
    for user in 1..=users {
        add_user(transaction, user, &hash)?;
        let followed = chance.below(users) + 1;
        transaction
            .prepare_cached("INSERT OR IGNORE INTO follows (follower_id, followed_id) SELECT ?1, id FROM users WHERE id = ?2")?
            .execute(params![user, followed])?;
    }
    for article in 1..=options.articles {
        add_article(transaction, article, users, &mut chance)?;
    }
    Ok(transaction.execute_batch(
        "INSERT INTO tags (name, articles) SELECT tag, count(*) FROM article_tags GROUP BY tag;
         UPDATE articles SET favorites_count = (SELECT count(*) FROM favorites WHERE article_id = articles.id);
         INSERT INTO slugs (slug, article_id) SELECT slug, id FROM articles;
         INSERT INTO article_counts (part, articles) SELECT id % 16, count(*) FROM articles GROUP BY id % 16;",
    )?)
}

fn add_user(transaction: &Transaction<'_>, user: i64, hash: &str) -> rusqlite::Result<usize> {
    transaction
        .prepare_cached(
            "INSERT INTO users (id, username, email, password_hash, bio, created_at)
            VALUES (?1, ?2, ?3, ?4, ?5, '2026-01-01T00:00:00.000Z')",
        )?
        .execute(params![
            user,
            format!("user{user}"),
            format!("user{user}@example.com"),
            hash,
            format!("User number {user}")
        ])
}

fn add_article(
    transaction: &Transaction<'_>,
    article: i64,
    users: i64,
    chance: &mut Chance,
) -> rusqlite::Result<()> {
    let first_tag = chance.place(TAGS.len());
    let tags: Vec<&str> = (0..3)
        .map(|step| TAGS[(first_tag + step) % TAGS.len()])
        .collect();
    let written = time_text(FIRST_ARTICLE_MILLISECONDS + article * BETWEEN_ARTICLES_MILLISECONDS);
    transaction
        .prepare_cached(
            "INSERT INTO articles
                (id, slug, title, description, body, tags, last_comment_id, author_id, created_at, updated_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?8, ?8)",
        )?
        .execute(params![
            article,
            format!("article-{article}"),
            format!("Article {article}"),
            chance.words(12),
            chance.words(WORDS_PER_BODY),
            format!("[\"{}\"]", tags.join("\",\"")),
            chance.below(users) + 1,
            written,
        ])?;
    for tag in tags {
        transaction
            .prepare_cached("INSERT INTO article_tags (tag, article_id) VALUES (?1, ?2)")?
            .execute(params![tag, article])?;
    }
    for _ in 0..chance.below(4) {
        transaction
            .prepare_cached(
                "INSERT OR IGNORE INTO favorites (user_id, article_id) VALUES (?1, ?2)",
            )?
            .execute(params![chance.below(users) + 1, article])?;
    }
    transaction
        .prepare_cached(
            "INSERT INTO comments (article_id, id, author_id, body, created_at, updated_at) VALUES (?1, 1, ?2, ?3, ?4, ?4)",
        )?
        .execute(params![article, chance.below(users) + 1, chance.words(20), written])?;
    Ok(())
}

fn time_text(milliseconds: i64) -> String {
    jiff::Timestamp::from_millisecond(milliseconds)
        .map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}

/// Numbers that look random and are the same each time: SplitMix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: i64) -> i64 {
        (self.next() >> 1).cast_signed() % limit
    }

    fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.next() >> 32).unwrap_or(0) % length
    }

    fn words(&mut self, count: i64) -> String {
        let words: Vec<&str> = (0..count).map(|_| WORDS[self.place(WORDS.len())]).collect();
        words.join(" ")
    }
}
