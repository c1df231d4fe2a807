//! The queue in front of the writer's thread, and the caller's wait in it. The thread executes the statements.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep_until, timeout_at};

use super::connection::Connection;
use super::interrupt::{CancelOnDrop, Cancellation};
use super::job::{Job, Message, Reply, Task, outcome};
use super::writer_thread::WriterThread;
use crate::failure::EngineFailure;
use crate::sql::error::Error;
use crate::sql::limits::WRITE_QUEUE_CAPACITY;
use crate::sql::open::OpenError;
use crate::sql::statistics::Statistics;

/// The caller's side of the writer's thread.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
    statistics: Arc<Statistics>,
}

impl Writer {
    /// Starts the thread. It ends when the writer is closed or dropped.
    pub(super) fn start(
        connection: Connection,
        transaction_idle: Duration,
        statistics: Arc<Statistics>,
    ) -> Result<Self, OpenError> {
        let (queue, messages) = mpsc::channel(WRITE_QUEUE_CAPACITY);
        let writer = WriterThread::new(
            connection,
            messages,
            transaction_idle,
            Arc::clone(&statistics),
        );
        thread::Builder::new()
            .name("sql-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|source| OpenError::Thread { source })?;
        Ok(Self { queue, statistics })
    }

    /// Executes a statement outside a transaction. If the future is dropped, a waiting statement is not executed, and a
    /// running one is stopped unless its commit has begun.
    pub(super) async fn execute(&self, task: Task, deadline: Instant) -> Result<Reply, Error> {
        let cancellation = Cancellation::new(deadline);
        let _cancel = CancelOnDrop(Arc::clone(&cancellation));
        let (reply, mut answer) = oneshot::channel();
        let job = Job {
            task,
            cancellation: Arc::clone(&cancellation),
            transaction: None,
            reply,
        };
        self.queue
            .try_send(Message::Job(job))
            .map_err(|error| self.refused(&error))?;
        tokio::select! {
            biased;
            reply = &mut answer => return reply.map_err(|_| EngineFailure::Closed.into()),
            () = sleep_until(deadline.into()) => {}
        }
        if cancellation.cancel_if_waiting() {
            return Err(EngineFailure::DeadlineExceeded.into());
        }
        // The statement runs. It will end at its deadline, and only the writer's thread knows whether it was committed.
        outcome(answer, deadline, EngineFailure::Closed.into()).await
    }

    /// The number of statements in the queue.
    pub(super) fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Ends the thread after it has answered the statements in the queue.
    pub(super) async fn close(&self, deadline: Instant) -> Result<(), Error> {
        let (done, closed) = oneshot::channel();
        let close = async {
            self.queue
                .send(Message::Close(deadline, done))
                .await
                .map_err(|_| EngineFailure::Closed)?;
            closed.await.map_err(|_| EngineFailure::Closed)?
        };
        timeout_at(deadline.into(), close)
            .await
            .unwrap_or(Err(EngineFailure::DeadlineExceeded.into()))
    }

    fn refused<T>(&self, error: &mpsc::error::TrySendError<T>) -> EngineFailure {
        match error {
            mpsc::error::TrySendError::Closed(_) => EngineFailure::Closed,
            mpsc::error::TrySendError::Full(_) => {
                self.statistics.overloads.increment();
                EngineFailure::Overloaded
            }
        }
    }
}
