//! Databases on D1.
//!
//! The crate `worker` does not request the names of columns, which a result needs. So this module declares D1's objects itself.

use worker::js_sys::{self, Array, Object, Promise, Uint8Array};
use worker::wasm_bindgen::prelude::wasm_bindgen;
use worker::wasm_bindgen::{self, JsCast, JsValue};
use worker::wasm_bindgen_futures::JsFuture;

use crate::manifest::wrangler::database_binding;
use crate::sql::{Error, Row, Rows, Statement, Value, check_names, number, script};

/// Words that begin, end or divide a transaction.
const TRANSACTION_WORDS: [&str; 6] = ["BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"];

/// wrangler's table of migrations, unless `migrations_table` names another.
const APPLIED: &str = "SELECT count(*) FROM d1_migrations";

#[wasm_bindgen(wasm_bindgen = wasm_bindgen, js_sys = js_sys)]
extern "C" {
    type Database;
    #[wasm_bindgen(method)]
    fn prepare(this: &Database, text: &str) -> Prepared;
    #[wasm_bindgen(method, catch)]
    fn batch(this: &Database, statements: &Array) -> Result<Promise, JsValue>;

    type Prepared;
    #[wasm_bindgen(method, catch, variadic)]
    fn bind(this: &Prepared, values: &Array) -> Result<Prepared, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn raw(this: &Prepared, options: &Object) -> Result<Promise, JsValue>;
}

pub(crate) struct Connection {
    database: Database,
    label: String,
}

impl Connection {
    pub(crate) async fn open(label: &str) -> Result<Self, Error> {
        let database = super::binding(&database_binding(label))
            .ok_or_else(|| Error::AccessDenied(label.to_owned()))?;
        Ok(Self {
            database: database.unchecked_into(),
            label: label.to_owned(),
        })
    }

    pub(crate) async fn execute(&self, text: &str, parameters: Vec<Value>) -> Result<Rows, Error> {
        let prepared = self.prepare(text, &parameters)?;
        let options = Object::new();
        js_sys::Reflect::set(&options, &"columnNames".into(), &true.into()).map_err(error)?;
        let result = settle(prepared.raw(&options)).await?;
        let result = Array::from(&result);
        let mut rows = result.iter();
        let columns = rows.next().unwrap_or_default();
        let columns = Array::from(&columns).iter().map(text_of).collect();
        let rows: Result<_, _> = rows.map(|row| from_array(&Array::from(&row))).collect();
        Ok(Rows::new(columns, rows?))
    }

    fn prepare(&self, text: &str, parameters: &[Value]) -> Result<Prepared, Error> {
        let word = script::first_word(text).to_ascii_uppercase();
        if TRANSACTION_WORDS.contains(&word.as_str()) {
            return Err(Error::NoTransaction(word));
        }
        let parameters: Result<Array, Error> = parameters.iter().map(to_js).collect();
        self.database
            .prepare(text)
            .bind(&parameters?)
            .map_err(error)
    }
}

pub(crate) async fn batch(
    connection: &Connection,
    statements: &[Statement],
) -> Result<Vec<Rows>, Error> {
    let prepared: Result<Array, Error> = statements
        .iter()
        .map(|statement| connection.prepare(statement.text(), statement.parameters()))
        .collect();
    let results = settle(connection.database.batch(&prepared?)).await?;
    Array::from(&results)
        .iter()
        .map(|result| from_objects(&result))
        .collect()
}

/// The rows of one statement of a batch. Each is an object with a member for each column.
fn from_objects(result: &JsValue) -> Result<Rows, Error> {
    let rows = js_sys::Reflect::get(result, &"results".into()).map_err(error)?;
    let rows = Array::from(&rows);
    let columns: Vec<String> = match rows.get(0).dyn_ref::<Object>() {
        Some(first) => Object::keys(first).iter().map(text_of).collect(),
        None => Vec::new(),
    };
    check_names(&columns)?;
    let rows: Result<_, _> = rows
        .iter()
        .map(|row| from_array(&Object::values(row.unchecked_ref())))
        .collect();
    Ok(Rows::new(columns, rows?))
}

/// `wrangler d1 migrations apply` changes the database; this only checks that it ran.
pub(crate) async fn migrate(connection: &Connection, migrations: &[&str]) -> Result<(), Error> {
    let applied = match connection.execute(APPLIED, Vec::new()).await {
        Ok(rows) => rows.one()?.get::<u64>(0)?,
        Err(Error::Statement(reason)) if reason.contains("no such table") => 0,
        Err(error) => return Err(error),
    };
    let applied = usize::try_from(applied).unwrap_or(usize::MAX);
    if applied >= migrations.len() {
        return Ok(());
    }
    let binding = database_binding(&connection.label);
    Err(Error::NotMigrated {
        label: connection.label.clone(),
        applied,
        known: migrations.len(),
        command: format!("npx wrangler d1 migrations apply {binding} --remote"),
    })
}

async fn settle(promise: Result<Promise, JsValue>) -> Result<JsValue, Error> {
    JsFuture::from(promise.map_err(error)?).await.map_err(error)
}

fn to_js(value: &Value) -> Result<JsValue, Error> {
    Ok(match value {
        Value::Integer(integer) => number::from_integer(*integer)?.into(),
        Value::Real(real) => number::from_real(*real)?.into(),
        Value::Text(text) => text.into(),
        Value::Blob(bytes) => Uint8Array::from(bytes.as_slice()).into(),
        Value::Null => JsValue::NULL,
    })
}

fn from_array(values: &Array) -> Result<Row, Error> {
    values
        .iter()
        .map(|value| from_js(&value))
        .collect::<Result<_, _>>()
        .map(Row::new)
}

fn from_js(value: &JsValue) -> Result<Value, Error> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    if let Some(number) = value.as_f64() {
        return Ok(number::to_value(number));
    }
    if let Some(text) = value.as_string() {
        return Ok(Value::Text(text));
    }
    if value.is_object() {
        return Ok(Value::Blob(Uint8Array::new(value).to_vec()));
    }
    Err(Error::Statement(format!(
        "D1 gave a value of an unknown kind: {value:?}"
    )))
}

fn text_of(value: impl AsRef<JsValue>) -> String {
    value.as_ref().as_string().unwrap_or_default()
}

fn error(error: impl AsRef<JsValue>) -> Error {
    Error::Statement(super::describe(error.as_ref()))
}
