//! The messages between callers and the writer's thread: statements, replies, and the ownership of a transaction. The
//! writer owns the queue, and its thread executes the statements.

use std::sync::{Arc, mpsc as thread_channel};
use std::time::Instant;

use tokio::sync::oneshot;
use tokio::time::timeout_at;

use super::connection::StatementKind;
use super::counters::Counters;
use super::interrupt::{CancelOnDrop, Cancellation};
use crate::failure::EngineFailure;
use crate::sql::error::Error;
use crate::sql::limits::MAX_OUTCOME_WAIT;
use crate::sql::value::{Rows, Value};

/// A statement for the writer.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) sql: Box<str>,
    pub(super) parameters: Vec<Value>,
    pub(super) kind: StatementKind,
    /// The session's counters before the statement.
    pub(super) counters: Counters,
    /// When the session asked for it.
    pub(super) asked: Instant,
}

/// The outcome of a statement.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) result: Result<Rows, Error>,
    /// The session's counters after the statement.
    pub(super) counters: Counters,
    /// The transaction that is open after the statement.
    pub(super) transaction: Option<Transaction>,
}

/// Ownership of the writer while a transaction is open.
///
/// It moves with each statement to the writer's thread and back with the reply. If it is dropped anywhere on the way
/// (with the session, with a cancelled future, or with an unread reply), the thread notices at once and rolls back.
#[derive(Debug)]
pub(super) struct Transaction(thread_channel::Sender<Job>);

/// A task in the queue, with its caller's channel and cancellation.
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

    /// Sends the reply. If the caller is gone, the reply is dropped, and the transaction in it too.
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

/// An element of the writer's queue.
#[derive(Debug)]
pub(super) enum Message {
    Job(Job),
    /// Finish the clean-up by this time, then end the thread.
    Close(Instant, oneshot::Sender<Result<(), Error>>),
}

impl Transaction {
    /// A transaction, and the receiver of its statements for the writer's thread.
    pub(super) fn new() -> (Self, thread_channel::Receiver<Job>) {
        let (sender, receiver) = thread_channel::channel();
        (Self(sender), receiver)
    }

    /// Executes a statement inside the transaction. Dropping the future rolls the transaction back.
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

/// Waits for the outcome of a running statement. `gone` is the error if the sender was dropped without a reply.
pub(super) async fn outcome(
    answer: oneshot::Receiver<Reply>,
    deadline: Instant,
    gone: Error,
) -> Result<Reply, Error> {
    timeout_at((deadline + MAX_OUTCOME_WAIT).into(), answer)
        .await
        .map_err(|_| EngineFailure::OutcomeUnknown)?
        .map_err(|_| gone)
}
