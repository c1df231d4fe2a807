//! SQL as JSON: `{"sql": "SELECT ?1", "parameters": [1]}`, and the answer as rows of JSON.
//!
//! JSON has one kind of number, so the answer names the kind of each value: `{"integer": 1}`.

use serde_json::{Value as Json, json};
use terrace_sdk::queue::{self, Event};
use terrace_sdk::sql::{Connection, Error as SqlError, FromValue, Row, Rows, Statement, Value};
use terrace_sdk::{Error, IntoResponse, Response};

/// Runs one statement.
pub(crate) async fn execute(label: &str, content: &[u8]) -> Result<Response, Error> {
    let asked = serde_json::from_slice(content)?;
    let connection = Connection::open(label).await?;
    let rows = connection.execute(text(&asked), parameters(&asked)).await?;
    Ok(told(&rows)?.to_string().into_response())
}

/// Runs a list of statements as one.
pub(crate) async fn batch(label: &str, content: &[u8]) -> Result<Response, Error> {
    let asked: Vec<Json> = serde_json::from_slice(content)?;
    let statements: Vec<_> = asked.iter().map(statement).collect();
    let connection = Connection::open(label).await?;
    let all = connection.batch(&statements).await?;
    let told: Vec<_> = all.iter().map(told).collect::<Result<_, _>>()?;
    Ok(Json::from(told).to_string().into_response())
}

/// Puts an event with this content into the outbox, in a batch with another statement.
pub(crate) async fn outbox(label: &str, queue: &str, content: &[u8]) -> Result<Response, Error> {
    let content = String::from_utf8_lossy(content).into_owned();
    let event =
        Event::new(&content, "/portable", "tested.outbox").data("text/plain", content.clone());
    let connection = Connection::open(label).await?;
    let nothing = Statement::new("DELETE FROM outbox WHERE number < 0");
    connection
        .batch(&[nothing, queue::outbox(queue, event)?])
        .await?;
    Ok("it is sent later".into_response())
}

/// Inserts a row in a transaction of several calls, and takes it back.
pub(crate) async fn transaction(label: &str, table: &str) -> Result<Response, Error> {
    let connection = Connection::open(label).await?;
    connection.execute("BEGIN", []).await?;
    let insert = format!("INSERT INTO {table} VALUES (1)");
    connection.execute(&insert, []).await?;
    connection.execute("ROLLBACK", []).await?;
    Ok("taken back".into_response())
}

/// Inserts a row on each of two connections. The second waits for the first, whose transaction is open.
pub(crate) async fn waiting(label: &str, table: &str) -> Result<Response, Error> {
    let insert = format!("INSERT INTO {table} VALUES (1)");
    let first = Connection::open(label).await?;
    let second = Connection::open(label).await?;
    first.execute("BEGIN IMMEDIATE", []).await?;
    let rest = async {
        first.execute(&insert, []).await?;
        first.execute("COMMIT", []).await
    };
    let (second, rest) = futures::join!(second.execute(&insert, []), rest);
    second?;
    rest?;
    Ok("two rows".into_response())
}

fn text(asked: &Json) -> &str {
    asked["sql"].as_str().unwrap_or_default()
}

fn statement(asked: &Json) -> Statement {
    let statement = Statement::new(text(asked).to_owned());
    parameters(asked)
        .into_iter()
        .fold(statement, Statement::bind)
}

fn parameters(asked: &Json) -> Vec<Value> {
    let parameters = asked["parameters"].as_array();
    parameters.into_iter().flatten().map(value).collect()
}

/// A list is a blob.
fn value(json: &Json) -> Value {
    match json {
        Json::Number(number) => number.as_i64().map_or_else(
            || Value::Real(number.as_f64().unwrap_or_default()),
            Value::Integer,
        ),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(bytes) => Value::Blob(
            bytes
                .iter()
                .filter_map(|byte| byte.as_u64()?.try_into().ok())
                .collect(),
        ),
        _ => Value::Null,
    }
}

fn told(rows: &Rows) -> Result<Json, SqlError> {
    let width = rows.columns().len();
    let row = |row: &Row| (0..width).map(|column| cell(row, column)).collect();
    let told: Vec<Json> = rows.iter().map(row).collect::<Result<_, _>>()?;
    Ok(json!({"columns": rows.columns(), "rows": told}))
}

fn cell(row: &Row, column: usize) -> Result<Json, SqlError> {
    Ok(match row.get::<Cell<'_>>(column)?.0 {
        Value::Integer(number) => json!({ "integer": number }),
        Value::Real(number) => json!({ "real": number }),
        Value::Text(text) => json!({ "text": text }),
        Value::Blob(bytes) => json!({ "blob": bytes }),
        Value::Null => Json::Null,
    })
}

/// A value as it is, whatever its kind.
struct Cell<'row>(&'row Value);

impl<'row> FromValue<'row> for Cell<'row> {
    fn from_value(value: &'row Value) -> Option<Self> {
        Some(Self(value))
    }
}
