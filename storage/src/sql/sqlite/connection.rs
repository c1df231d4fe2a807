//! One SQLite connection. It compiles, binds and runs statements, under an interrupt and an authorizer. The session
//! chooses the connection; the writer's thread controls transactions.

use std::cell::Cell;
use std::sync::Arc;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection as Sqlite, Row, Statement, StatementStatus};

use super::authorizer::Authorizer;
use super::counters::{self, Counters, SharedCounters};
use super::failures;
use super::interrupt::{Interrupt, Limit};
use super::math;
use super::shared::Shared;
use crate::sql::error::Error;
use crate::sql::limits::{MAX_CACHED_STATEMENT_BYTES, MAX_RESULT_BYTES, STEPS_BETWEEN_CHECKS};
use crate::sql::value::{Rows, Value};
use crate::sql::work::{Read, Work};

/// The kind of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StatementKind {
    /// Changes nothing.
    Read,
    /// Changes nothing, and takes longer than it may hold its caller's thread.
    LongRead,
    /// Changes the database, and may share a transaction with others.
    Write,
    /// Begins, ends or marks a transaction, or is a `PRAGMA`.
    Alone,
    /// Rewrites the file.
    Vacuum,
}

/// A connection with the objects that its SQLite callbacks use.
#[derive(Debug)]
pub(super) struct Connection {
    sqlite: Sqlite,
    interrupt: Arc<Interrupt>,
    authorizer: Arc<Authorizer>,
    counters: Arc<SharedCounters>,
    /// What the last statement read.
    read: Cell<Read>,
}

