//! A database, whatever its engine, and the sessions it gives out.
//! Which component may use it is left to the capability that opens sessions.

use std::path::Path;
use std::time::Instant;

use super::error::Error;
use super::session::Session;
use super::sqlite;
use super::statistics::Statistics;
use crate::sql::open::{OpenError, SqliteOptions};

/// A database. Clones are the same database.
#[derive(Clone, Debug)]
pub struct Database(Engine);

/// The engines that there are.
#[derive(Clone, Debug)]
enum Engine {
    Sqlite(sqlite::Database),
}

impl Database {
    /// Opens the SQLite file at `path`, and makes it and its folders if they do not exist.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open_sqlite(path: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        sqlite::Database::open(path, options, "")
            .map(Engine::Sqlite)
            .map(Self)
    }

    /// A new session. It costs nothing until it is used.
    #[must_use]
    pub fn session(&self) -> Session {
        match &self.0 {
            Engine::Sqlite(database) => Session::on_sqlite(database.clone()),
        }
    }

    /// What happened since the database was opened.
    #[must_use]
    pub fn statistics(&self) -> &Statistics {
        match &self.0 {
            Engine::Sqlite(database) => database.statistics(),
        }
    }

    /// How many statements wait for the writer.
    #[must_use]
    pub fn waiting_writes(&self) -> usize {
        match &self.0 {
            Engine::Sqlite(database) => database.waiting_writes(),
        }
    }

    /// Closes the database, for shutdown after the requests have ended. Statements that still run are stopped, and
    /// sessions that go on fail with [`EngineFailure::Closed`](crate::EngineFailure::Closed). An SQLite file is left
    /// with its log moved into it.
    ///
    /// # Errors
    ///
    /// What could not be tidied up before `deadline`. Nothing is lost: the next start reads the log.
    pub async fn close(&self, deadline: Instant) -> Result<(), Error> {
        match &self.0 {
            Engine::Sqlite(database) => database.close(deadline).await,
        }
    }

    #[cfg(test)]
    pub(super) fn of_sqlite(database: sqlite::Database) -> Self {
        Self(Engine::Sqlite(database))
    }

    #[cfg(test)]
    pub(super) fn sqlite(&self) -> &sqlite::Database {
        match &self.0 {
            Engine::Sqlite(database) => database,
        }
    }
}
