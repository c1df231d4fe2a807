//! SQL scripts as JSON: several statements on one connection, so that a test states its SQL itself.
//!
//! `[["BEGIN"], ["INSERT INTO t VALUES (?, ?)", 1, "a"]]` is a script; a blob is a list of bytes.

use serde_json::{Value, json};

/// SQLite's five kinds of value, apart from any binding.
#[derive(Debug, Clone, PartialEq)]
pub enum SqlValue {
    /// NULL.
    Null,
    /// INTEGER.
    Integer(i64),
    /// REAL.
    Real(f64),
    /// TEXT.
    Text(String),
    /// BLOB.
    Blob(Vec<u8>),
}

/// A statement and what is bound to its placeholders.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The SQL.
    pub sql: String,
    /// The values in the order of the placeholders.
    pub parameters: Vec<SqlValue>,
}

/// Reads a script.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn parse(script: &[u8]) -> Result<Vec<Statement>, String> {
    let script: Value = serde_json::from_slice(script).map_err(|error| error.to_string())?;
    let statements = script
        .as_array()
        .ok_or("a script is a list of statements")?;
    statements.iter().map(statement).collect()
}

fn statement(written: &Value) -> Result<Statement, String> {
    let parts = written
        .as_array()
        .ok_or("a statement is a list: the SQL, then its values")?;
    let (sql, values) = parts
        .split_first()
        .ok_or("a statement begins with its SQL")?;
    let sql = sql.as_str().ok_or("the SQL is a string")?.to_owned();
    let parameters = values
        .iter()
        .map(SqlValue::from_json)
        .collect::<Result<_, _>>()?;
    Ok(Statement { sql, parameters })
}

impl SqlValue {
    fn from_json(value: &Value) -> Result<Self, String> {
        match value {
            Value::Null => Ok(Self::Null),
            Value::Bool(flag) => Ok(Self::Integer(i64::from(*flag))),
            Value::Number(number) => Ok(number.as_i64().map_or_else(
                || Self::Real(number.as_f64().unwrap_or(f64::NAN)),
                Self::Integer,
            )),
            Value::String(text) => Ok(Self::Text(text.clone())),
            Value::Array(bytes) => Ok(Self::Blob(
                bytes.iter().map(byte).collect::<Result<_, _>>()?,
            )),
            Value::Object(_) => Err("no SQL value is an object".to_owned()),
        }
    }

    fn into_json(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Integer(number) => number.into(),
            Self::Real(number) => number.into(),
            Self::Text(text) => text.into(),
            Self::Blob(bytes) => bytes.into(),
        }
    }
}

fn byte(value: &Value) -> Result<u8, String> {
    let byte = value.as_u64().and_then(|number| u8::try_from(number).ok());
    byte.ok_or_else(|| format!("{value} is not a byte"))
}

/// The answer of the last statement of a script: `{"columns": […], "rows": [[…], …]}`.
#[must_use]
pub fn result(columns: &[String], rows: Vec<Vec<SqlValue>>) -> Value {
    let rows = rows
        .into_iter()
        .map(|row| row.into_iter().map(SqlValue::into_json).collect::<Value>());
    json!({"columns": columns, "rows": rows.collect::<Value>()})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_comes_back_as_it_was_written() {
        let parsed =
            parse(br#"[["SELECT ?", null, 1, 1.5, "a", [0, 255]]]"#).expect("a right script");
        let rows = vec![parsed[0].parameters.clone()];
        assert_eq!(
            result(&[], rows)["rows"],
            json!([[null, 1, 1.5, "a", [0, 255]]])
        );
    }

    #[test]
    fn a_script_that_is_no_list_is_refused() {
        assert!(parse(br#"{"sql": "SELECT 1"}"#).is_err());
    }
}
