//! A session on SQLite. It chooses the thread of each statement and holds its open transaction. The pool and the writer
//! execute the statements.

use std::mem;
use std::time::Instant;

use super::connection::StatementKind;
use super::counters::Counters;
use super::database::Database;
use super::job::{Task, Transaction};
use crate::clock;
use crate::failure::EngineFailure;
use crate::sql::error::Error;
use crate::sql::limits::INLINE_READ_BUDGET;
use crate::sql::value::{Rows, Value};
use crate::sql::work::Work;

#[derive(Debug)]
pub(crate) struct Session {
    database: Database,
    counters: Counters,
    mode: Mode,
}

#[derive(Debug)]
enum Mode {
    Autocommit,
    InTransaction(Transaction),
    /// The transaction was rolled back, and the guest has not been told yet.
    TransactionLost,
}

impl Database {
    /// Executes one of this crate's own statements outside of transactions, and returns its rows.
    pub(crate) async fn execute(
        &self,
        sql: &str,
        parameters: Vec<Value>,
        deadline: Instant,
    ) -> Result<Vec<Vec<Value>>, EngineFailure> {
        if clock::now() >= deadline {
            return Err(EngineFailure::DeadlineExceeded);
        }
        let mut session = Session::new(self.clone());
        let rows = session.execute(sql, parameters, deadline).await;
        Ok(rows.map_err(Error::of_own_statement)?.rows)
    }
}

impl Session {
    pub(crate) fn new(database: Database) -> Self {
        Self::continuing(database, 0, 0)
    }

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
        deadline: Instant,
    ) -> Result<Rows, Error> {
        self.counters.work = Work::default();
        let result = self.dispatch(sql, parameters, deadline).await;
        if result == Err(Error::Engine(EngineFailure::DeadlineExceeded)) {
            self.database.statistics().deadlines_exceeded.increment();
        }
        result
    }

    pub(crate) fn last_insert_rowid(&self) -> i64 {
        self.counters.last_insert_rowid
    }

    pub(crate) fn changes(&self) -> u64 {
        self.counters.changes
    }

    /// That of the last statement.
    pub(crate) fn work(&self) -> Work {
        self.counters.work
    }

    pub(crate) fn roll_back(&mut self) {
        // This drops the transaction, which rolls it back.
        self.mode = Mode::Autocommit;
    }

    pub(crate) fn is_in_transaction(&self) -> bool {
        matches!(self.mode, Mode::InTransaction(_))
    }

    async fn dispatch(
        &mut self,
        sql: &str,
        parameters: Vec<Value>,
        deadline: Instant,
    ) -> Result<Rows, Error> {
        match mem::replace(&mut self.mode, Mode::Autocommit) {
            Mode::Autocommit => self.execute_alone(sql, parameters, deadline).await,
            Mode::InTransaction(transaction) => {
                // This stays if the future is dropped before the transaction returns.
                self.mode = Mode::TransactionLost;
                self.execute_within(transaction, sql, parameters, deadline)
                    .await
            }
            Mode::TransactionLost => Err(Error::TransactionLost),
        }
    }

    async fn execute_alone(
        &mut self,
        sql: &str,
        parameters: Vec<Value>,
        deadline: Instant,
    ) -> Result<Rows, Error> {
        match self.kind(sql, deadline).await? {
            StatementKind::Read => self.read(sql, parameters, deadline).await,
            StatementKind::LongRead => self.read_elsewhere(sql, parameters, deadline).await,
            kind @ (StatementKind::Write | StatementKind::Alone | StatementKind::Vacuum) => {
                let task = self.task(sql, parameters, kind);
                let reply = self.database.writer().execute(task, deadline).await?;
                self.counters = reply.counters;
                self.mode = reply
                    .transaction
                    .map_or(Mode::Autocommit, Mode::InTransaction);
                reply.result
            }
        }
    }

    async fn execute_within(
        &mut self,
        transaction: Transaction,
        sql: &str,
        parameters: Vec<Value>,
        deadline: Instant,
    ) -> Result<Rows, Error> {
        let task = self.task(sql, parameters, StatementKind::Alone);
        let executed = transaction.execute(task, deadline).await;
        self.mode = Mode::Autocommit;
        let reply = executed?;
        self.counters = reply.counters;
        self.mode = reply
            .transaction
            .map_or(Mode::Autocommit, Mode::InTransaction);
        reply.result
    }

    async fn kind(&self, sql: &str, deadline: Instant) -> Result<StatementKind, Error> {
        let (kinds, pool) = (self.database.kinds(), self.database.pool());
        if let Some(kind) = kinds.get(sql) {
            return Ok(kind);
        }
        let kind = match pool.here(deadline, |connection| connection.kind(sql)) {
            Some(kind) => kind?,
            None => {
                let sql: Box<str> = sql.into();
                pool.elsewhere(deadline, move |connection| connection.kind(&sql))
                    .await?
            }
        };
        kinds.remember(sql, kind);
        Ok(kind)
    }

    async fn read(
        &mut self,
        sql: &str,
        parameters: Vec<Value>,
        deadline: Instant,
    ) -> Result<Rows, Error> {
        let counters = self.counters;
        let pool = self.database.pool();
        if let Some(result) = pool.here(deadline, |reader| reader.read(sql, &parameters, counters))
        {
            let (rows, counters) = result?;
            self.counters = counters;
            return Ok(rows);
        }
        self.database.kinds().remember(sql, StatementKind::LongRead);
        self.read_elsewhere(sql, parameters, deadline).await
    }

    async fn read_elsewhere(
        &mut self,
        sql: &str,
        parameters: Vec<Value>,
        deadline: Instant,
    ) -> Result<Rows, Error> {
        let mut counters = self.counters;
        let text: Box<str> = sql.into();
        let asked = clock::now();
        let read = self.database.pool().elsewhere(deadline, move |reader| {
            let begin = clock::now();
            counters.work.waited = begin - asked;
            let (rows, counters) = reader.read(&text, &parameters, counters)?;
            Ok((rows, counters, clock::now() - begin))
        });
        let (rows, counters, duration) = read.await?;
        self.counters = counters;
        if duration < INLINE_READ_BUDGET / 2 {
            // The earlier read was slow for another reason, such as a busy machine or a cold cache.
            self.database.kinds().remember(sql, StatementKind::Read);
        }
        Ok(rows)
    }

    fn task(&self, sql: &str, parameters: Vec<Value>, kind: StatementKind) -> Task {
        Task {
            sql: sql.into(),
            parameters,
            kind,
            counters: self.counters,
            asked: clock::now(),
        }
    }
}
