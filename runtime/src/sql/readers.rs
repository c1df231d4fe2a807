//! The connections that read: short reads on the thread of their caller, long ones on threads of their own.
//! Deciding whether a statement reads is left to the session.
//!
//! A hop to another thread and back costs more than most reads of a request handler: an indexed
//! `SELECT` of a loaded app took 6.7 µs on the thread of its caller and 27 to 37 µs on another (two
//! cores, both busy). So a read first runs where it is asked for. That thread serves other requests, too;
//! so SQLite is stopped after [`INLINE_READ_BUDGET`], and the read starts again elsewhere. In WAL mode
//! a read waits for no writer.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout_at;

use super::connection::Connection;
use super::error::Error;
use super::limits::{INLINE_READ_BUDGET, MAX_LONG_READS};
use super::open::open_reader;
use super::statistics::Statistics;
use super::watch::{AbandonOnDrop, Limit, Ticket};
use crate::clock;

/// The reading side of a database.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    statistics: Arc<Statistics>,
    /// Connections that nobody uses now, the last used on top: its caches are warm. There are never more than
    /// threads that read at the same time.
    idle: Mutex<Vec<Connection>>,
    long_reads: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, statistics: Arc<Statistics>) -> Arc<Self> {
        Arc::new(Self {
            path,
            statistics,
            idle: Mutex::default(),
            long_reads: Arc::new(Semaphore::new(MAX_LONG_READS)),
        })
    }

    /// Runs `work` on this thread. `None` if it takes too long for that; it may then run again in
    /// [`Readers::elsewhere`].
    pub(super) fn here<T>(
        &self,
        deadline: Instant,
        work: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Option<Result<T, Error>> {
        let end = deadline.min(clock::now() + INLINE_READ_BUDGET);
        match self.with_connection(Limit::Thread(end), work) {
            Err(Error::DeadlineExceeded | Error::Busy) if clock::now() < deadline => None,
            result => {
                self.statistics.inline_reads.increment();
                Some(result)
            }
        }
    }

    /// Runs `work` on a thread of its own, after waiting for one. It is stopped when the future is dropped.
    pub(super) async fn elsewhere<T: Send + 'static>(
        self: &Arc<Self>,
        deadline: Instant,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let ticket = Ticket::new(deadline);
        let _abandon = AbandonOnDrop(Arc::clone(&ticket));
        let permit = timeout_at(
            deadline.into(),
            Arc::clone(&self.long_reads).acquire_owned(),
        )
        .await
        .map_err(|_| Error::DeadlineExceeded)?
        .map_err(|_| Error::Closed)?;
        let readers = Arc::clone(self);
        let read = move || {
            let _permit = permit;
            readers.statistics.long_reads.increment();
            readers.with_connection(Limit::Ticket(ticket), work)
        };
        // The task fails only if the runtime shuts down.
        spawn_blocking(read).await.unwrap_or(Err(Error::Closed))
    }

    /// Closes the connections, and lets no read begin.
    pub(super) fn close(&self) {
        self.long_reads.close();
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    fn with_connection<T>(
        &self,
        limit: Limit,
        work: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.long_reads.is_closed() {
            return Err(Error::Closed);
        }
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open_reader(&self.path, Arc::clone(&self.statistics))?,
        };
        let result = connection.limited(limit, work);
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection);
        result
    }
}
