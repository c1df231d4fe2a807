//! SQL databases, granted by `sqlite_databases` in `spin.toml`.
//!
//! Statements are SQLite's dialect. Values travel as parameters, never inside the text: that keeps them
//! from being read as SQL, and lets the host prepare each text once.

mod value;

pub use value::{FromValue, Value};

use std::borrow::Cow;

use crate::host;

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The component is not granted a database of that label.
    #[error("access to the database is denied; add its label to sqlite_databases in spin.toml")]
    AccessDenied,
    /// The label is granted but no database of that name exists.
    #[error("there is no such database")]
    NoSuchDatabase,
    /// The host has closed the connection.
    #[error("the database connection is closed")]
    InvalidConnection,
    /// There is no room left.
    #[error("the database is full")]
    DatabaseFull,
    /// The database refused the statement or could not run it; the text is the engine's.
    #[error("the statement failed: {0}")]
    Statement(String),
    /// A row does not hold what the function expects of it.
    #[error("column {column} holds {found} and not {expected}")]
    UnexpectedValue {
        /// Its place in the row, from 0.
        column: usize,
        /// The kind of value there.
        found: &'static str,
        /// The type that was asked for.
        expected: &'static str,
    },
    /// A statement that always gives a row gave none.
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

/// An open connection. Transactions belong to it, and end with it.
pub struct Connection(host::Connection);

impl Connection {
    /// Opens the database of that label; `default` needs no configuration.
    ///
    /// # Errors
    ///
    /// [`Error::AccessDenied`] without a grant, [`Error::NoSuchDatabase`] if the host does not know the label.
    pub async fn open(label: &str) -> Result<Self, Error> {
        host::Connection::open(label).await.map(Self)
    }

    /// Runs one statement and gives all its rows.
    ///
    /// # Errors
    ///
    /// [`Error::Statement`] if the database refused it, with nothing changed.
    pub async fn execute(
        &self,
        text: &str,
        parameters: impl Into<Vec<Value>>,
    ) -> Result<Rows, Error> {
        self.0.execute(text, parameters.into()).await
    }

    /// Runs all statements or none, in order, and gives the rows of each.
    ///
    /// No other writer comes between them. If the future is dropped half-way, the host rolls back when it
    /// closes the connection.
    ///
    /// # Errors
    ///
    /// The error of the first statement that failed, with nothing changed.
    pub async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, Error> {
        if let [only] = statements {
            // A single statement is atomic by itself.
            return Ok(vec![self.run(only).await?]);
        }
        // IMMEDIATE takes the writer's lock at once: a transaction that reads first and asks for it later
        // can be refused half-way, when another has written in between.
        self.execute("BEGIN IMMEDIATE", []).await?;
        match self.run_all(statements).await {
            Ok(rows) => Ok(rows),
            Err(error) => {
                // The first error is the one worth reporting. Should this one fail too, the connection is
                // gone and the host has rolled back.
                _ = self.execute("ROLLBACK", []).await;
                Err(error)
            }
        }
    }

    async fn run_all(&self, statements: &[Statement]) -> Result<Vec<Rows>, Error> {
        let mut all = Vec::with_capacity(statements.len());
        for statement in statements {
            all.push(self.run(statement).await?);
        }
        self.execute("COMMIT", []).await?;
        Ok(all)
    }

    async fn run(&self, statement: &Statement) -> Result<Rows, Error> {
        self.execute(&statement.text, statement.parameters.clone())
            .await
    }
}

/// The rows of a statement; none for a statement that only changes something.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rows {
    columns: Vec<String>,
    rows: Vec<Row>,
}

impl Rows {
    pub(crate) const fn new(columns: Vec<String>, rows: Vec<Row>) -> Self {
        Self { columns, rows }
    }

    /// The names of the columns, in order.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The first row, if there is one.
    #[must_use]
    pub fn first(&self) -> Option<&Row> {
        self.rows.first()
    }

    /// The first row of a statement that always gives one.
    ///
    /// # Errors
    ///
    /// [`Error::NoRow`] if it gave none.
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

    /// The value of a column as a Rust type; `Option` stands for a column that may be NULL.
    ///
    /// # Errors
    ///
    /// [`Error::UnexpectedValue`] if the column holds something else, or does not exist.
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
