//! Results as SQLite's own runner writes them: a line for each value, sorted as the file asks, or their hash.

use md5::{Digest as _, Md5};
use rusqlite::Connection;
use sqllogictest::{DefaultColumnType, SortMode};

use super::script::Results;
use crate::dialect::tests::values::sqlite_value;
use crate::sql::Value;

/// Marks a line that has the hash of the values.
const HASHED: &str = " values hashing to ";

/// Whether rows are what the file says.
pub(super) fn is_expected(sqlite: &Connection, rows: &[Vec<Value>], expected: &Results) -> bool {
    // Old versions of the runner wrote integers of 32 bits.
    [false, true].iter().any(|is_narrow| {
        let lines = lines(sqlite, rows, expected, *is_narrow);
        match &expected.lines[..] {
            [hash] if hash.contains(HASHED) => *hash == hashed(&lines),
            expected => *expected == lines,
        }
    })
}

/// The values in the order of the file's sort mode.
pub(super) fn lines(
    sqlite: &Connection,
    rows: &[Vec<Value>],
    expected: &Results,
    is_narrow: bool,
) -> Vec<String> {
    let line = |(value, ty): (&Value, &DefaultColumnType)| shown(sqlite, value, ty, is_narrow);
    let rows = rows.iter().map(|row| {
        row.iter()
            .zip(&expected.types)
            .map(line)
            .collect::<Vec<_>>()
    });
    let mut rows: Vec<Vec<String>> = rows.collect();
    if expected.sort == SortMode::RowSort {
        rows.sort();
    }
    let mut lines: Vec<String> = rows.into_iter().flatten().collect();
    if expected.sort == SortMode::ValueSort {
        lines.sort();
    }
    lines
}

fn hashed(lines: &[String]) -> String {
    let mut hash = Md5::new();
    for line in lines {
        hash.update(line);
        hash.update("\n");
    }
    let digits: Vec<String> = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{}{HASHED}{}", lines.len(), digits.concat())
}

/// A value, converted as SQLite's `sqlite3_column_…` functions do.
fn shown(sqlite: &Connection, value: &Value, ty: &DefaultColumnType, is_narrow: bool) -> String {
    let converted = |expression: &str| -> String {
        let mut statement = sqlite.prepare_cached(expression).unwrap();
        statement
            .query_row([sqlite_value(value)], |row| row.get(0))
            .unwrap()
    };
    match (value, ty) {
        (Value::Null, _) => "NULL".to_owned(),
        (Value::Integer(integer), DefaultColumnType::Integer) => integer_text(*integer, is_narrow),
        (_, DefaultColumnType::Integer) => {
            let integer = converted("SELECT CAST(CAST(?1 AS INTEGER) AS TEXT)");
            integer_text(integer.parse().unwrap(), is_narrow)
        }
        (_, DefaultColumnType::FloatingPoint) => {
            converted("SELECT printf('%.3f', CAST(?1 AS REAL))")
        }
        (Value::Blob(bytes), _) => letters(bytes),
        (Value::Text(text), _) => letters(text.as_bytes()),
        (_, _) => letters(converted("SELECT CAST(?1 AS TEXT)").as_bytes()),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "as the runner did")]
fn integer_text(integer: i64, is_narrow: bool) -> String {
    match is_narrow {
        true => (integer as i32).to_string(),
        false => integer.to_string(),
    }
}

fn letters(text: &[u8]) -> String {
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    let printable = |byte: &u8| match byte {
        b' '..=b'~' => char::from(*byte),
        _ => '@',
    };
    text.iter().map(printable).collect()
}
