//! Postgres with a pool of as many connections as Terrace opens, each with the statements prepared.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use rusqlite::types::ValueRef;
use tokio::sync::Semaphore;
use tokio_postgres::{Client, NoTls, Row, Statement, error::SqlState, types::ToSql};

use crate::{
    NOBODY, Outcome,
    content::{Article, Articles, Comment, Profile},
    statements::{ARTICLE, INSERT, NEXT_COLUMN, NEXT_ID, PAGE, TABLES},
};

/// Connections, as Terrace's default is.
const CONNECTIONS: usize = 16;

/// Rows of one `INSERT` while a database is filled.
const FILLED_AT_ONCE: usize = 500;

/// As Terrace opens transactions, which run again if others were in their way.
const BEGIN: &str = "BEGIN ISOLATION LEVEL SERIALIZABLE";

/// A pool.
pub(crate) struct Engine {
    permits: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

struct Connection {
    client: Client,
    page: Statement,
    article: Statement,
    next_id: Statement,
    insert: Statement,
}

impl Engine {
    pub(crate) async fn connect(url: &str) -> Outcome<Self> {
        let mut idle = Vec::new();
        for _ in 0..CONNECTIONS {
            let client = client(url).await?;
            // The sum of integers is `numeric` in Postgres.
            let page = PAGE.replace("sum(articles), 0)", "sum(articles), 0)::bigint");
            let prepare = async |text: &str| client.prepare(&text.replace('?', "$")).await;
            idle.push(Connection {
                page: prepare(&page).await?,
                article: prepare(ARTICLE).await?,
                next_id: prepare(NEXT_ID).await?,
                insert: prepare(INSERT).await?,
                client,
            });
        }
        Ok(Self {
            permits: Semaphore::new(CONNECTIONS),
            idle: Mutex::new(idle),
        })
    }

    pub(crate) async fn page(&self, limit: i64) -> Outcome<Articles> {
        let rows = self
            .with(async |connection| {
                let values: [&(dyn ToSql + Sync); 3] = [&NOBODY, &limit, &0_i64];
                Ok(connection.client.query(&connection.page, &values).await?)
            })
            .await?;
        let articles_count = rows.first().map_or(0, |row| row.get(NEXT_COLUMN));
        let articles = rows.iter().map(|row| article(row, None));
        Ok(Articles {
            articles: articles.collect::<Outcome<_>>()?,
            articles_count,
        })
    }

    pub(crate) async fn article(&self, slug: &str) -> Outcome<Option<Article>> {
        let row = self
            .with(async |connection| {
                let Connection {
                    client, article, ..
                } = connection;
                Ok(client.query_opt(article, &[&NOBODY, &slug]).await?)
            })
            .await?;
        row.map(|row| article(&row, Some(row.get(NEXT_COLUMN))))
            .transpose()
    }

    pub(crate) async fn comment(&self, slug: &str, body: &str, now: &str) -> Outcome<Comment> {
        let comment = self
            .with(async |connection| {
                loop {
                    match connection.comment(slug, body, now).await {
                        Err(error)
                            if error.code() == Some(&SqlState::T_R_SERIALIZATION_FAILURE) =>
                        {
                            connection.client.batch_execute("ROLLBACK").await?;
                        }
                        outcome => return Ok(outcome?),
                    }
                }
            })
            .await?;
        Ok(Comment {
            id: comment.get(0),
            created_at: comment.get(1),
            updated_at: comment.get(2),
            body: comment.get(3),
            author: profile(&comment, 4),
        })
    }

    /// Lends a connection to some work.
    async fn with<T>(&self, work: impl AsyncFnOnce(&Connection) -> Outcome<T>) -> Outcome<T> {
        let _permit = self.permits.acquire().await?;
        let connection = self.idle().pop().ok_or("a permit is a connection")?;
        let outcome = work(&connection).await;
        self.idle().push(connection);
        outcome
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    async fn comment(
        &self,
        slug: &str,
        body: &str,
        now: &str,
    ) -> Result<Row, tokio_postgres::Error> {
        self.client.batch_execute(BEGIN).await?;
        self.client.execute(&self.next_id, &[&slug]).await?;
        let values: [&(dyn ToSql + Sync); 4] = [&crate::AUTHOR, &slug, &body, &now];
        let comment = self.client.query_one(&self.insert, &values).await?;
        self.client.batch_execute("COMMIT").await?;
        Ok(comment)
    }
}

/// Copies the rows of an SQLite file into tables of the same names, which must be empty.
pub(crate) async fn fill(file: &Path, url: &str) -> Outcome {
    let client = client(url).await?;
    for table in TABLES {
        for insert in inserts(file, table)? {
            client.batch_execute(&insert).await?;
        }
    }
    client.batch_execute("ANALYZE").await?;
    Ok(())
}

/// The rows of a table as statements.
fn inserts(file: &Path, table: &str) -> Outcome<Vec<String>> {
    let sqlite = rusqlite::Connection::open(file)?;
    let mut statement = sqlite.prepare(&format!("SELECT * FROM {table}"))?;
    let columns: Vec<_> = statement.column_names().collect();
    let columns = columns.join(", ");
    let count = statement.column_count();
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let values = (0..count).map(|at| Ok(literal(row.get_ref(at)?)));
        let values: rusqlite::Result<Vec<String>> = values.collect();
        all.push(format!("({})", values?.join(", ")));
    }
    let parts = all.chunks(FILLED_AT_ONCE).map(|rows| rows.join(", "));
    Ok(parts
        .map(|rows| format!("INSERT INTO {table} ({columns}) VALUES {rows}"))
        .collect())
}

fn literal(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(integer) => integer.to_string(),
        ValueRef::Real(real) => format!("{real:?}"),
        ValueRef::Text(text) => {
            let text = String::from_utf8_lossy(text).replace('\'', "''");
            format!("'{text}'")
        }
        ValueRef::Blob(bytes) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("'\\x{hex}'")
        }
    }
}

async fn client(url: &str) -> Outcome<Client> {
    let mut config: tokio_postgres::Config = url.parse()?;
    // As Terrace's: a user's own schema comes first otherwise.
    config.options("-c search_path=public");
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        // How it ended, the statements on it show.
        let _ = connection.await;
    });
    Ok(client)
}

fn article(row: &Row, body: Option<String>) -> Outcome<Article> {
    Ok(Article {
        slug: row.get(0),
        title: row.get(1),
        description: row.get(2),
        body,
        tag_list: serde_json::from_str(row.get(3))?,
        created_at: row.get(4),
        updated_at: row.get(5),
        favorites_count: row.get(6),
        favorited: row.get(7),
        author: profile(row, 8),
    })
}

fn profile(row: &Row, first: usize) -> Profile {
    Profile {
        username: row.get(first),
        bio: row.get(first + 1),
        image: row.get(first + 2),
        following: row.get(first + 3),
    }
}
