//! All that conduit asks, on both engines: its migrations, and copies of its statements, which its list must have.

use std::path::Path;

use super::engines::{Engines, Outcome};
use crate::sql::Value;

/// All statements of conduit, each on a line. A test of conduit keeps the list complete.
const LISTED: &str = include_str!("../../../../functions/conduit/statements.sql");

/// The statements of a migration file, each by itself.
fn statements(file: &str) -> Vec<String> {
    let lines = file
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"));
    let text: Vec<&str> = lines.collect();
    let statements = text.join("\n");
    let statements = statements.split(';').map(str::trim);
    statements
        .filter(|statement| !statement.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Migrations with the content of an earlier version between them.
fn migrate(engines: &mut Engines) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/conduit/migrations");
    let files = std::fs::read_dir(&folder).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    for (number, file) in (1..).zip(&files) {
        for statement in statements(&std::fs::read_to_string(file).unwrap()) {
            both(engines, &statement, &[]);
        }
        if number == 2 {
            EARLIER.into_iter().for_each(|text| {
                both(engines, text, &[]);
            });
        }
    }
}

/// Content before the keys were spread. The ids of articles have a gap.
const EARLIER: [&str; 7] = [
    "INSERT INTO users (username, email, password_hash, created_at) VALUES ('eve', 'eve@example.com', 'hash', '2025')",
    "INSERT INTO articles (id, slug, title, description, body, tags, author_id, created_at, updated_at)
        VALUES (1, 'early', 'Early', 'About', 'Body', '[]', 1, '2025', '2025'),
        (17, 'later', 'Later', 'About', 'Body', '[]', 1, '2025', '2025')",
    "INSERT INTO tags (name, articles) VALUES ('old', 1)",
    "INSERT INTO article_tags (tag, article_id) VALUES ('old', 17)",
    "INSERT INTO favorites (user_id, article_id) VALUES (1, 17)",
    "INSERT INTO comments (id, article_id, author_id, body, created_at, updated_at)
        VALUES (4, 17, 1, 'Body', '2025', '2025'), (9, 17, 1, 'Body', '2025', '2025')",
    "UPDATE totals SET amount = 2 WHERE name = 'articles'",
];

/// Runs a statement of conduit.
fn same(engines: &mut Engines, text: &str, values: &[Value]) -> Vec<Vec<Value>> {
    let in_one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_listed = LISTED.lines().any(|listed| listed == in_one_line);
    assert!(is_listed, "conduit has no such statement: {in_one_line}");
    both(engines, text, values)
}

/// Runs a statement, which must have the same result on both engines.
fn both(engines: &mut Engines, text: &str, values: &[Value]) -> Vec<Vec<Value>> {
    match engines.run(text, values, true) {
        Outcome::Same(answer) => answer.rows,
        other => panic!("{text}\n{other:?}"),
    }
}

const COLUMNS: &str =
    "articles.slug, articles.title, articles.description, articles.tags, articles.created_at,
    articles.updated_at, articles.favorites_count,
    EXISTS (SELECT 1 FROM favorites WHERE user_id = ?1 AND article_id = articles.id) AS favorited,
    users.username, users.bio, users.image,
    EXISTS (SELECT 1 FROM follows WHERE follower_id = ?1 AND followed_id = users.id) AS following,
    articles.id, users.id AS author_id";

fn page(id: &str, source: &str, total: &str) -> String {
    format!(
        "SELECT {COLUMNS}, ({total}) FROM (SELECT {id} AS id {source} ORDER BY {id} DESC LIMIT ?2 OFFSET ?3) page
        JOIN articles ON articles.id = page.id
        JOIN users ON users.id = articles.author_id
        ORDER BY articles.id DESC"
    )
}

#[test]
fn every_statement_of_conduit_gives_the_same_rows() {
    let mut engines = Engines::start();
    let run = &mut engines;
    migrate(run);
    users(run);
    articles(run);
    reads(run);
    changes(run);
}

#[expect(clippy::too_many_lines, reason = "a call for each statement")]
fn users(run: &mut Engines) {
    let insert =
        "INSERT INTO users (username, email, password_hash, created_at) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT DO NOTHING
        RETURNING id, username, email, bio, image";
    for name in ["anna", "Bert", "zoë"] {
        let email = format!("{name}@example.com");
        let values = [
            name.into(),
            email.as_str().into(),
            "hash".into(),
            "2026-01-01T00:00:00.000Z".into(),
        ];
        assert_eq!(same(run, insert, &values).len(), 1);
    }
    let again = [
        "anna".into(),
        "other@example.com".into(),
        "hash".into(),
        "2026".into(),
    ];
    assert_eq!(same(run, insert, &again).len(), 0);
    let taken = "SELECT 'username' FROM users WHERE username = ?1 AND id <> ?3
        UNION ALL SELECT 'email' FROM users WHERE email = ?2 AND id <> ?3";
    same(
        run,
        taken,
        &["anna".into(), "Bert@example.com".into(), Value::Integer(0)],
    );
    let update = "UPDATE users SET
            username = coalesce(?2, username),
            email = coalesce(?3, email),
            password_hash = coalesce(?4, password_hash),
            bio = CASE WHEN ?5 = 1 THEN ?6 ELSE bio END,
            image = CASE WHEN ?7 = 1 THEN ?8 ELSE image END
        WHERE id = ?1
        RETURNING id, username, email, bio, image";
    let one = Value::Integer(1);
    for (flag, bio) in [
        (1, Value::Text("a bio".into())),
        (1, Value::Null),
        (0, "x".into()),
    ] {
        let values = [
            one.clone(),
            Value::Null,
            "new@example.com".into(),
            Value::Null,
            Value::Integer(flag),
            bio,
            Value::Integer(0),
            Value::Null,
        ];
        same(run, update, &values);
    }
    same(
        run,
        "SELECT 1 FROM users WHERE id = ?1",
        std::slice::from_ref(&one),
    );
    let follow = "INSERT INTO follows (follower_id, followed_id) SELECT ?1, id FROM users WHERE username = ?2
        ON CONFLICT DO NOTHING";
    same(run, follow, &[one.clone(), "Bert".into()]);
    same(run, follow, &[one.clone(), "Bert".into()]);
    let profile = "SELECT username, bio, image,
        EXISTS (SELECT 1 FROM follows WHERE follower_id = ?1 AND followed_id = users.id), id
        FROM users WHERE username = ?2";
    same(run, profile, &[one, "Bert".into()]);
    same(run, profile, &[Value::Null, "Bert".into()]);
}

#[expect(clippy::too_many_lines, reason = "a call for each statement")]
fn articles(run: &mut Engines) {
    let insert = "INSERT INTO articles (slug, title, description, body, tags, author_id, created_at, updated_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)";
    for number in 1..=5 {
        let slug = format!("article-{number}");
        let values = [
            slug.as_str().into(),
            "Title".into(),
            "About".into(),
            "Body".into(),
            "[\"a\"]".into(),
            Value::Integer(1 + number % 2),
            "2026".into(),
        ];
        same(run, insert, &values);
        for text in [
            "INSERT INTO slugs (slug, article_id) VALUES (?1, last_insert_rowid())",
            "INSERT INTO article_counts (part, articles) SELECT article_id % 16, 1 FROM slugs WHERE slug = ?1
            ON CONFLICT (part) DO UPDATE SET articles = article_counts.articles + 1",
        ] {
            same(run, text, &[slug.as_str().into()]);
        }
        let tags = "INSERT INTO tags (name, articles) VALUES (?1, 1), (?2, 1)
            ON CONFLICT (name) DO UPDATE SET articles = tags.articles + 1";
        same(run, tags, &["a".into(), Value::Text(format!("t{number}"))]);
        let link = "INSERT INTO article_tags (tag, article_id)
            VALUES (?2, (SELECT article_id FROM slugs WHERE slug = ?1)), (?3, (SELECT article_id FROM slugs WHERE slug = ?1))";
        same(
            run,
            link,
            &[
                slug.as_str().into(),
                "a".into(),
                Value::Text(format!("t{number}")),
            ],
        );
    }
    let favorite = [
        "UPDATE articles SET favorites_count = favorites_count + 1
        WHERE id = (SELECT article_id FROM slugs WHERE slug = ?2)
        AND NOT EXISTS (SELECT 1 FROM favorites WHERE user_id = ?1 AND article_id = articles.id)",
        "INSERT INTO favorites (user_id, article_id) SELECT ?1, article_id FROM slugs WHERE slug = ?2
        ON CONFLICT DO NOTHING",
        "SELECT slugs.article_id, users.username FROM slugs JOIN users ON users.id = ?1 WHERE slugs.slug = ?2",
    ];
    for text in favorite.into_iter().chain(favorite) {
        same(run, text, &[Value::Integer(3), "article-2".into()]);
    }
    let next = "UPDATE articles SET last_comment_id = last_comment_id + 1
        WHERE id = (SELECT article_id FROM slugs WHERE slug = ?1)";
    let comment = "INSERT INTO comments (article_id, id, author_id, body, created_at, updated_at)
        SELECT id, last_comment_id, ?1, ?3, ?4, ?4 FROM articles
        WHERE id = (SELECT article_id FROM slugs WHERE slug = ?2)
        RETURNING id, created_at, updated_at, body,
            (SELECT username FROM users WHERE id = ?1) AS username, (SELECT bio FROM users WHERE id = ?1) AS bio,
            (SELECT image FROM users WHERE id = ?1) AS image,
            EXISTS (SELECT 1 FROM follows WHERE follower_id = ?1 AND followed_id = ?1) AS following, article_id";
    for author in 1..=3 {
        same(run, next, &["article-1".into()]);
        same(
            run,
            comment,
            &[
                Value::Integer(author),
                "article-1".into(),
                "Well said".into(),
                "2026".into(),
            ],
        );
    }
}

#[expect(clippy::too_many_lines, reason = "a call for each statement")]
fn reads(run: &mut Engines) {
    let by_slug = format!(
        "SELECT {COLUMNS}, articles.body FROM articles JOIN users ON users.id = articles.author_id WHERE articles.id = (SELECT article_id FROM slugs WHERE slug = ?2)"
    );
    same(run, &by_slug, &[Value::Integer(1), "article-1".into()]);
    same(run, &by_slug, &[Value::Null, "nothing".into()]);
    let by_id = by_slug.replace("(SELECT article_id FROM slugs WHERE slug = ?2)", "?2");
    same(run, &by_id, &[Value::Integer(1), Value::Integer(17)]);
    let all = page(
        "articles.id",
        "FROM articles",
        "SELECT coalesce(sum(articles), 0) FROM article_counts",
    );
    let three = [Value::Integer(1), Value::Integer(20), Value::Integer(1)];
    same(run, &all, &three);
    let feed = "FROM follows JOIN articles ON articles.author_id = follows.followed_id WHERE follows.follower_id = ?1";
    same(
        run,
        &page("articles.id", feed, &format!("SELECT count(*) {feed}")),
        &three,
    );
    let tag = "FROM article_tags WHERE article_tags.tag = ?4";
    let filtered = page(
        "article_tags.article_id",
        tag,
        &format!("SELECT count(*) {tag}"),
    );
    let mut values = three.to_vec();
    values.push("a".into());
    same(run, &filtered, &values);
    let three_filters =
        "FROM article_tags JOIN favorites ON favorites.article_id = article_tags.article_id
        JOIN articles ON articles.id = article_tags.article_id WHERE article_tags.tag = ?4
        AND favorites.user_id = (SELECT id FROM users WHERE username = ?5)
        AND articles.author_id = (SELECT id FROM users WHERE username = ?6)";
    let filtered = page(
        "article_tags.article_id",
        three_filters,
        &format!("SELECT count(*) {three_filters}"),
    );
    values.extend(["zoë".into(), "anna".into()]);
    same(run, &filtered, &values);
    same(
        run,
        "SELECT name FROM tags WHERE articles > 0 ORDER BY articles DESC, name DESC LIMIT ?1",
        &[Value::Integer(20)],
    );
    let comments = "SELECT comments.id, comments.created_at, comments.updated_at, comments.body, users.username, users.bio, users.image,
            EXISTS (SELECT 1 FROM follows WHERE follower_id = ?1 AND followed_id = users.id),
            slugs.article_id, users.id
        FROM slugs
        LEFT JOIN comments ON comments.article_id = slugs.article_id AND comments.id < ?4
        LEFT JOIN users ON users.id = comments.author_id
        WHERE slugs.slug = ?2
        ORDER BY comments.id DESC LIMIT ?3";
    for slug in ["article-1", "article-2", "nothing"] {
        same(
            run,
            comments,
            &[
                Value::Integer(1),
                slug.into(),
                Value::Integer(20),
                Value::Integer(i64::MAX),
            ],
        );
    }
    let find = "SELECT comments.author_id, slugs.article_id FROM slugs
        LEFT JOIN comments ON comments.article_id = slugs.article_id AND comments.id = ?2
        WHERE slugs.slug = ?1";
    same(run, find, &["article-1".into(), Value::Integer(99)]);
}

#[expect(clippy::too_many_lines, reason = "a call for each statement")]
fn changes(run: &mut Engines) {
    let update = "UPDATE articles SET
            slug = coalesce(?2, slug),
            title = coalesce(?3, title),
            description = coalesce(?4, description),
            body = coalesce(?5, body),
            tags = coalesce(?6, tags),
            updated_at = ?7
        WHERE id = ?1";
    same(
        run,
        update,
        &[
            Value::Integer(1),
            "new".into(),
            "New".into(),
            Value::Null,
            Value::Null,
            Value::Null,
            "2027".into(),
        ],
    );
    let warn = "INSERT INTO warnings (name, given_at) VALUES ('jwt_secret', ?1)
        ON CONFLICT (name) DO UPDATE SET given_at = ?1 WHERE given_at <= ?2
        RETURNING given_at";
    for (now, before) in [(100, 50), (200, 50), (200, 150)] {
        same(run, warn, &[Value::Integer(now), Value::Integer(before)]);
    }
    let one = [Value::Integer(1)];
    same(
        run,
        "SELECT tags, username, slug FROM articles JOIN users ON users.id = author_id WHERE articles.id = ?1",
        &one,
    );
    same(
        run,
        "UPDATE tags SET articles = articles - 1
        WHERE name IN (SELECT tag FROM article_tags WHERE article_id = ?1)",
        &one,
    );
    same(run, "DELETE FROM slugs WHERE article_id = ?1", &one);
    let claim = "INSERT INTO slugs (slug, article_id) VALUES (?2, ?1)";
    same(run, claim, &[Value::Integer(1), "new".into()]);
    let delete = "DELETE FROM comments WHERE article_id = ?1 AND id = ?2";
    same(run, delete, &[Value::Integer(17), Value::Integer(4)]);
    for text in [
        "DELETE FROM articles WHERE id = ?1",
        "UPDATE article_counts SET articles = articles - changes() WHERE part = ?1 % 16",
        "DELETE FROM slugs WHERE article_id = ?1",
    ] {
        same(run, text, &one);
    }
    let unfollow = "DELETE FROM follows WHERE follower_id = ?1 AND followed_id = (SELECT id FROM users WHERE username = ?2)";
    same(run, unfollow, &[Value::Integer(1), "Bert".into()]);
    for table in [
        "users",
        "articles",
        "tags",
        "article_tags",
        "favorites",
        "follows",
        "comments",
        "slugs",
        "article_counts",
        "warnings",
    ] {
        both(run, &format!("SELECT * FROM {table} ORDER BY 1, 2"), &[]);
    }
}
