//! The way to the one thread that writes: its queue, what is sent through it, and what comes back.
//! What the thread does is left to the worker.

use std::sync::{Arc, mpsc as thread_channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

use super::connection::{Connection, Kind};
use super::counters::Counters;
use super::error::Error;
use super::limits::WRITE_QUEUE_CAPACITY;
use super::open::OpenError;
use super::statistics::Statistics;
use super::value::{Rows, Value};
use super::watch::{AbandonOnDrop, Ticket};
use super::worker::Worker;

/// A statement for the writer.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) sql: Box<str>,
    pub(super) parameters: Vec<Value>,
    pub(super) kind: Kind,
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
    pub(super) ticket: Arc<Ticket>,
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
    Close(oneshot::Sender<Result<(), Error>>),
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
        let worker = Worker::new(
            connection,
            messages,
            transaction_idle,
            Arc::clone(&statistics),
        );
        thread::Builder::new()
            .name("sql-writer".to_owned())
            .spawn(move || worker.run())
            .map_err(|source| OpenError::Thread { source })?;
        Ok(Self { queue, statistics })
    }

    /// Executes a statement outside a transaction. If the future is dropped while the statement waits it is not
    /// executed; if it runs it is stopped, unless its commit has begun.
    pub(super) async fn execute(&self, task: Task, deadline: Instant) -> Result<Reply, Error> {
        let ticket = Ticket::new(deadline);
        let _abandon = AbandonOnDrop(Arc::clone(&ticket));
        let (reply, mut answer) = oneshot::channel();
        let job = Job {
            task,
            ticket: Arc::clone(&ticket),
            transaction: None,
            reply,
        };
        self.queue
            .try_send(Message::Job(job))
            .map_err(|error| self.refused(&error))?;
        tokio::select! {
            biased;
            reply = &mut answer => return reply.map_err(|_| Error::Closed),
            () = sleep_until(deadline.into()) => {}
        }
        if ticket.withdraw() {
            return Err(Error::DeadlineExceeded);
        }
        // It runs, so it ends now, and only the writer knows whether it was committed.
        answer.await.map_err(|_| Error::Closed)
    }

    /// Statements that wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Ends the thread after what waits was done.
    pub(super) async fn close(&self) -> Result<(), Error> {
        let (done, closed) = oneshot::channel();
        self.queue
            .send(Message::Close(done))
            .await
            .map_err(|_| Error::Closed)?;
        closed.await.map_err(|_| Error::Closed)?
    }

    fn refused<T>(&self, error: &mpsc::error::TrySendError<T>) -> Error {
        match error {
            mpsc::error::TrySendError::Closed(_) => Error::Closed,
            mpsc::error::TrySendError::Full(_) => {
                self.statistics.overloads.increment();
                Error::Overloaded
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
        let ticket = Ticket::new(deadline);
        let _abandon = AbandonOnDrop(Arc::clone(&ticket));
        let (reply, answer) = oneshot::channel();
        let sender = self.0.clone();
        let job = Job {
            task,
            ticket,
            transaction: Some(self),
            reply,
        };
        sender.send(job).map_err(|_| Error::TransactionLost)?;
        drop(sender);
        answer.await.map_err(|_| Error::TransactionLost)
    }
}
