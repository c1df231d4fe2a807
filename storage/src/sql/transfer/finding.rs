//! Judges whether a target can hold a value, and says why not.
//! Reading the values is left to the source.

use super::limits::{MAX_KEY_BYTES, MAX_LISTED_FINDINGS};
use super::row::{self, Row};
use crate::dialect::{Described, DescribedColumn, Kind};
use crate::sql::limits::MAX_VALUE_BYTES;
use crate::value::Value;

/// Something that the target cannot hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The table, or the beginning of a statement that makes one.
    pub table: String,
    /// The key of the row.
    pub key: Option<String>,
    /// The column.
    pub column: Option<String>,
    /// What is wrong, and what to do.
    pub reason: String,
}

/// The engine that is to hold values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    Sqlite,
    Postgres,
}

/// The first findings, and their number.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) listed: Vec<Finding>,
    pub(super) count: usize,
}

impl Findings {
    pub(super) fn add(&mut self, finding: Finding) {
        self.count += 1;
        if self.listed.len() < MAX_LISTED_FINDINGS {
            self.listed.push(finding);
        }
    }

    /// Judges the values of a row.
    pub(super) fn judge(&mut self, table: &Described, row: &Row, holder: Holder) {
        for (at, (value, column)) in row.iter().zip(&table.columns).enumerate() {
            let Some(reason) = fault(value, column, table.key.contains(&at), holder) else {
                continue;
            };
            self.add(Finding {
                table: table.name.clone(),
                key: Some(row::shown(&row::key_of(table, row))).filter(|key| key != "()"),
                column: Some(column.name.clone()),
                reason,
            });
        }
    }
}

fn fault(value: &Value, column: &DescribedColumn, is_key: bool, holder: Holder) -> Option<String> {
    let Some(kind) = Kind::of(value) else {
        return is_key.then(|| "a key is NULL; give the row one".to_owned());
    };
    if kind != column.kind {
        return Some(format!(
            "{} in a column of kind {}; change the value",
            kind.name(),
            column.kind.name()
        ));
    }
    match holder {
        Holder::Postgres => fault_in_postgres(value, column),
        Holder::Sqlite => fault_in_sqlite(value),
    }
}

fn fault_in_postgres(value: &Value, column: &DescribedColumn) -> Option<String> {
    let bytes = match value {
        Value::Text(text) if text.contains('\0') => {
            return Some("a text with a zero byte, which Postgres cannot hold".to_owned());
        }
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
        _ => return None,
    };
    let is_long = column.is_in_key && bytes > MAX_KEY_BYTES;
    is_long.then(|| {
        format!("{bytes} bytes in an indexed column; Postgres takes about {MAX_KEY_BYTES}")
    })
}

fn fault_in_sqlite(value: &Value) -> Option<String> {
    match value {
        Value::Real(real) if real.is_nan() => {
            Some("a number that is none (NaN), which SQLite cannot hold".to_owned())
        }
        Value::Text(text) if text.len() > MAX_VALUE_BYTES => Some(too_long(text.len())),
        Value::Blob(bytes) if bytes.len() > MAX_VALUE_BYTES => Some(too_long(bytes.len())),
        _ => None,
    }
}

fn too_long(bytes: usize) -> String {
    format!("a value of {bytes} bytes; on SQLite, at most {MAX_VALUE_BYTES} are accepted")
}
