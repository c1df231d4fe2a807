//! A database of any engine, and its sessions.
//! The capability that opens sessions decides which component may use it.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::error::Error;
use super::place::{Engine, Held, Place};
use super::position::Positions;
use super::postgres::ServerFigures;
use super::session::Session;
use super::shapes::{Observed, Shapes};
use super::statistics::Statistics;
use super::{postgres, sqlite};
use crate::sql::open::{OpenError, PostgresOptions, SqliteOptions};

/// A database. Clones are the same database.
#[derive(Clone, Debug)]
pub struct Database {
    place: Arc<Place>,
    shapes: Arc<Shapes>,
}

impl Database {
    /// Opens the SQLite file at `path`, and creates it and its folders if they do not exist.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open_sqlite(path: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        sqlite::Database::open(path, options, "")
            .map(Engine::Sqlite)
            .map(Self::new)
    }

    /// Opens the database of a Postgres server at `postgres://USER@HOST:PORT/DATABASE`, with the parameters of libpq. The schema
    /// `terrace` is made in it if it is missing. It blocks the calling thread until the server has answered, at most for about
    /// the open timeout.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]. No error repeats the URL's password.
    pub fn open_postgres(url: &str, options: &PostgresOptions) -> Result<Self, OpenError> {
        postgres::Database::open(url, options)
            .map(Engine::Postgres)
            .map(Self::new)
    }

    fn new(engine: Engine) -> Self {
        Self {
            place: Arc::new(Place::new(engine)),
            shapes: Arc::new(Shapes::new()),
        }
    }

    /// The engine that statements use now.
    pub(super) fn engine(&self) -> Engine {
        self.place.engine()
    }

    /// A new session. It takes no resources until it is used.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::new(Arc::clone(&self.place), Arc::clone(&self.shapes))
    }

    /// Has new statements wait, and waits for those that run, and for open transactions. What waits goes on when the value is
    /// dropped, or on another database ([`Held::switch`]).
    ///
    /// # Errors
    ///
    /// [`EngineFailure::Busy`](crate::EngineFailure::Busy) if something still runs at the deadline.
    pub async fn hold(&self, deadline: Instant) -> Result<Held, Error> {
        Place::hold(&self.place, deadline).await
    }

    /// The statistics of the queries of requests, by their shapes, since the database was opened.
    #[must_use]
    pub fn observed(&self) -> Observed {
        self.shapes.observed()
    }

    /// Counts since the database was opened. They begin again when another takes its place.
    #[must_use]
    pub fn statistics(&self) -> Arc<Statistics> {
        Arc::clone(match &self.engine() {
            Engine::Sqlite(database) => database.statistics(),
            Engine::Postgres(database) => database.statistics(),
        })
    }

    /// The number of statements that wait: on SQLite for the writer, on Postgres for a connection.
    #[must_use]
    pub fn waiting(&self) -> usize {
        match &self.engine() {
            Engine::Sqlite(database) => database.waiting_writes(),
            Engine::Postgres(database) => database.waiting(),
        }
    }

    /// Whether it is on a server, to which this process has connections.
    #[must_use]
    pub fn has_connections(&self) -> bool {
        matches!(self.engine(), Engine::Postgres(_))
    }

    /// Whether the server did not answer, so that statements which need a new connection fail at once until it does. A file is
    /// never out.
    #[must_use]
    pub fn is_out(&self) -> bool {
        match &self.engine() {
            Engine::Sqlite(_) => false,
            Engine::Postgres(database) => database.is_out(),
        }
    }

    /// The position of the newest write of this process, if the database has replicas. Who must see that write needs at least this.
    #[must_use]
    pub fn written(&self) -> Positions {
        match &self.engine() {
            Engine::Sqlite(_) => Positions::default(),
            Engine::Postgres(database) => database.written(),
        }
    }

    /// The identifier that the data of a primary and its replicas have in common, if the database has replicas.
    #[must_use]
    pub fn system(&self) -> Option<u64> {
        match &self.engine() {
            Engine::Sqlite(_) => None,
            Engine::Postgres(database) => database.system(),
        }
    }

    /// What the servers of the database tell about themselves, if it has replicas.
    #[must_use]
    pub fn servers(&self) -> Vec<ServerFigures> {
        match &self.engine() {
            Engine::Sqlite(_) => Vec::new(),
            Engine::Postgres(database) => database.figures(),
        }
    }

    /// Closes the database, for a shutdown after the requests have ended. Statements that still run are stopped; later calls of
    /// sessions fail with [`EngineFailure::Closed`](crate::EngineFailure::Closed). SQLite's log is moved into the file; on
    /// Postgres, statements that still run may end.
    ///
    /// # Errors
    ///
    /// The work that did not finish before `deadline`. Nothing is lost: the next start reads the log.
    pub async fn close(&self, deadline: Instant) -> Result<(), Error> {
        self.engine().close(deadline).await
    }

    #[cfg(test)]
    pub(super) fn of_sqlite(database: sqlite::Database) -> Self {
        Self::new(Engine::Sqlite(database))
    }

    #[cfg(test)]
    pub(super) fn sqlite(&self) -> sqlite::Database {
        match self.engine() {
            Engine::Sqlite(database) => database,
            Engine::Postgres(_) => panic!("the test is of SQLite"),
        }
    }
}

impl Held {
    /// Lets the statements go on, on the other database. This one is closed, as by [`Database::close`].
    ///
    /// # Errors
    ///
    /// Those of closing. The other database is used nevertheless.
    pub async fn switch(self, to: &Database, deadline: Instant) -> Result<(), Error> {
        let old = self.replace(to.engine());
        old.close(deadline).await
    }
}
