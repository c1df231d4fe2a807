//! SQLite databases, one per label: in memory, or in the file that the test named.
//!
//! All connections to a label share one SQLite connection. A test is one task, so it uses one at a time.

use std::rc::Rc;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{ErrorCode, ToSql, params_from_iter};

use crate::sql::{Error, Row, Rows, Value};
use crate::testing::installed;

pub(crate) struct Connection(Rc<rusqlite::Connection>);

impl Connection {
    pub(crate) async fn open(label: &str) -> Result<Self, Error> {
        installed()
            .database(label)
            .map(Self)
            .map_err(|failure| error(&failure))
    }

    pub(crate) async fn execute(&self, text: &str, parameters: Vec<Value>) -> Result<Rows, Error> {
        installed().statements.borrow_mut().push(text.to_owned());
        self.query(text, &parameters)
            .map_err(|failure| error(&failure))
    }

    fn query(&self, text: &str, parameters: &[Value]) -> rusqlite::Result<Rows> {
        let mut statement = self.0.prepare(text)?;
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let width = columns.len();
        let rows = statement.query_map(params_from_iter(parameters), |row| {
            (0..width)
                .map(|column| row.get_ref(column).map(from_engine))
                .collect::<Result<_, _>>()
                .map(Row::new)
        })?;
        let rows = rows.collect::<Result<_, _>>()?;
        Ok(Rows::new(columns, rows))
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Real(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
            Self::Null => ValueRef::Null,
        }))
    }
}

fn from_engine(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
        ValueRef::Null => Value::Null,
    }
}

fn error(error: &rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::DatabaseFull,
        _ => Error::Statement(error.to_string()),
    }
}
