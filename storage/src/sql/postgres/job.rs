//! The messages between a session and the tasks that execute its statements: the statement, and what came of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

use crate::sql::error::Error;
use crate::sql::position::Needs;
use crate::value::{Rows, Value};

/// The counters of one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    pub(super) last_insert_rowid: i64,
    pub(super) changes: u64,
    /// The transactions that failed one after the other because of others.
    pub(super) conflicts: u32,
    /// The time that the last statement waited for a connection.
    pub(super) waited: Duration,
}

/// A statement of a session.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) sql: Box<str>,
    pub(super) parameters: Vec<Value>,
    /// The session's counters before the statement.
    pub(super) counters: Counters,
    /// What a read of a request must see; `None` to see all.
    pub(super) needs: Option<Arc<Needs>>,
    pub(super) deadline: Instant,
    pub(super) reply: oneshot::Sender<Reply>,
}

/// What came of a statement.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) result: Result<Rows, Error>,
    pub(super) counters: Counters,
    pub(super) state: State,
}

/// Where a session stands after a statement.
#[derive(Debug)]
pub(super) enum State {
    /// No transaction is open.
    Outside,
    /// The statement opened a transaction, which takes its statements here.
    Opened(mpsc::Sender<Job>),
    /// The transaction stays open.
    Inside,
    /// The transaction was rolled back, and the next statement must not run as if it were open.
    Lost,
}

/// When a statement must stop: at its deadline, or when its caller is gone.
#[derive(Debug)]
pub(super) struct Stop<'r> {
    pub(super) deadline: Instant,
    /// The time that the statement has waited for a connection.
    pub(super) waited: Duration,
    reply: Option<&'r mut oneshot::Sender<Reply>>,
}

impl<'r> Stop<'r> {
    pub(super) fn of(deadline: Instant, reply: &'r mut oneshot::Sender<Reply>) -> Self {
        Self {
            deadline,
            waited: Duration::ZERO,
            reply: Some(reply),
        }
    }

    /// For work of the host's own.
    pub(super) fn at(deadline: Instant) -> Self {
        Self {
            deadline,
            waited: Duration::ZERO,
            reply: None,
        }
    }

    /// Waits until the statement must stop.
    pub(super) async fn reached(&mut self) {
        let deadline = sleep_until(self.deadline.into());
        match &mut self.reply {
            Some(reply) => tokio::select! {
                () = deadline => {}
                () = reply.closed() => {}
            },
            None => deadline.await,
        }
    }
}
