//! The pool of connections for reads. A short read runs on its caller's thread, a long one on a thread of its own. The
//! session decides whether a statement is a read.
//!
//! A switch to another thread and back costs more than most reads: an indexed `SELECT` of a loaded app took 6.7 µs on
//! its caller's thread and 27 to 37 µs on another thread (two cores, both busy). So each read starts on its caller's
//! thread. That thread serves other requests too, so SQLite stops the read after [`INLINE_READ_BUDGET`], and the read
//! starts again on another thread. In WAL mode a read never waits for a writer.

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
    /// Idle connections. The last one used is on top, because its caches are warm. The pool has at most as many
    /// connections as there are threads that read at the same time.
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

    /// Runs `work` on this thread. Returns `None` if it exceeds its time here; the caller may then run it in
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

    /// Waits for a permit, then runs `work` on another thread. Dropping the future stops `work`.
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
        // SQLite stops the read at its deadline. Only a hanging disk delays that, so the wait has a limit of its own.
        timeout_at((deadline + MAX_OUTCOME_WAIT).into(), spawn_blocking(read))
            .await
            .map_err(|_| EngineFailure::DeadlineExceeded)?
            // The task fails only if the runtime shuts down.
            .unwrap_or(Err(EngineFailure::Closed.into()))
    }

    /// Closes the idle connections. No read begins after this.
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
            // The pool was closed during the read, so this connection closes too.
            self.idle().clear();
        }
        result
    }

    /// Takes an idle connection, or opens one.
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
