//! What is sent to the thread that writes, and what comes back: statements, replies, and the right to the writer.
//! The queue is left to the writer, and the work to its thread.

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
