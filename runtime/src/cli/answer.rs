//! What `terrace sql` found or did, as text for people and as JSON.

use std::fmt::{self, Write};

use serde::Serialize;
use serde_json::json;
use storage::sql::{PlanStep, Rows, Value};

/// The rows of a statement, or what it changed.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    columns: Vec<String>,
    #[serde(serialize_with = "as_json")]
    rows: Vec<Vec<Value>>,
    /// The number of changed rows.
    changes: u64,
    /// Whether the statement is about tables and not about rows.
    #[serde(skip)]
    is_definition: bool,
}

/// The first words of statements that change no rows.
const DEFINITIONS: [&str; 7] = [
    "CREATE", "DROP", "ALTER", "ANALYZE", "REINDEX", "VACUUM", "PRAGMA",
];

impl Answer {
    pub(crate) fn new(statement: &str, Rows { columns, rows }: Rows, changes: u64) -> Self {
        let first = statement.split_whitespace().next().unwrap_or_default();
        let mut definitions = DEFINITIONS.iter();
        Self {
            columns,
            rows,
            changes,
            is_definition: definitions.any(|word| word.eq_ignore_ascii_case(first)),
        }
    }
}

fn as_json<S: serde::Serializer>(rows: &[Vec<Value>], serializer: S) -> Result<S::Ok, S::Error> {
    let rows = rows.iter().map(|row| row.iter().map(json_of));
    serializer.collect_seq(rows.map(Iterator::collect::<Vec<_>>))
}

/// JSON has no bytes and no infinity: they are objects with the value in SQL.
fn json_of(value: &Value) -> serde_json::Value {
    match value {
        Value::Integer(integer) => json!(integer),
        Value::Real(real) if real.is_finite() => json!(real),
        Value::Text(text) => json!(text),
        Value::Real(_) | Value::Blob(_) => json!({"sql": shown(value)}),
        Value::Null => serde_json::Value::Null,
    }
}

/// A value on one line.
fn shown(value: &Value) -> String {
    match value {
        Value::Integer(integer) => integer.to_string(),
        Value::Real(real) if real.is_finite() => format!("{real:?}"),
        // As SQLite writes what is beyond the numbers that it can hold.
        Value::Real(real) => format!("{}9e999", if *real < 0.0 { "-" } else { "" }),
        Value::Text(text) => one_line(text),
        Value::Blob(bytes) => {
            let mut hex = String::from("x'");
            for byte in bytes {
                write!(hex, "{byte:02x}").expect("a text takes all that is written to it");
            }
            hex + "'"
        }
        Value::Null => "NULL".to_owned(),
    }
}

/// The text with its control characters escaped: they would break the table, or drive the terminal.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.columns.is_empty() && self.is_definition {
            return formatter.write_str("done");
        }
        if self.columns.is_empty() {
            return write!(
                formatter,
                "{}",
                counted(self.changes, "row changed", "rows changed")
            );
        }
        let names: Vec<_> = self.columns.iter().map(|name| one_line(name)).collect();
        let rows: Vec<Vec<_>> = self
            .rows
            .iter()
            .map(|row| row.iter().map(shown).collect())
            .collect();
        let widths: Vec<_> = (0..names.len())
            .map(|column| {
                let cells = rows.iter().filter_map(|row| row.get(column));
                let widths = cells
                    .chain(names.get(column))
                    .map(|cell| cell.chars().count());
                widths.max().unwrap_or(0)
            })
            .collect();
        let left = |cells: &[String]| line(cells, &widths, &vec![false; widths.len()]);
        writeln!(formatter, "{}", left(&names))?;
        let rules: Vec<_> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
        writeln!(formatter, "{}", rules.join("+"))?;
        for (values, cells) in self.rows.iter().zip(&rows) {
            let is_number = |value: &Value| matches!(value, Value::Integer(_) | Value::Real(_));
            let right: Vec<_> = values.iter().map(is_number).collect();
            writeln!(formatter, "{}", line(cells, &widths, &right))?;
        }
        write!(formatter, "({})", counted(rows.len() as u64, "row", "rows"))
    }
}

/// The cells of a row, each as wide as its column.
pub(super) fn line(cells: &[String], widths: &[usize], right: &[bool]) -> String {
    let cells = cells.iter().zip(widths).zip(right);
    let cells = cells.map(|((cell, width), right)| match right {
        true => format!(" {cell:>width$} "),
        false => format!(" {cell:<width$} "),
    });
    let line: Vec<_> = cells.collect();
    line.join("|").trim_end().to_owned()
}

