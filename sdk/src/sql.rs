//! SQL databases, granted by `sqlite_databases` in `spin.toml`, or by `[[d1_databases]]` in `wrangler.toml`.
//!
//! Statements use SQLite's dialect. Pass values as parameters, never inside the text: then they are never read as SQL, and the
//! host prepares each text only once.

#[allow(
    dead_code,
    reason = "only D1 has JavaScript's numbers; all others only read integers as reals"
)]
pub(crate) mod number;
#[allow(
    dead_code,
    reason = "D1 only looks at first words, and all others only split scripts"
)]
pub(crate) mod script;
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub(crate) mod transaction;
mod value;

pub use value::{FromValue, Value};

use std::borrow::Cow;

use crate::host;
use crate::manifest::grant;

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The manifest does not grant a database with that label.
    #[error("access to the database {0:?} is denied; {what}", what = grant::database(.0))]
    AccessDenied(String),
    /// The label is granted, but there is no such database.
    #[error("there is no such database")]
    NoSuchDatabase,
    /// The host has closed the connection.
    #[error("the database connection is closed")]
    InvalidConnection,
    /// The disk is full.
    #[error("the database is full")]
    DatabaseFull,
    /// The database refused the statement or could not run it. The text comes from the database.
    #[error("the statement failed: {0}")]
    Statement(String),
    /// Others changed the database meanwhile, so the transaction cannot go on: roll it back and begin it again. A batch and a
    /// migration do that by themselves.
    #[error("the database was changed by others meanwhile; begin the transaction again")]
    Conflict,
    /// The host has no transactions over several calls, such as D1.
    #[error("{0} is not possible on D1: give all statements of a transaction to Connection::batch")]
    NoTransaction(String),
    /// The host's numbers are JavaScript's, which cannot represent this one.
    #[error("{0} cannot be a parameter on D1, which would change it: pass it as text")]
    Inexact(String),
    /// Two columns of a statement in a batch have the same name, or a name is a number. D1 returns the rows of a batch by name, so
    /// it would lose a column or change the order.
    #[error("column {0:?} of a statement in a batch needs a name of its own: give it one with AS")]
    ColumnName(String),
    /// A migration failed. None of the missing migrations was applied.
    #[error("migration {number} failed, and none was applied: {source}")]
    Migration {
        /// Its number, from 1.
        number: u32,
        /// Why.
        source: Box<Error>,
    },
    /// The database lacks migrations, and this host does not apply them.
    #[error(
        "database {label:?} has {applied} of {known} migrations: run `{command}`, or with --local for wrangler dev"
    )]
    NotMigrated {
        /// Its label.
        label: String,
        /// The number of applied migrations.
        applied: usize,
        /// The number of migrations in the function.
        known: usize,
        /// The command that applies them.
        command: String,
    },
    /// A column does not have the expected type.
    #[error("column {column} holds {found} and not {expected}")]
    UnexpectedValue {
        /// Its index, from 0.
        column: usize,
        /// The kind of its value.
        found: &'static str,
        /// The requested type.
        expected: &'static str,
    },
    /// A statement that must return a row returned none.
    #[error("the statement gave no row")]
    NoRow,
}

/// One statement with its parameters, for [`Connection::batch`].
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    text: Cow<'static, str>,
    parameters: Vec<Value>,
}

impl Statement {
    /// A statement without parameters.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            text: text.into(),
            parameters: Vec::new(),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn parameters(&self) -> &[Value] {
        &self.parameters
    }

    /// Appends the next parameter: the first call binds `?1`.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.parameters.push(value.into());
        self
    }
}

/// A list of parameters of different types: `values![1, "text", None::<i64>]`.
#[macro_export]
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::sql::Value::from($value)),*] };
}

/// An open connection. A transaction belongs to a connection and ends with it.
///
/// The statements of a connection run one after the other. On Terrace and Spin, a function that has one connection open does nothing
/// else meanwhile, which is faster than to go on. Open a second one to run statements at the same time.
pub struct Connection(host::Connection);

