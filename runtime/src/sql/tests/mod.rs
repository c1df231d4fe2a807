//! Contract tests of the SQL module, a file for each promise, and what they share.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::*;
use crate::clock;

mod concurrency;
mod crash;
mod deadlines;
mod faults;
mod guard;
mod statements;
mod transactions;

/// A database in a folder of its own.
struct Fixture {
    folder: TempDir,
    database: Database,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("app.db"), Options::default()).unwrap();
        Self { folder, database }
    }

    /// A database with `CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE)`.
    async fn with_items() -> Self {
        let fixture = Self::new();
        let table = "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE)";
        run(&mut fixture.database.session(), table).await.unwrap();
        fixture
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("app.db")
    }

    /// The number of items that a new session sees.
    async fn count(&self) -> i64 {
        count(&mut self.database.session()).await
    }
}

/// A deadline that no passing test reaches.
fn far() -> Instant {
    clock::now() + Duration::from_secs(60)
}

/// A deadline that a statement without an end reaches soon.
fn soon() -> Instant {
    clock::now() + Duration::from_millis(50)
}

async fn run(session: &mut Session, sql: &str) -> Result<Rows, Error> {
    session.execute(sql, vec![], far()).await
}

async fn run_with(session: &mut Session, sql: &str, parameters: Vec<Value>) -> Result<Rows, Error> {
    session.execute(sql, parameters, far()).await
}

/// The only value of the result.
async fn one(session: &mut Session, sql: &str) -> Value {
    let rows = run(session, sql).await.unwrap().rows;
    assert_eq!((rows.len(), rows[0].len()), (1, 1), "{sql}");
    rows[0][0].clone()
}

async fn count(session: &mut Session) -> i64 {
    match one(session, "SELECT count(*) FROM item").await {
        Value::Integer(count) => count,
        other => panic!("{other:?}"),
    }
}

/// A read that never ends.
const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

/// A write that never ends.
const ENDLESS_WRITE: &str = "INSERT INTO item (name) \
     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 'x' FROM n WHERE i < 0";
