//! The way to the one thread that writes: its queue, what is sent through it, and what comes back.
//! What the thread does is left to the thread.

use std::sync::{Arc, mpsc as thread_channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep_until, timeout_at};

use super::connection::{Connection, StatementKind};
use super::counters::Counters;
use super::interrupt::{CancelOnDrop, Cancellation};
use super::writer_thread::WriterThread;
use crate::failure::EngineFailure;
use crate::open::OpenError;
use crate::sql::error::Error;
use crate::sql::limits::{MAX_OUTCOME_WAIT, WRITE_QUEUE_CAPACITY};
use crate::sql::statistics::Statistics;
use crate::sql::value::{Rows, Value};

/// A statement for the writer.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) sql: Box<str>,
    pub(super) parameters: Vec<Value>,
    pub(super) kind: StatementKind,
    /// The counters of the session that sends it.
    pub(super) counters: Counters,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) result: Result<Rows, Error>,
    /// The counters of the session after it.
    pub(super) counters: Counters,
    /// The transaction that is open after it.
    pub(super) transaction: Option<Transaction>,
}

/// The right to the writer while a transaction is open.
///
/// It travels with each statement to the writer and back. Wherever it is dropped, with the session, with a
/// future that is cancelled, with a reply that nobody awaits, the writer notices at once and rolls back.
#[derive(Debug)]
pub(super) struct Transaction(thread_channel::Sender<Job>);

/// A task on its way.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) task: Task,
    pub(super) cancellation: Arc<Cancellation>,
    pub(super) transaction: Option<Transaction>,
    pub(super) reply: oneshot::Sender<Reply>,
}

impl Job {
    /// Answers that the statement failed and changed nothing.
    pub(super) fn fail(self, error: Error) {
        self.answer(Err(error), None);
    }

    /// Answers the caller. If it is gone, the reply is dropped, and with it the transaction.
    pub(super) fn answer(
        self,
        result: Result<(Rows, Counters), Error>,
        transaction: Option<Transaction>,
    ) {
        let (result, counters) = match result {
            Ok((rows, counters)) => (Ok(rows), counters),
            Err(error) => (Err(error), self.task.counters),
        };
        drop(self.reply.send(Reply {
            result,
            counters,
            transaction,
        }));
    }
}

/// What stands in the writer's queue.
#[derive(Debug)]
pub(super) enum Message {
    Job(Job),
    /// Tidy up until this time, and end.
    Close(Instant, oneshot::Sender<Result<(), Error>>),
}

/// The writing side of a database.
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

    /// Executes a statement outside a transaction. If the future is dropped while the statement waits it is not
    /// executed; if it runs it is stopped, unless its commit has begun.
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
        // It runs, so it ends now, and only the writer knows whether it was committed.
        outcome(answer, deadline, EngineFailure::Closed.into()).await
    }

    /// Statements that wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Ends the thread after what waits was answered.
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

impl Transaction {
    /// The right, and the end at which the writer receives its statements.
    pub(super) fn new() -> (Self, thread_channel::Receiver<Job>) {
        let (sender, receiver) = thread_channel::channel();
        (Self(sender), receiver)
    }

    /// Executes a statement inside the transaction. If the future is dropped the transaction is rolled back.
    pub(super) async fn execute(self, task: Task, deadline: Instant) -> Result<Reply, Error> {
        let cancellation = Cancellation::new(deadline);
        let _cancel = CancelOnDrop(Arc::clone(&cancellation));
        let (reply, answer) = oneshot::channel();
        let sender = self.0.clone();
        let job = Job {
            task,
            cancellation,
            transaction: Some(self),
            reply,
        };
        sender.send(job).map_err(|_| Error::TransactionLost)?;
        drop(sender);
        outcome(answer, deadline, Error::TransactionLost).await
    }
}

/// Waits for what came of a statement that runs. `gone` is the error if nobody will answer.
async fn outcome(
    answer: oneshot::Receiver<Reply>,
    deadline: Instant,
    gone: Error,
) -> Result<Reply, Error> {
    timeout_at((deadline + MAX_OUTCOME_WAIT).into(), answer)
        .await
        .map_err(|_| EngineFailure::OutcomeUnknown)?
        .map_err(|_| gone)
}
