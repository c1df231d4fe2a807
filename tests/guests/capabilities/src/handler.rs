//! The handler: each capability through spin-sdk, with the host's errors told apart.

use bytes::Bytes;
use guest_support::capability::{self, Capability, KeyValue, Refusal};
use guest_support::script::{self, SqlValue, Statement};
use guest_support::{Answer, Call};
use spin_sdk::http::body::IncomingBodyExt;
use spin_sdk::http::{FullBody, Request, Response};
use spin_sdk::key_value::{self, Store};
use spin_sdk::sqlite::{self, Connection, Value};
use spin_sdk::variables;

#[spin_sdk::http_service]
async fn handle(request: Request) -> Response<FullBody<Bytes>> {
    let call = call(&request);
    let outcome = match request.into_body().bytes().await {
        Ok(content) => answer(&call, &content).await,
        Err(error) => Err(Refusal::BadRequest(error.to_string())),
    };
    response(outcome.unwrap_or_else(|refusal| refusal.answer()))
}

fn call(request: &Request) -> Call {
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let fields = request.headers().iter();
    let fields = fields.map(|(name, value)| {
        (
            name.to_string(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        )
    });
    Call::new(request.method().as_str(), target, fields.collect())
}

fn response(answer: Answer) -> Response<FullBody<Bytes>> {
    let response = Response::builder().status(answer.status);
    let response = answer
        .headers
        .iter()
        .fold(response, |response, (name, value)| {
            response.header(name, value)
        });
    response
        .body(FullBody::new(answer.body.into()))
        .expect("a guest sets only fields that exist")
}

async fn answer(call: &Call, content: &[u8]) -> Result<Answer, Refusal> {
    match Capability::of(call) {
        Some(Capability::Variable(name)) => Ok(Answer::text(
            200,
            variables::get(name).await.map_err(variable_refusal)?,
        )),
        Some(Capability::KeyValue { label, operation }) => {
            let store = Store::open(label).await.map_err(store_refusal)?;
            key_value(&store, operation, content)
                .await
                .map_err(store_refusal)
        }
        Some(Capability::Sql { label }) => {
            let connection = Connection::open(label).await.map_err(sql_refusal)?;
            let script = script::parse(content).map_err(Refusal::BadRequest)?;
            let is_first_only = call.parameter("rows") == Some("first");
            let answer = sql(&connection, script, is_first_only).await;
            let answer = answer.map_err(sql_refusal);
            capability::after_script(call);
            answer
        }
        None => Ok(Answer::text(404, "this guest knows no such capability")),
    }
}

async fn key_value(
    store: &Store,
    operation: KeyValue,
    content: &[u8],
) -> Result<Answer, key_value::Error> {
    match operation {
        KeyValue::Keys => Ok(capability::keys(store.get_keys().await.collect().await?)),
        KeyValue::Get(key) => Ok(capability::value(store.get(key).await?)),
        KeyValue::Set(key) => store
            .set(key, content)
            .await
            .map(|()| Answer::text(200, "set")),
        KeyValue::Delete(key) => store
            .delete(key)
            .await
            .map(|()| Answer::text(200, "deleted")),
        KeyValue::Exists(key) => Ok(Answer::text(200, store.exists(key).await?.to_string())),
    }
}

/// Runs the statements, and answers with the rows of the last one.
async fn sql(
    connection: &Connection,
    script: Vec<Statement>,
    is_first_only: bool,
) -> Result<Answer, sqlite::Error> {
    let mut last = Answer::text(200, "");
    for statement in script {
        let parameters = statement.parameters.into_iter().map(to_sqlite);
        let mut result = connection.execute(statement.sql, parameters).await?;
        let columns = result.columns().to_vec();
        let rows = match is_first_only {
            true => result.next().await.into_iter().collect(),
            false => result.collect().await?,
        };
        let rows = rows
            .into_iter()
            .map(|row| row.values.into_iter().map(from_sqlite).collect());
        last = Answer::json(&script::result(&columns, rows.collect()));
    }
    Ok(last)
}

fn to_sqlite(value: SqlValue) -> Value {
    match value {
        SqlValue::Null => Value::Null,
        SqlValue::Integer(number) => Value::Integer(number),
        SqlValue::Real(number) => Value::Real(number),
        SqlValue::Text(text) => Value::Text(text),
        SqlValue::Blob(bytes) => Value::Blob(bytes),
    }
}

fn from_sqlite(value: Value) -> SqlValue {
    match value {
        Value::Null => SqlValue::Null,
        Value::Integer(number) => SqlValue::Integer(number),
        Value::Real(number) => SqlValue::Real(number),
        Value::Text(text) => SqlValue::Text(text),
        Value::Blob(bytes) => SqlValue::Blob(bytes),
    }
}

fn variable_refusal(error: variables::Error) -> Refusal {
    match error {
        variables::Error::InvalidName(words) => Refusal::BadRequest(words),
        variables::Error::Undefined(words) => Refusal::Unknown(words),
        variables::Error::Provider(words) | variables::Error::Other(words) => Refusal::Other(words),
    }
}

fn store_refusal(error: key_value::Error) -> Refusal {
    match error {
        key_value::Error::StoreTableFull => Refusal::Full,
        key_value::Error::NoSuchStore => Refusal::Unknown("no such store".to_owned()),
        key_value::Error::AccessDenied => Refusal::AccessDenied,
        key_value::Error::Other(words) => Refusal::Other(words),
    }
}

fn sql_refusal(error: sqlite::Error) -> Refusal {
    match error {
        sqlite::Error::NoSuchDatabase => Refusal::Unknown("no such database".to_owned()),
        sqlite::Error::AccessDenied => Refusal::AccessDenied,
        sqlite::Error::InvalidConnection => Refusal::Other("invalid connection".to_owned()),
        sqlite::Error::DatabaseFull => Refusal::Full,
        sqlite::Error::Io(words) => Refusal::Other(words),
    }
}
