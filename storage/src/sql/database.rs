//! A database of any engine, and its sessions.
//! The capability that opens sessions decides which component may use it.

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

/// The engines.
#[derive(Clone, Debug)]
enum Engine {
    Sqlite(sqlite::Database),
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
            .map(Self)
    }

    /// A new session. It takes no resources until it is used.
    #[must_use]
    pub fn session(&self) -> Session {
        match &self.0 {
            Engine::Sqlite(database) => Session::on_sqlite(database.clone()),
        }
    }

    /// Counts since the database was opened.
    #[must_use]
    pub fn statistics(&self) -> &Statistics {
        match &self.0 {
            Engine::Sqlite(database) => database.statistics(),
        }
    }

    /// The number of statements that wait for the writer.
    #[must_use]
    pub fn waiting_writes(&self) -> usize {
        match &self.0 {
            Engine::Sqlite(database) => database.waiting_writes(),
        }
    }

    /// Closes the database, for a shutdown after the requests have ended. Statements that still run are stopped; later calls of
    /// sessions fail with [`EngineFailure::Closed`](crate::EngineFailure::Closed). SQLite's log is moved into the file.
    ///
    /// # Errors
    ///
    /// The work that did not finish before `deadline`. Nothing is lost: the next start reads the log.
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
