//! The shared parts of the SQL tests: the engines, a database of one of them, and statements on it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::sql::{Database, Error, Rows, Session, Value};
use crate::test_server::Server;
use crate::test_server::pooler::Pooler;
use crate::{PostgresOptions, SqliteOptions, clock};

/// Options with the shortest waits.
pub(in crate::sql) const HURRIED: SqliteOptions = SqliteOptions {
    open_timeout: Duration::from_millis(20),
    transaction_idle: Duration::from_millis(20),
};

/// Options that a busy machine does not break.
pub(in crate::sql) fn patient() -> PostgresOptions {
    PostgresOptions {
        open_timeout: Duration::from_secs(30),
        ..PostgresOptions::default()
    }
}

/// An engine under test.
#[derive(Clone, Copy)]
pub(in crate::sql) enum Engine {
    Sqlite,
    Postgres,
    /// Postgres behind a pgbouncer that gives each transaction another connection.
    Pooled,
}

impl Engine {
    /// An empty database.
    pub(in crate::sql) async fn fixture(self) -> Fixture {
        match self {
            Self::Sqlite => Fixture::on_sqlite(SqliteOptions::default()),
            Self::Postgres => Fixture::on_postgres(&patient()),
            Self::Pooled => Fixture::behind_a_pooler(&patient()),
        }
    }

    /// An empty database that rolls back a transaction which is idle for some milliseconds.
    pub(in crate::sql) async fn hurried_fixture(self) -> Fixture {
        let hurried = PostgresOptions {
            transaction_idle: HURRIED.transaction_idle,
            ..patient()
        };
        match self {
            Self::Sqlite => Fixture::on_sqlite(HURRIED),
            Self::Postgres => Fixture::on_postgres(&hurried),
            Self::Pooled => Fixture::behind_a_pooler(&hurried),
        }
    }

    /// A database with `CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE)`.
    pub(in crate::sql) async fn with_items(self) -> Fixture {
        let fixture = self.fixture().await;
        let table = "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE)";
        run(&mut fixture.database.session(), table).await.unwrap();
        fixture
    }
}

/// A database in a folder of its own.
pub(in crate::sql) struct Fixture {
    pub(in crate::sql) folder: TempDir,
    pub(in crate::sql) database: Database,
    /// What stands before the server.
    pooler: Option<Pooler>,
    /// The server of a database on Postgres.
    pub(in crate::sql) server: Option<Server>,
}

impl Fixture {
    fn on_sqlite(options: SqliteOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open_sqlite(&folder.path().join("app.db"), options).unwrap();
        Self {
            folder,
            database,
            pooler: None,
            server: None,
        }
    }

    pub(in crate::sql) fn on_postgres(options: &PostgresOptions) -> Self {
        let server = Server::start();
        let database = Database::open_postgres(&server.url(), options).unwrap();
        Self {
            folder: tempfile::tempdir().unwrap(),
            database,
            pooler: None,
            server: Some(server),
        }
    }

    fn behind_a_pooler(options: &PostgresOptions) -> Self {
        let server = Server::start();
        let pooler = Pooler::to(server.socket());
        let database = Database::open_postgres(&pooler.url(), options).unwrap();
        Self {
            folder: tempfile::tempdir().unwrap(),
            database,
            pooler: Some(pooler),
            server: Some(server),
        }
    }

    /// The same database as another process opens it.
    pub(in crate::sql) fn another(&self) -> Database {
        let url = self.pooler.as_ref().map(Pooler::url);
        match url.or_else(|| self.server.as_ref().map(Server::url)) {
            Some(url) => Database::open_postgres(&url, &patient()).unwrap(),
            None => Database::open_sqlite(&self.path(), SqliteOptions::default()).unwrap(),
        }
    }

    /// The file of a database on SQLite.
    pub(in crate::sql) fn path(&self) -> PathBuf {
        self.folder.path().join("app.db")
    }

    /// The number of items that a new session sees.
    pub(in crate::sql) async fn count(&self) -> i64 {
        count(&mut self.database.session()).await
    }
}

/// A deadline that no passing test reaches.
pub(in crate::sql) fn far() -> Instant {
    clock::now() + Duration::from_secs(60)
}

/// A deadline that a statement without an end reaches soon.
pub(in crate::sql) fn soon() -> Instant {
    clock::now() + Duration::from_millis(50)
}

pub(in crate::sql) async fn run(session: &mut Session, sql: &str) -> Result<Rows, Error> {
    session.execute(sql, vec![], far()).await
}

pub(in crate::sql) async fn run_with(
    session: &mut Session,
    sql: &str,
    parameters: Vec<Value>,
) -> Result<Rows, Error> {
    session.execute(sql, parameters, far()).await
}

/// The only value of the result.
pub(in crate::sql) async fn one(session: &mut Session, sql: &str) -> Value {
    let rows = run(session, sql).await.unwrap().rows;
    assert_eq!((rows.len(), rows[0].len()), (1, 1), "{sql}");
    rows[0][0].clone()
}

pub(in crate::sql) async fn count(session: &mut Session) -> i64 {
    match one(session, "SELECT count(*) FROM item").await {
        Value::Integer(count) => count,
        other => panic!("{other:?}"),
    }
}

/// A read that never ends.
pub(in crate::sql) const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

/// A write that never ends.
pub(in crate::sql) const ENDLESS_WRITE: &str = "INSERT INTO item (name) \
     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 'x' FROM n WHERE i < 0";
