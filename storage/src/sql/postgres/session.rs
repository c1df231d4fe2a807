//! A session on Postgres. It gives each statement to a task that executes it: one for a statement that stands alone, or that
//! of its open transaction.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout_at;

use super::alone;
use super::database::Database;
use super::job::{Counters, Job, Reply, State, Stop};
use super::plan;
use super::statement::Statement;
use crate::dialect::Schema;
use crate::failure::EngineFailure;
use crate::sql::error::Error;
use crate::sql::limits::MAX_REPLY_WAIT;
use crate::sql::plan::PlanStep;
use crate::sql::position::Needs;
use crate::sql::work::Work;
use crate::value::{Rows, Value};

#[derive(Debug)]
pub(crate) struct Session {
    database: Database,
    counters: Counters,
    mode: Mode,
}

#[derive(Debug)]
enum Mode {
    Autocommit,
    InTransaction(mpsc::Sender<Job>),
    /// The transaction was rolled back, and the guest has not been told yet.
    TransactionLost,
}

impl Session {
    /// A session whose counters continue those of another.
    pub(crate) fn continuing(database: Database, last_insert_rowid: i64, changes: u64) -> Self {
        Self {
            database,
            counters: Counters {
                last_insert_rowid,
                changes,
                ..Counters::default()
            },
            mode: Mode::Autocommit,
        }
    }

    /// Whether no transaction is open, or was lost.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.mode, Mode::Autocommit)
    }

    /// Executes one statement; see [`crate::sql::Session::execute`].
    pub(crate) async fn execute(
        &mut self,
        sql: &str,
        parameters: Vec<Value>,
        needs: Option<Arc<Needs>>,
        deadline: Instant,
    ) -> Result<Rows, Error> {
        self.counters.waited = Duration::ZERO;
        let (reply, replied) = oneshot::channel();
        let job = Job {
            sql: sql.into(),
            parameters,
            counters: self.counters,
            needs,
            deadline,
            reply,
        };
        // This stays if the future is dropped before a transaction replies.
        let transaction = match mem::replace(&mut self.mode, Mode::TransactionLost) {
            Mode::Autocommit => {
                self.mode = Mode::Autocommit;
                self.database
                    .spawn(alone::execute(self.database.clone(), job));
                None
            }
            Mode::InTransaction(transaction) => {
                if transaction.send(job).await.is_err() {
                    return self.lost();
                }
                Some(transaction)
            }
            Mode::TransactionLost => return self.lost(),
        };
        let replied = timeout_at((deadline + MAX_REPLY_WAIT).into(), replied).await;
        match (replied, transaction) {
            (Ok(Ok(reply)), transaction) => self.finished(reply, transaction),
            (Ok(Err(_)), Some(_)) => self.lost(),
            (Ok(Err(_)), None) => Err(EngineFailure::Closed.into()),
            (Err(_), _) => Err(EngineFailure::OutcomeUnknown.into()),
        }
    }

    /// Notes the sizes of the tables, if this is the first time.
    pub(crate) fn note_sizes(&self) {
        self.database.note_sizes();
    }

    /// The plan of a statement, outside of the transaction that may be open.
    pub(crate) async fn explain(
        &self,
        sql: &str,
        parameters: Vec<Value>,
        deadline: Instant,
    ) -> Result<Vec<PlanStep>, Error> {
        let (reply, replied) = oneshot::channel();
        let statement = Statement {
            sql: sql.into(),
            parameters,
            counters: self.counters,
            needs: None,
        };
        let database = self.database.clone();
        self.database.spawn(async move {
            let _ = reply.send(plan::explain(&database, &statement, deadline).await);
        });
        answered(replied, deadline).await
    }

    /// The schema that statements are translated with.
    pub(crate) async fn schema(&self, deadline: Instant) -> Result<Schema, Error> {
        let (reply, replied) = oneshot::channel();
        let database = self.database.clone();
        self.database.spawn(async move {
            let mut stop = Stop::at(deadline);
            let ready = database.ready("SELECT 1", &[], &mut stop).await;
            let _ = reply.send(ready.map(|ready| ready.known.schema.clone()));
        });
        answered(replied, deadline).await
    }

    pub(crate) fn last_insert_rowid(&self) -> i64 {
        self.counters.last_insert_rowid
    }

    pub(crate) fn changes(&self) -> u64 {
        self.counters.changes
    }

    /// That of the last statement.
    pub(crate) fn work(&self) -> Work {
        Work {
            waited: self.counters.waited,
            read: None,
        }
    }

    pub(crate) fn roll_back(&mut self) {
        // This drops the sender, which ends the task of the transaction.
        self.mode = Mode::Autocommit;
    }

    pub(crate) fn is_in_transaction(&self) -> bool {
        matches!(self.mode, Mode::InTransaction(_))
    }

    fn lost(&mut self) -> Result<Rows, Error> {
        self.mode = Mode::Autocommit;
        Err(Error::TransactionLost)
    }

    fn finished(
        &mut self,
        reply: Reply,
        transaction: Option<mpsc::Sender<Job>>,
    ) -> Result<Rows, Error> {
        self.counters = reply.counters;
        self.mode = match (reply.state, transaction) {
            (State::Opened(transaction), _) => Mode::InTransaction(transaction),
            (State::Inside, Some(transaction)) => Mode::InTransaction(transaction),
            (State::Lost, _) => Mode::TransactionLost,
            (State::Outside | State::Inside, _) => Mode::Autocommit,
        };
        if reply.result == Err(Error::Engine(EngineFailure::SerializationFailure)) {
            self.counters.conflicts = self.counters.conflicts.saturating_add(1);
        }
        let is_late = reply.result == Err(Error::Engine(EngineFailure::DeadlineExceeded));
        if is_late {
            self.database.statistics().deadlines_exceeded.increment();
        }
        reply.result
    }
}

/// What a task answers, within the time that it has.
pub(super) async fn answered<T>(
    replied: oneshot::Receiver<Result<T, Error>>,
    deadline: Instant,
) -> Result<T, Error> {
    match timeout_at((deadline + MAX_REPLY_WAIT).into(), replied).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(EngineFailure::Closed.into()),
        Err(_) => Err(EngineFailure::DeadlineExceeded.into()),
    }
}
