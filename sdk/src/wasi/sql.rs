//! Databases through `spin:sqlite@3.1.0`.
//!
//! It uses the asynchronous functions, although they need about three more host calls than the blocking `execute`. A blocking
//! call stops all requests of the instance: a request that waits for the writer's lock would keep the holder of the lock from
//! its COMMIT.

use spin_sdk::sqlite::{self, Error as HostError, RowResult, Value as HostValue};
use spin_sdk::wasip3::wit_bindgen::{StreamReader, StreamResult};

use crate::sql::{Error, Row, Rows, Value};

/// The last words of Terrace about a conflict. The interface has no error of its own for it.
const CONFLICT: &str = "begin the transaction again";

/// The number of rows per call: a usual result needs one call.
const ROWS_PER_READ: usize = 64;

pub(crate) struct Connection {
    connection: sqlite::Connection,
    label: String,
}

impl Connection {
    pub(crate) async fn open(label: &str) -> Result<Self, Error> {
        let connection = sqlite::Connection::open(label).await;
        Ok(Self {
            connection: connection.map_err(error(label))?,
            label: label.to_owned(),
        })
    }

    pub(crate) async fn execute(&self, text: &str, parameters: Vec<Value>) -> Result<Rows, Error> {
        let parameters = parameters.into_iter().map(to_host);
        let (columns, stream, finished) = self
            .connection
            .execute(text, parameters)
            .await
            .map_err(error(&self.label))?
            .into_inner();
        let rows = read(stream).await;
        finished.await.map_err(error(&self.label))?;
        Ok(Rows::new(columns, rows))
    }
}

async fn read(mut stream: StreamReader<RowResult>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let (result, read) = stream.read(Vec::with_capacity(ROWS_PER_READ)).await;
        rows.extend(
            read.into_iter()
                .map(|row| Row::new(row.values.into_iter().map(from_host).collect())),
        );
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