fn counted(number: u64, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    }
}

/// The plan of a statement.
#[derive(Debug, Serialize)]
pub(crate) struct Plan {
    steps: Vec<Step>,
}

#[derive(Debug, Serialize)]
struct Step {
    depth: usize,
    text: String,
}

impl Plan {
    pub(crate) fn new(steps: Vec<PlanStep>) -> Self {
        let steps = steps
            .into_iter()
            .map(|PlanStep { depth, text }| Step { depth, text });
        Self {
            steps: steps.collect(),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.steps.iter();
        let lines =
            lines.map(|step| format!("{}{}", "  ".repeat(step.depth), one_line(&step.text)));
        match lines.collect::<Vec<_>>().join("\n").as_str() {
            "" => formatter.write_str("nothing to plan"),
            lines => formatter.write_str(lines),
        }
    }
}

/// What Postgres would be told.
#[derive(Debug, Serialize)]
pub(crate) struct Translation {
    statements: Vec<String>,
}

impl Translation {
    pub(crate) fn new(statements: Vec<String>) -> Self {
        Self { statements }
    }
}

impl fmt::Display for Translation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.statements[..] {
            [] => formatter.write_str("-- Postgres has nothing to do."),
            statements => write!(formatter, "{};", statements.join(";\n")),
        }
    }
}

/// A migration that was applied.
#[derive(Debug, Serialize)]
pub(crate) struct Migrated<'a> {
    pub(crate) label: &'a str,
    pub(crate) migration: &'a str,
    /// A function had applied it, so it was only recorded.
    pub(crate) by_function: bool,
}

impl fmt::Display for Migrated<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            label, migration, ..
        } = self;
        match self.by_function {
            true => write!(
                formatter,
                "{label}: {migration} is recorded; a function had applied it"
            ),
            false => write!(formatter, "{label}: applied {migration}"),
        }
    }
}

/// A migration that would be applied.
#[derive(Debug, Serialize)]
pub(crate) struct Pending<'a> {
    pub(crate) label: &'a str,
    pub(crate) migration: &'a str,
    /// As the database of the label gets it.
    pub(crate) sql: &'a str,
    /// A function has applied it, so it would only be recorded.
    pub(crate) by_function: bool,
}

impl fmt::Display for Pending<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            label,
            migration,
            sql,
            by_function,
        } = self;
        match by_function {
            true => write!(
                formatter,
                "-- {label}: {migration} would only be recorded; a function has applied it"
            ),
            false => writeln!(formatter, "-- {label}: {migration}\n{sql}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer {
        let rows = Rows {
            columns: vec!["id".to_owned(), "what is there".to_owned()],
            rows: vec![
                vec![Value::Integer(7), Value::Text("é\n\x1b[1m".to_owned())],
                vec![Value::Integer(1234), Value::Null],
                vec![Value::Real(2.0), Value::Blob(vec![1, 255])],
                vec![Value::Real(f64::NEG_INFINITY), Value::Text(String::new())],
            ],
        };
        Answer::new("SELECT", rows, 0)
    }

    #[test]
    fn rows_are_aligned_and_keep_to_their_lines() {
        let expected = " id     | what is there
--------+---------------
      7 | é\\n\\u{1b}[1m
   1234 | NULL
    2.0 | x'01ff'
 -9e999 |
(4 rows)";
        assert_eq!(answer().to_string(), expected);
    }

    #[test]
    fn json_keeps_the_kinds_of_values() {
        let expected = r#"{"columns":["id","what is there"],"rows":[[7,"é\n\u001b[1m"],[1234,null],[2.0,{"sql":"x'01ff'"}],[{"sql":"-9e999"},""]],"changes":0}"#;
        assert_eq!(serde_json::to_string(&answer()).unwrap(), expected);
    }

    #[test]
    fn a_change_says_how_many_rows_it_changed() {
        for (statement, changes, text) in [
            ("UPDATE t SET a = 1", 0, "0 rows changed"),
            ("DELETE FROM t", 1, "1 row changed"),
            ("create index i ON t (a)", 0, "done"),
        ] {
            let answer = Answer::new(statement, Rows::default(), changes);
            assert_eq!(answer.to_string(), text);
        }
    }
}
