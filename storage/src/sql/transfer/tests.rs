//! Tests of moves, on real files and a real server: rows, changes meanwhile, ends at any point, refusals.

mod continuing;
mod refusals;
mod rows;
mod speed;

use std::path::Path;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tempfile::TempDir;

use super::{MoveError, Moved, Place, Progress, Watch};
use crate::sql::tests::harness::{patient, run};
use crate::sql::{Database, Rows, Session};
use crate::test_server::Server;
use crate::{SqliteOptions, clock};

/// Tables of every sort, with rows.
const TABLES: [&str; 10] = [
    "CREATE TABLE item (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, price REAL, data BLOB)",
    "CREATE TABLE part (item INTEGER NOT NULL REFERENCES item (id) ON DELETE CASCADE, place TEXT NOT NULL, \
     twice INTEGER AS (item * 2), PRIMARY KEY (item, place)) WITHOUT ROWID",
    "CREATE TABLE line (text TEXT)",
    "CREATE TABLE noted (id INTEGER PRIMARY KEY, made INTEGER)",
    "CREATE INDEX part_place ON part (place)",
    "CREATE VIEW named AS SELECT name FROM item WHERE name IS NOT NULL",
    "CREATE TRIGGER note AFTER INSERT ON item BEGIN INSERT INTO noted (made) VALUES (NEW.id); END",
    "INSERT INTO item (name, price, data) VALUES ('one', 1.5, x'00ff'), ('Zwei', -0.0, x''), (NULL, NULL, NULL)",
    "INSERT INTO part (item, place) VALUES (1, 'a'), (1, 'B'), (2, 'é')",
    "INSERT INTO line VALUES ('same'), ('same'), (NULL)",
];

/// All rows of these tables.
const READS: [&str; 5] = [
    "SELECT id, name, price, data FROM item ORDER BY id",
    "SELECT item, place, twice FROM part ORDER BY item, place",
    "SELECT text FROM line ORDER BY text",
    "SELECT id, made FROM noted ORDER BY id",
    "SELECT name FROM named ORDER BY name",
];

/// A server and a folder for files.
struct Fixture {
    server: Server,
    folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self {
            server: Server::start(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn file(&self, name: &str) -> Place {
        Place::Sqlite(self.folder.path().join(name))
    }

    /// The database of the server.
    fn on_server(&self) -> Place {
        Place::Postgres {
            url: self.server.url(),
            options: patient(),
        }
    }

    /// Another database of the server.
    async fn another_on_server(&self, name: &str) -> Place {
        let (client, connection) =
            tokio_postgres::connect(&self.server.url(), tokio_postgres::NoTls)
                .await
                .unwrap();
        tokio::spawn(connection);
        let sql = format!("CREATE DATABASE {name}");
        client.batch_execute(&sql).await.unwrap();
        Place::Postgres {
            url: self.server.url().replace("/postgres", &format!("/{name}")),
            options: patient(),
        }
    }
}

fn opened(place: &Place) -> Database {
    match place {
        Place::Sqlite(path) => Database::open_sqlite(path, SqliteOptions::default()).unwrap(),
        Place::Postgres { url, options } => Database::open_postgres(url, options).unwrap(),
    }
}

/// A database with the tables.
async fn filled(place: &Place) -> Database {
    let database = opened(place);
    let mut session = database.session();
    for statement in TABLES {
        run(&mut session, statement).await.unwrap();
    }
    database
}

async fn read(session: &mut Session) -> Vec<Rows> {
    let mut all = Vec::new();
    for statement in READS {
        all.push(run(session, statement).await.unwrap());
    }
    all
}

/// What is left of a move in a file.
fn traces(path: &Path) -> i64 {
    let connection = rusqlite::Connection::open(path).unwrap();
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name GLOB 'terrace_move*' OR name GLOB 'terrace_change*'";
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Whoever starts a move and has no server.
#[derive(Default)]
struct Alone {
    reports: usize,
}

impl Watch for Alone {
    fn report(&mut self, _: &Progress<'_>) {
        self.reports += 1;
    }

    async fn hold(&mut self) -> Result<(), String> {
        Ok(())
    }

    async fn release(&mut self) {}

    async fn switch(&mut self) {}
}

async fn moved(from: &Place, to: &Place) -> Result<Moved, MoveError> {
    super::run(from, to, &mut Alone::default()).await
}

/// A move that ends after so many polls, as a killed process does. Whether it had ended before.
async fn ended_early(from: &Place, to: &Place, polls: usize) -> Option<Result<Moved, MoveError>> {
    let mut watch = Alone::default();
    let mut run = pin!(super::run(from, to, &mut watch));
    for _ in 0..polls {
        // It is asked again whether or not something happened, so a poll is a short time or a step.
        let once = std::future::poll_fn(|context| Poll::Ready(run.as_mut().poll(context)));
        if let Poll::Ready(result) = once.await {
            return Some(result);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// A move after one that ended early: the server may not have noticed that yet.
async fn moved_at_last(from: &Place, to: &Place) -> Result<Moved, MoveError> {
    let deadline = clock::now() + Duration::from_secs(30);
    loop {
        match moved(from, to).await {
            Err(MoveError::AtWork { .. }) if clock::now() < deadline => {
                tokio::task::yield_now().await;
            }
            result => return result,
        }
    }
}
