//! Databases through `spin:sqlite@3.1.0`.
//!
//! A call blocks the instance if that harms nobody ([`super::blocking`]). An asynchronous call costs about three more host calls, and
//! two turns of the host's loop: one until the rows have arrived, and one until they are known to be all.

use spin_sdk::sqlite::wit::sqlite::{Connection as HostConnection, QueryResult, RowResult};
use spin_sdk::sqlite::{Error as HostError, Value as HostValue};
use spin_sdk::wasip3::wit_bindgen::{StreamReader, StreamResult};

use super::blocking::{self, Counted};
use crate::sql::{Error, Row, Rows, Value};

/// The last words of Terrace about a conflict. The interface has no error of its own for it.
const CONFLICT: &str = "begin the transaction again";

/// The number of rows per call: a usual result needs one call.
const ROWS_PER_READ: usize = 64;

pub(crate) struct Connection {
    connection: HostConnection,
    label: String,
    _counted: Counted,
}

impl Connection {
    pub(crate) async fn open(label: &str) -> Result<Self, Error> {
        let counted = Counted::connection();
        let connection = if blocking::is_allowed() {
            HostConnection::open(label)
        } else {
            HostConnection::open_async(label.to_owned()).await
        };
        Ok(Self {
            connection: connection.map_err(error(label))?,
            label: label.to_owned(),
            _counted: counted,
        })
    }

    pub(crate) async fn execute(&self, text: &str, parameters: Vec<Value>) -> Result<Rows, Error> {
        let parameters: Vec<_> = parameters.into_iter().map(to_host).collect();
        let result = if blocking::is_allowed() {
            self.connection.execute(text, &parameters)
        } else {
            self.execute_async(text, parameters).await
        };
        let QueryResult { columns, rows } = result.map_err(error(&self.label))?;
        let row = |row: RowResult| Row::new(row.values.into_iter().map(from_host).collect());
        Ok(Rows::new(columns, rows.into_iter().map(row).collect()))
    }

    async fn execute_async(
        &self,
        text: &str,
        parameters: Vec<HostValue>,
    ) -> Result<QueryResult, HostError> {
        let execute = self.connection.execute_async(text.to_owned(), parameters);
        let (columns, stream, finished) = execute.await?;
        let rows = read(stream).await;
        finished.await?;
        Ok(QueryResult { columns, rows })
    }
}

async fn read(mut stream: StreamReader<RowResult>) -> Vec<RowResult> {
    let mut rows = Vec::new();
    loop {
        let (result, mut read) = stream.read(Vec::with_capacity(ROWS_PER_READ)).await;
        rows.append(&mut read);
        if !matches!(result, StreamResult::Complete(_)) {
            return rows;
        }
    }
}

fn to_host(value: Value) -> HostValue {
    match value {
        Value::Integer(number) => HostValue::Integer(number),
        Value::Real(number) => HostValue::Real(number),
        Value::Text(text) => HostValue::Text(text),
        Value::Blob(bytes) => HostValue::Blob(bytes),
        Value::Null => HostValue::Null,
    }
}

fn from_host(value: HostValue) -> Value {
    match value {
        HostValue::Integer(number) => Value::Integer(number),
        HostValue::Real(number) => Value::Real(number),
        HostValue::Text(text) => Value::Text(text),
        HostValue::Blob(bytes) => Value::Blob(bytes),
        HostValue::Null => Value::Null,
    }
}

/// Converts a failure of the host, for the database with that label.
fn error(label: &str) -> impl Fn(HostError) -> Error {
    move |error| match error {
        HostError::AccessDenied => Error::AccessDenied(label.to_owned()),
        HostError::NoSuchDatabase => Error::NoSuchDatabase,
        HostError::InvalidConnection => Error::InvalidConnection,
        HostError::DatabaseFull => Error::DatabaseFull,
        HostError::Io(reason) if reason.ends_with(CONFLICT) => Error::Conflict,
        HostError::Io(reason) => Error::Statement(reason),
    }
}
