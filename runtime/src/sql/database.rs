//! A database: its file, its readers, its writer, and the sessions it gives out.
//! Which component may use it is left to the capability that opens sessions.

use std::path::Path;
use std::sync::Arc;

use super::connection::Connection;
use super::error::Error;
use super::kinds::Kinds;
use super::open::{OpenError, Options, create_folder, open_writer};
use super::readers::Readers;
use super::session::Session;
use super::statistics::Statistics;
use super::writer::Writer;

/// An SQLite database. Clones are the same database.
#[derive(Clone, Debug)]
pub struct Database(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    readers: Arc<Readers>,
    writer: Writer,
    kinds: Kinds,
    statistics: Arc<Statistics>,
}

impl Database {
    /// Opens the database at `path`, and makes it and its folders if they do not exist.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        create_folder(path)?;
        let statistics = Arc::new(Statistics::default());
        let connection = open_writer(path, options, Arc::clone(&statistics))?;
        Self::with_writer(path, connection, options, statistics)
    }

    /// Puts a database together around its writing connection.
    pub(super) fn with_writer(
        path: &Path,
        connection: Connection,
        options: Options,
        statistics: Arc<Statistics>,
    ) -> Result<Self, OpenError> {
        let writer = Writer::start(
            connection,
            options.transaction_idle,
            Arc::clone(&statistics),
        )?;
        let readers = Readers::new(path.to_owned(), Arc::clone(&statistics));
        Ok(Self(Arc::new(Inner {
            readers,
            writer,
            kinds: Kinds::default(),
            statistics,
        })))
    }

    /// A new session. It costs nothing until it is used.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::new(self.clone())
    }

    /// What happened since the database was opened.
    #[must_use]
    pub fn statistics(&self) -> &Statistics {
        &self.0.statistics
    }

    /// How many statements wait for the writer.
    #[must_use]
    pub fn waiting_writes(&self) -> usize {
        self.0.writer.waiting()
    }

    /// Closes the database: finishes the writes that wait, refreshes the planner's statistics and moves the
    /// log into the file. Sessions that go on fail with [`Error::Closed`]. For shutdown, after
    /// the requests have ended.
    ///
    /// # Errors
    ///
    /// What could not be tidied up. Nothing is lost: the next start reads the log.
    pub async fn close(&self) -> Result<(), Error> {
        self.0.readers.close();
        self.0.writer.close().await
    }

    pub(super) fn readers(&self) -> &Arc<Readers> {
        &self.0.readers
    }

    pub(super) fn writer(&self) -> &Writer {
        &self.0.writer
    }

    pub(super) fn kinds(&self) -> &Kinds {
        &self.0.kinds
    }
}
