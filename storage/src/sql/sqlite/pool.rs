//! The pool of connections that read: short reads on the thread of their caller, long ones on threads of their own.
//! Deciding whether a statement reads is left to the session.
//!
//! A hop to another thread and back costs more than most reads of a request handler: an indexed
//! `SELECT` of a loaded app took 6.7 µs on the thread of its caller and 27 to 37 µs on another (two
//! cores, both busy). So a read first runs where it is asked for. That thread serves other requests, too;
//! so SQLite is stopped after [`INLINE_READ_BUDGET`], and the read starts again elsewhere. In WAL mode
//! a read waits for no writer.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout_at;

use super::connection::Connection;
use super::interrupt::{CancelOnDrop, Cancellation, Limit};
use super::open::open_reader;
use super::shared::Shared;
use crate::clock;
use crate::failure::EngineFailure;
use crate::sql::error::Error;
use crate::sql::limits::{INLINE_READ_BUDGET, MAX_LONG_READS, MAX_OUTCOME_WAIT};

/// The pool of a database.
#[derive(Debug)]
pub(super) struct ReadPool {
    path: PathBuf,
    shared: Shared,
    /// Connections that nobody uses now, the last used on top: its caches are warm. There are never more than
    /// threads that read at the same time.
    idle: Mutex<Vec<Connection>>,
    long_reads: Arc<Semaphore>,
}

impl ReadPool {
    pub(super) fn new(path: PathBuf, shared: Shared) -> Arc<Self> {
        Arc::new(Self {
            path,
            shared,
            idle: Mutex::default(),
            long_reads: Arc::new(Semaphore::new(MAX_LONG_READS)),
        })
    }

    /// Runs `work` on this thread. `None` if it takes too long for that; it may then run again in
    /// [`ReadPool::elsewhere`].
    pub(super) fn here<T>(
        &self,
        deadline: Instant,
        work: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Option<Result<T, Error>> {
        let end = deadline.min(clock::now() + INLINE_READ_BUDGET);
        match self.with_connection(Limit::Thread(end), work) {
            Err(Error::Engine(EngineFailure::DeadlineExceeded | EngineFailure::Busy))
                if clock::now() < deadline =>
            {
                None
            }
            result => {
                self.shared.statistics.inline_reads.increment();
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
        let cancellation = Cancellation::new(deadline);
        let _cancel = CancelOnDrop(Arc::clone(&cancellation));
        let permit = timeout_at(
            deadline.into(),
            Arc::clone(&self.long_reads).acquire_owned(),
        )
        .await
        .map_err(|_| EngineFailure::DeadlineExceeded)?
        .map_err(|_| EngineFailure::Closed)?;
        let pool = Arc::clone(self);
        let read = move || {
            let _permit = permit;
            pool.shared.statistics.long_reads.increment();
            pool.with_connection(Limit::Cancellation(cancellation), work)
        };
        // SQLite stops the read at its deadline, unless the disk hangs.
        timeout_at((deadline + MAX_OUTCOME_WAIT).into(), spawn_blocking(read))
            .await
            .map_err(|_| EngineFailure::DeadlineExceeded)?
            // The task fails only if the runtime shuts down.
            .unwrap_or(Err(EngineFailure::Closed.into()))
    }

    /// Closes the connections, and lets no read begin.
    pub(super) fn close(&self) {
        self.long_reads.close();
        self.idle().clear();
    }

    fn with_connection<T>(
        &self,
        limit: Limit,
        work: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let connection = self.checkout()?;
        let result = connection.limited(limit, work);
        self.idle().push(connection);
        if self.long_reads.is_closed() {
            // It was closed meanwhile; the connection must not outlive that.
            self.idle().clear();
        }
        result
    }

    /// A connection of the pool, or a new one.
    fn checkout(&self) -> Result<Connection, Error> {
        if self.long_reads.is_closed() {
            return Err(EngineFailure::Closed.into());
        }
        let idle = self.idle().pop();
        idle.map_or_else(|| open_reader(&self.path, self.shared.clone()), Ok)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