impl Connection {
    /// Opens the database with that label; `default` needs no configuration.
    ///
    /// # Errors
    ///
    /// [`Error::AccessDenied`] without a grant, [`Error::NoSuchDatabase`] if the host does not know the label.
    pub async fn open(label: &str) -> Result<Self, Error> {
        host::Connection::open(label).await.map(Self)
    }

    /// Runs one statement and returns all its rows.
    ///
    /// # Errors
    ///
    /// [`Error::Statement`] if the database refused it; nothing has changed then.
    pub async fn execute(
        &self,
        text: &str,
        parameters: impl Into<Vec<Value>>,
    ) -> Result<Rows, Error> {
        self.0.execute(text, parameters.into()).await
    }

    /// Runs all statements or none, in order, and returns the rows of each.
    ///
    /// The effect is as if no other writer ran between them. If others are in the way, the batch runs again. If the future is dropped half-way, the host rolls back.
    ///
    /// # Errors
    ///
    /// The error of the first statement that failed; nothing has changed then. [`Error::ColumnName`] if two columns of a statement
    /// have the same name.
    pub async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, Error> {
        host::batch(&self.0, statements).await
    }

    /// Applies the missing `migrations`, in one transaction. Each is a script; the first is number 1. Add scripts at the end, and
    /// never change one.
    ///
    /// The table `schema_version` counts the applied migrations. Terrace applies those that the manifest names before it serves; this
    /// function then finds them applied, if the numbers of their files are those of the scripts. On Cloudflare, wrangler applies the same files, and this function
    /// only checks that it did.
    ///
    /// # Errors
    ///
    /// [`Error::Migration`] if one failed; none of the missing ones is applied then. On Cloudflare [`Error::NotMigrated`], with the
    /// command to run.
    pub async fn migrate(&self, migrations: &[&str]) -> Result<(), Error> {
        host::migrate(&self.0, migrations).await
    }
}

/// Refuses names that a row by names cannot keep in order: duplicates, and numbers, which JavaScript puts first.
pub(crate) fn check_names(columns: &[String]) -> Result<(), Error> {
    let is_number = |name: &String| name.bytes().all(|byte| byte.is_ascii_digit());
    let wrong = columns.iter().enumerate().find(|(index, name)| {
        columns[..*index].contains(name) || (columns.len() > 1 && is_number(name))
    });
    wrong.map_or(Ok(()), |(_, name)| Err(Error::ColumnName(name.clone())))
}

/// The rows of a statement; empty if the statement returns none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rows {
    columns: Vec<String>,
    rows: Vec<Row>,
}

impl Rows {
    pub(crate) const fn new(columns: Vec<String>, rows: Vec<Row>) -> Self {
        Self { columns, rows }
    }

    /// The names of the columns, in order. D1 does not return them for a statement in a batch that has no rows.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The first row, if there is one.
    #[must_use]
    pub fn first(&self) -> Option<&Row> {
        self.rows.first()
    }

    /// The first row of a statement that must return one.
    ///
    /// # Errors
    ///
    /// [`Error::NoRow`] if it returned none.
    pub fn one(&self) -> Result<&Row, Error> {
        self.first().ok_or(Error::NoRow)
    }
}

impl std::ops::Deref for Rows {
    type Target = [Row];

    fn deref(&self) -> &[Row] {
        &self.rows
    }
}

/// One row; columns are numbered from 0 in the order of the statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(Vec<Value>);

impl Row {
    pub(crate) const fn new(values: Vec<Value>) -> Self {
        Self(values)
    }

    /// The value of a column as a Rust type. Use `Option` for a column that may be NULL.
    ///
    /// # Errors
    ///
    /// [`Error::UnexpectedValue`] if the column has another type, or does not exist.
    pub fn get<'row, T: FromValue<'row>>(&'row self, column: usize) -> Result<T, Error> {
        let value = self.0.get(column);
        value
            .and_then(T::from_value)
            .ok_or_else(|| Error::UnexpectedValue {
                column,
                found: value.map_or("nothing", Value::kind),
                expected: std::any::type_name::<T>(),
            })
    }
}