impl Connection {
    /// Installs interrupt, authorizer and counters on a connection that was just opened.
    pub(super) fn new(mut sqlite: Sqlite, shared: Shared) -> rusqlite::Result<Self> {
        let Shared {
            statistics,
            closing,
        } = shared;
        let (interrupt, authorizer) = (Interrupt::new(closing), Authorizer::new());
        let counters = Arc::new(SharedCounters::default());
        let progress = Arc::clone(&interrupt);
        sqlite.progress_handler(STEPS_BETWEEN_CHECKS, Some(move || progress.must_stop()))?;
        let busy = Arc::clone(&interrupt);
        sqlite.busy_handler(Some(move |attempts| {
            statistics.lock_waits.increment();
            busy.wait_for_lock(attempts)
        }))?;
        let asked = Arc::clone(&authorizer);
        sqlite.authorizer(Some(move |context: rusqlite::hooks::AuthContext<'_>| {
            asked.authorize(&context)
        }))?;
        counters::define_changes(&sqlite, &counters)?;
        math::define(&sqlite)?;
        Ok(Self {
            sqlite,
            interrupt,
            authorizer,
            counters,
            read: Cell::default(),
        })
    }

    /// Runs statements of the host, which the authorizer does not check.
    pub(super) fn internally<T>(
        &self,
        work: impl FnOnce(&Sqlite) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.authorizer.internally(|| work(&self.sqlite))
    }

    /// Runs one statement of the host and discards its result.
    pub(super) fn command(&self, sql: &str) -> Result<(), Error> {
        self.internally(|sqlite| sqlite.prepare_cached(sql)?.execute([]))
            .map(drop)
            .map_err(|error| self.error(&error))
    }

    /// Runs statements of the host one after the other and discards their results.
    pub(super) fn batch(&self, sql: &str) -> Result<(), Error> {
        self.internally(|sqlite| sqlite.execute_batch(sql))
            .map_err(|error| self.error(&error))
    }

    /// Defines `last_insert_rowid()` as the session's value. For connections that only read.
    pub(super) fn define_last_insert_rowid(&self) -> rusqlite::Result<()> {
        counters::define_last_insert_rowid(&self.sqlite, &self.counters)
    }

    /// Whether no transaction is open.
    pub(super) fn is_autocommit(&self) -> bool {
        self.sqlite.is_autocommit()
    }

    /// Runs `work`, and stops it at `limit`.
    pub(super) fn limited<T>(&self, limit: Limit, work: impl FnOnce(&Self) -> T) -> T {
        self.interrupt.set(limit);
        let result = work(self);
        self.interrupt.set(Limit::None);
        result
    }

    /// Determines the kind of a statement.
    pub(super) fn kind(&self, sql: &str) -> Result<StatementKind, Error> {
        self.compile_for_kind(sql).or_else(|_| {
            // The schema may have changed. SQLite always checks that when it runs a statement, but not always when it
            // compiles one. So run one, then compile again.
            self.batch("SELECT count(*) FROM sqlite_schema")?;
            self.compile_for_kind(sql)
        })
    }

    /// Compiles the statement without the cache, because SQLite asks the authorizer only during compilation.
    fn compile_for_kind(&self, sql: &str) -> Result<StatementKind, Error> {
        self.authorizer.take_seen();
        let statement = self
            .sqlite
            .prepare(sql)
            .map_err(|error| self.error(&error))?;
        let seen = self.authorizer.take_seen();
        Ok(if seen.transaction {
            StatementKind::Alone
        } else if statement.readonly() {
            StatementKind::Read
        } else if seen.pragma {
            StatementKind::Alone
        } else if seen.action {
            StatementKind::Write
        } else {
            StatementKind::Vacuum
        })
    }

    /// Runs a statement that reads. Returns its rows and the session's new counters.
    pub(super) fn read(
        &self,
        sql: &str,
        parameters: &[Value],
        session: Counters,
    ) -> Result<(Rows, Counters), Error> {
        self.counters.set(session);
        let rows = self.run(sql, parameters)?;
        Ok((rows, self.with_work(session)))
    }

    /// Runs a statement on the connection for writes. Returns its rows and the session's new counters.
    pub(super) fn write(
        &self,
        sql: &str,
        parameters: &[Value],
        session: Counters,
    ) -> Result<(Rows, Counters), Error> {
        self.counters.set(session);
        self.internally(|sqlite| counters::restore(sqlite, session))
            .map_err(|error| self.error(&error))?;
        let total_before = self.sqlite.total_changes();
        let rows = self.run(sql, parameters)?;
        let after = counters::after(&self.sqlite, total_before, session);
        Ok((rows, self.with_work(after)))
    }

    fn with_work(&self, counters: Counters) -> Counters {
        let work = Work {
            read: Some(self.read.get()),
            ..counters.work
        };
        Counters { work, ..counters }
    }

    /// Runs a `VACUUM`.
    pub(super) fn vacuum(&self, sql: &str, parameters: &[Value]) -> Result<Rows, Error> {
        self.authorizer.during_vacuum(|| self.run(sql, parameters))
    }

    fn run(&self, sql: &str, parameters: &[Value]) -> Result<Rows, Error> {
        if sql.len() > MAX_CACHED_STATEMENT_BYTES {
            let mut statement = self
                .sqlite
                .prepare(sql)
                .map_err(|error| self.error(&error))?;
            return self.run_prepared(&mut statement, parameters);
        }
        let mut statement = self
            .sqlite
            .prepare_cached(sql)
            .map_err(|error| self.error(&error))?;
        self.run_prepared(&mut statement, parameters)
    }

    fn run_prepared(
        &self,
        statement: &mut Statement<'_>,
        parameters: &[Value],
    ) -> Result<Rows, Error> {
        let (given, expected) = (parameters.len(), statement.parameter_count());
        if given != expected {
            return Err(Error::ParameterCount { given, expected });
        }
        for (index, parameter) in parameters.iter().enumerate() {
            statement
                .raw_bind_parameter(index + 1, to_sqlite(parameter))
                .map_err(|error| self.error(&error))?;
        }
        let result = self.collect(statement);
        let count = |status| u64::try_from(statement.reset_status(status)).unwrap_or(0);
        self.read.set(Read {
            scanned: count(StatementStatus::FullscanStep),
            steps: count(StatementStatus::VmStep),
        });
        result
    }

    fn collect(&self, statement: &mut Statement<'_>) -> Result<Rows, Error> {
        let mut result = Rows::default();
        let mut size = 0;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(|error| self.error(&error))? {
            if result.columns.is_empty() {
                // Read the names after the first step: SQLite compiles the statement again in it if the schema has
                // changed.
                result.columns = names(row.as_ref());
            }
            result
                .rows
                .push(self.values(row, &result.columns, &mut size)?);
        }
        drop(rows);
        if result.columns.is_empty() {
            result.columns = names(statement);
        }
        Ok(result)
    }

    fn values(
        &self,
        row: &Row<'_>,
        columns: &[String],
        size: &mut usize,
    ) -> Result<Vec<Value>, Error> {
        let mut values = Vec::with_capacity(columns.len());
        *size += size_of::<Vec<Value>>();
        for (index, column) in columns.iter().enumerate() {
            let value = row.get_ref(index).map_err(|error| self.error(&error))?;
            let value = to_value(value, column)?;
            *size += value.size();
            if *size > MAX_RESULT_BYTES {
                return Err(Error::ResultTooLarge);
            }
            values.push(value);
        }
        Ok(values)
    }

    fn error(&self, error: &rusqlite::Error) -> Error {
        failures::error(error, self.authorizer.take_refusal())
    }
}

fn names(statement: &Statement<'_>) -> Vec<String> {
    statement.column_names().map(str::to_owned).collect()
}

pub(in crate::sql) fn to_sqlite(value: &Value) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(match value {
        Value::Integer(integer) => ValueRef::Integer(*integer),
        Value::Real(real) => ValueRef::Real(*real),
        Value::Text(text) => ValueRef::Text(text.as_bytes()),
        Value::Blob(bytes) => ValueRef::Blob(bytes),
        Value::Null => ValueRef::Null,
    })
}

fn to_value(value: ValueRef<'_>, column: &str) -> Result<Value, Error> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(integer) => Value::Integer(integer),
        ValueRef::Real(real) => Value::Real(real),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => {
                return Err(Error::InvalidText {
                    column: column.to_owned(),
                });
            }
        },
    })
}
