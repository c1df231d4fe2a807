//! A guest's connection: where each of its statements runs, and the transaction it has open.
//! Running them is left to the readers and the writer.

use std::mem;
use std::time::Instant;

use super::connection::Kind;
use super::counters::Counters;
use super::database::Database;
use super::error::Error;
use super::limits::{INLINE_READ_BUDGET, MAX_PARAMETERS, MAX_STATEMENT_BYTES};
use super::value::{Rows, Value};
use super::writer::{Task, Transaction};
use crate::clock;

/// One guest's connection to a database.
///
/// A statement outside a transaction is its own transaction and is durable when it returns. `BEGIN` and
/// `SAVEPOINT` open a transaction, which has the writer to itself until it ends: other writes wait, reads go on. If
/// the session is dropped with a transaction open, the transaction is rolled back at once. It also is rolled back
/// when it stays without a statement for too long ([`Options`](super::Options)).
#[derive(Debug)]
pub struct Session {
    database: Database,
    counters: Counters,
    mode: Mode,
}

#[derive(Debug)]
enum Mode {
    Autocommit,
    InTransaction(Transaction),
    /// The transaction went away and the guest does not know yet.
    TransactionLost,
}

impl Session {
    pub(super) fn new(database: Database) -> Self {
        Self {
            database,
            counters: Counters::default(),
            mode: Mode::Autocommit,
        }
    }

    /// Executes one statement and returns its rows.
    ///
    /// The text must hold one statement; anything after it but spaces and comments is an error, so that
    /// nothing is skipped silently. Migrations execute their statements one by one.
    ///
    /// Dropping the future stops the statement. A statement outside a transaction then either happened completely or
    /// not at all; a transaction is rolled back.
    ///
    /// # Errors
    ///
    /// See [`Error`]. After an error the session can be used again.
    pub async fn execute(
        &mut self,
        sql: &str,
        parameters: Vec<Value>,
        deadline: Instant,
    ) -> Result<Rows, Error> {
        check_size(sql, &parameters)?;
        let result = self.dispatch(sql, parameters, deadline).await;
        if matches!(result, Err(Error::DeadlineExceeded)) {
            self.database.statistics().deadlines_exceeded.increment();
        }
        result
    }

    /// The rowid of the last row that a statement of this session inserted; 0 before the first.
    #[must_use]
    pub fn last_insert_rowid(&self) -> i64 {
        self.counters.last_insert_rowid
    }

    /// How many rows the last `INSERT`, `UPDATE` or `DELETE` of this session changed.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.counters.changes
    }

    /// Rolls back the transaction, if one is open.
    pub fn roll_back(&mut self) {
        // Dropping a transaction is what rolls it back.
        self.mode = Mode::Autocommit;
    }

    /// Whether a transaction is open.
    #[must_use]
    pub fn is_in_transaction(&self) -> bool {
        matches!(self.mode, Mode::InTransaction(_))
    }

    async fn dispatch(
        &mut self,
        sql: &str,
        parameters: Vec<Value>,
        deadline: Instant,
    ) -> Result<Rows, Error> {
        if clock::now() >= deadline {
            return Err(Error::DeadlineExceeded);
        }
        match mem::replace(&mut self.mode, Mode::Autocommit) {
            Mode::Autocommit => self.execute_alone(sql, parameters, deadline).await,
            Mode::InTransaction(transaction) => {
                // Until the transaction is back: this future may be dropped.
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
            Kind::Read => self.read(sql, parameters, deadline).await,
            Kind::LongRead => self.read_elsewhere(sql, parameters, deadline).await,
            kind @ (Kind::Write | Kind::Alone | Kind::Vacuum) => {
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
        let task = self.task(sql, parameters, Kind::Alone);
        let executed = transaction.execute(task, deadline).await;
        self.mode = Mode::Autocommit;
        let reply = executed?;
        self.counters = reply.counters;
        self.mode = reply
            .transaction
            .map_or(Mode::Autocommit, Mode::InTransaction);
        reply.result
    }

    async fn kind(&self, sql: &str, deadline: Instant) -> Result<Kind, Error> {
        let (kinds, readers) = (self.database.kinds(), self.database.readers());
        if let Some(kind) = kinds.get(sql) {
            return Ok(kind);
        }
        let kind = match readers.here(deadline, |connection| connection.kind(sql)) {
            Some(kind) => kind?,
            None => {
                let sql: Box<str> = sql.into();
                readers
                    .elsewhere(deadline, move |connection| connection.kind(&sql))
                    .await?
            }
        };
        kinds.remember(sql, kind);
        Ok(kind)
    }

    async fn read(
        &self,
        sql: &str,
        parameters: Vec<Value>,
        deadline: Instant,
    ) -> Result<Rows, Error> {
        let counters = self.counters;
        let readers = self.database.readers();
        if let Some(result) =
            readers.here(deadline, |reader| reader.read(sql, &parameters, counters))
        {
            return result;
        }
        self.database.kinds().remember(sql, Kind::LongRead);
        self.read_elsewhere(sql, parameters, deadline).await
    }

    async fn read_elsewhere(
        &self,
        sql: &str,
        parameters: Vec<Value>,
        deadline: Instant,
    ) -> Result<Rows, Error> {
        let counters = self.counters;
        let text: Box<str> = sql.into();
        let read = self.database.readers().elsewhere(deadline, move |reader| {
            let begin = clock::now();
            let rows = reader.read(&text, &parameters, counters)?;
            Ok((rows, begin.elapsed()))
        });
        let (rows, duration) = read.await?;
        if duration < INLINE_READ_BUDGET / 2 {
            // It was slow for another reason, such as a busy machine or a cold cache.
            self.database.kinds().remember(sql, Kind::Read);
        }
        Ok(rows)
    }

    fn task(&self, sql: &str, parameters: Vec<Value>, kind: Kind) -> Task {
        Task {
            sql: sql.into(),
            parameters,
            kind,
            counters: self.counters,
        }
    }
}

fn check_size(sql: &str, parameters: &[Value]) -> Result<(), Error> {
    if sql.len() > MAX_STATEMENT_BYTES {
        return Err(Error::StatementTooLong { bytes: sql.len() });
    }
    if parameters.len() > MAX_PARAMETERS {
        return Err(Error::ParameterCount {
            given: parameters.len(),
            expected: MAX_PARAMETERS,
        });
    }
    Ok(())
}
