//! A database in an SQLite file: a pool of connections for reads, and a thread for writes. The session decides which of
//! them runs a statement.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::connection::Connection;
use super::open::{create_folder, open_writer};
use super::pool::ReadPool;
use super::shared::Shared;
use super::statement_kinds::StatementKinds;
use super::writer::Writer;
use crate::sql::error::Error;
use crate::sql::open::{OpenError, SqliteOptions};
use crate::sql::statistics::Statistics;

/// A database in an SQLite file. Clones are the same database.
#[derive(Clone, Debug)]
pub(crate) struct Database(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: Arc<ReadPool>,
    writer: Writer,
    kinds: StatementKinds,
    shared: Shared,
}

impl Database {
    /// Opens the file at `path`, and creates it and its folders if they do not exist. Each opening first executes
    /// `schema`.
    pub(crate) fn open(
        path: &Path,
        options: SqliteOptions,
        schema: &str,
    ) -> Result<Self, OpenError> {
        create_folder(path)?;
        let shared = Shared::default();
        let connection = open_writer(path, options, schema, &shared)?;
        Self::with_writer(path, connection, options, shared)
    }

    /// Builds a database around its connection for writes.
    pub(super) fn with_writer(
        path: &Path,
        connection: Connection,
        options: SqliteOptions,
        shared: Shared,
    ) -> Result<Self, OpenError> {
        let statistics = Arc::clone(&shared.statistics);
        let writer = Writer::start(connection, options.transaction_idle, statistics)?;
        Ok(Self(Arc::new(Inner {
            pool: ReadPool::new(path.to_owned(), shared.clone()),
            writer,
            kinds: StatementKinds::default(),
            shared,
        })))
    }

    pub(crate) fn statistics(&self) -> &Arc<Statistics> {
        &self.0.shared.statistics
    }

    /// The number of statements that wait for the writer.
    pub(crate) fn waiting_writes(&self) -> usize {
        self.0.writer.waiting()
    }

    /// Stops the running statements, refreshes the planner's statistics, moves the log into the file, and ends the
    /// writer's thread.
    pub(crate) async fn close(&self, deadline: Instant) -> Result<(), Error> {
        self.0.shared.closing.begin();
        self.0.pool.close();
        self.0.writer.close(deadline).await
    }

    pub(super) fn pool(&self) -> &Arc<ReadPool> {
        &self.0.pool
    }

    pub(super) fn writer(&self) -> &Writer {
        &self.0.writer
    }

    pub(super) fn kinds(&self) -> &StatementKinds {
        &self.0.kinds
    }
}
