//! The handler: each capability through `fermyon:spin@2.0.0`, and variables through both drafts of `wasi:config` as well.
//! Stores through `wasi:keyvalue` are left to [`wasi`].
//! The host's errors are told apart.

use guest_support::capability::{self, Capability, KeyValue, Refusal};
use guest_support::p2::{call, read_all, send};
use guest_support::script::{self, SqlValue, Statement};
use guest_support::{Answer, Call};
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::bindings::key_value::{self, Store};
use crate::bindings::sqlite::{self, Connection, Value};
use crate::bindings::{config_draft, config_rc, variables};
use crate::key_value as wasi;

struct Capabilities;

#[allow(
    unsafe_code,
    reason = "exporting a function to the host is unsafe by its attribute"
)]
mod export {
    use super::Capabilities;
    wasip2::http::proxy::export!(Capabilities);
}

impl wasip2::exports::http::incoming_handler::Guest for Capabilities {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let content = read_all(&request);
        let outcome = answer(&call(&request), &content);
        send(
            outparam,
            &outcome.unwrap_or_else(|refusal| refusal.answer()),
        );
    }
}

fn answer(call: &Call, content: &[u8]) -> Result<Answer, Refusal> {
    match Capability::of(call) {
        Some(Capability::Variable(name)) => Ok(Answer::text(
            200,
            variables::get(&name).map_err(variable_refusal)?,
        )),
        Some(Capability::KeyValue { label, operation }) => {
            let store = Store::open(&label).map_err(store_refusal)?;
            key_value(&store, &operation, content).map_err(store_refusal)
        }
        Some(Capability::Sql { label }) => {
            let connection = Connection::open(&label).map_err(sql_refusal)?;
            let script = script::parse(content).map_err(Refusal::BadRequest)?;
            let answer = sql(&connection, script).map_err(sql_refusal);
            capability::after_script(call);
            answer
        }
        None => match wasi::answer(call, content) {
            Some(outcome) => outcome,
            None => Ok(configuration(call)
                .unwrap_or_else(|| Answer::text(404, "this guest knows no such capability"))),
        },
    }
}

/// `/config/DRAFT/KEY` for a variable, `/config/DRAFT` for all, through one of the drafts of `wasi:config`.
fn configuration(call: &Call) -> Option<Answer> {
    let value = |value: Option<String>| capability::value(value.map(String::into_bytes));
    let all = |all: Vec<(String, String)>| {
        let entries = all.into_iter().map(|(key, value)| format!("{key}={value}"));
        capability::keys(entries.collect())
    };
    let failure = "the host has all variables at hand";
    Some(match call.segments().as_slice() {
        ["config", "rc"] => all(config_rc::get_all().expect(failure)),
        ["config", "rc", key] => value(config_rc::get(key).expect(failure)),
        ["config", "draft"] => all(config_draft::get_all().expect(failure)),
        ["config", "draft", key] => value(config_draft::get(key).expect(failure)),
        _ => return None,
    })
}

fn key_value(
    store: &Store,
    operation: &KeyValue,
    content: &[u8],
) -> Result<Answer, key_value::Error> {
    match operation {
        KeyValue::Keys => Ok(capability::keys(store.get_keys()?)),
        KeyValue::Get(key) => Ok(capability::value(store.get(key)?)),
        KeyValue::Set(key) => store.set(key, content).map(|()| Answer::text(200, "set")),
        KeyValue::Delete(key) => store.delete(key).map(|()| Answer::text(200, "deleted")),
        KeyValue::Exists(key) => Ok(Answer::text(200, store.exists(key)?.to_string())),
    }
}

fn sql(connection: &Connection, script: Vec<Statement>) -> Result<Answer, sqlite::Error> {
    let mut last = Answer::text(200, "");
    for statement in script {
        let parameters: Vec<_> = statement.parameters.into_iter().map(to_sqlite).collect();
        let result = connection.execute(&statement.sql, &parameters)?;
        let rows = result
            .rows
            .into_iter()
            .map(|row| row.values.into_iter().map(from_sqlite).collect());
        last = Answer::json(&script::result(&result.columns, rows.collect()));
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
