//! What `terrace sql move` would do, does and did, as text for people and as JSON.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use storage::sql::transfer::{Finding, Moved, Plan};

/// The speed by which the time of a move is estimated, in rows a second: what a small machine reaches.
const ROWS_A_SECOND: u64 = 50_000;

/// The same in bytes a second, for large rows.
const BYTES_A_SECOND: u64 = 20 * 1024 * 1024;

/// What a move would do.
#[derive(Debug, Serialize)]
pub(crate) struct MovePlan {
    from: String,
    to: String,
    /// Whether it would continue a move that has begun.
    continues: bool,
    tables: Vec<PlannedTable>,
    rows: u64,
    bytes: u64,
    /// The time that it takes, about.
    seconds: u64,
}

#[derive(Debug, Serialize)]
struct PlannedTable {
    table: String,
    rows: u64,
    bytes: u64,
}

impl MovePlan {
    pub(crate) fn new(plan: Plan) -> Self {
        let rows = plan.tables.iter().map(|table| table.rows).sum();
        let bytes = plan.tables.iter().map(|table| table.bytes).sum();
        let tables = plan.tables.into_iter().map(|table| PlannedTable {
            table: table.name,
            rows: table.rows,
            bytes: table.bytes,
        });
        Self {
            from: plan.from,
            to: plan.to,
            continues: plan.is_begun,
            tables: tables.collect(),
            rows,
            bytes,
            seconds: 1 + (rows / ROWS_A_SECOND).max(bytes / BYTES_A_SECOND),
        }
    }
}

impl fmt::Display for MovePlan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.continues {
            "continue to move"
        } else {
            "move"
        };
        writeln!(formatter, "would {verb} {} to {}", self.from, self.to)?;
        let names = self.tables.iter().map(|table| table.table.chars().count());
        let width = names.chain(["table".len()]).max().unwrap_or(0);
        writeln!(
            formatter,
            "  {:width$} {:>12} {:>10}",
            "table", "rows", "size"
        )?;
        for table in &self.tables {
            let (name, rows, size) = (&table.table, table.rows, size(table.bytes));
            writeln!(formatter, "  {name:width$} {rows:>12} {size:>10}")?;
        }
        write!(
            formatter,
            "{} rows, {}, about {} s; nothing was changed",
            self.rows,
            size(self.bytes),
            self.seconds
        )
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{} KiB", bytes / 1_024),
        _ => format!("{} MiB", bytes / 1_048_576),
    }
}

/// How far a move is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct MoveProgress {
    /// `copy`, `index`, `compare`, `catch-up` or `pause`.
    pub(crate) step: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) table: Option<String>,
    /// The rows of all tables so far, or the changes that were caught up with.
    pub(crate) rows: u64,
    /// The rows of all tables when the move began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) of: Option<u64>,
}

impl fmt::Display for MoveProgress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.step {
            "copy" => "copying rows",
            "index" => "making indexes",
            "compare" => "comparing rows",
            "catch-up" => "catching up with writes",
            _ => "writes pause",
        };
        write!(formatter, "{words} …")?;
        match self.of {
            Some(of) => write!(formatter, " {} of {of}", self.rows),
            None => Ok(()),
        }
    }
}

/// A value or a table that the target cannot hold.
#[derive(Debug, Serialize)]
pub(crate) struct MoveFinding {
    table: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<String>,
    message: String,
}

impl MoveFinding {
    pub(crate) fn new(finding: Finding) -> Self {
        Self {
            table: finding.table,
            key: finding.key,
            column: finding.column,
            message: finding.reason,
        }
    }
}

impl fmt::Display for MoveFinding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.table)?;
        if let Some(key) = &self.key {
            write!(formatter, ", key {key}")?;
        }
        if let Some(column) = &self.column {
            write!(formatter, ", column {column}")?;
        }
        write!(formatter, ": {}", self.message)
    }
}

/// A move that was made.
#[derive(Debug, Serialize)]
pub(crate) struct MoveDone {
    to: String,
    rows: u64,
    milliseconds: u128,
    /// How long writes were paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pause_milliseconds: Option<u128>,
    /// Whether a running server uses the new database already.
    switched: bool,
    /// What has to be in terrace.toml from now on.
    settings: String,
}

impl MoveDone {
    pub(crate) fn new(moved: Moved, took: Duration, switched: bool, settings: String) -> Self {
        Self {
            to: moved.to,
            rows: moved.rows,
            milliseconds: took.as_millis(),
            pause_milliseconds: moved.pause.map(|pause| pause.as_millis()),
            switched,
            settings,
        }
    }
}

impl fmt::Display for MoveDone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pause_milliseconds {
            Some(pause) => writeln!(
                formatter,
                "moved {} rows to {} in {} ms; writes were paused for {pause} ms",
                self.rows, self.to, self.milliseconds
            )?,
            None => writeln!(
                formatter,
                "the database had been moved to {} already",
                self.to
            )?,
        }
        if self.switched {
            writeln!(formatter, "the running server uses it")?;
        }
        let when = match self.switched {
            true => "before the next start",
            false => "and start the server again",
        };
        write!(
            formatter,
            "write this into terrace.toml, {when}:\n\n{}",
            self.settings
        )
    }
}

#[cfg(test)]
mod tests {
    use storage::sql::transfer;

    use super::*;

    #[test]
    fn a_plan_shows_sizes_and_time() {
        let table = |name: &str, rows, bytes| transfer::PlannedTable {
            name: name.to_owned(),
            rows,
            bytes,
        };
        let plan = MovePlan::new(Plan {
            from: "app.db".to_owned(),
            to: "postgres://db/app".to_owned(),
            tables: vec![
                table("users", 7, 900),
                table("articles", 500_000, 9_000_000),
            ],
            is_begun: false,
        });
        let expected = "\
would move app.db to postgres://db/app
  table            rows       size
  users               7      900 B
  articles       500000      8 MiB
500007 rows, 8 MiB, about 11 s; nothing was changed";
        assert_eq!(plan.to_string(), expected);
    }

    #[test]
    fn a_finding_names_table_key_and_column() {
        let finding = MoveFinding::new(Finding {
            table: "users".to_owned(),
            key: Some("7".to_owned()),
            column: Some("name".to_owned()),
            reason: "a text with a zero byte".to_owned(),
        });
        let expected = "users, key 7, column name: a text with a zero byte";
        assert_eq!(finding.to_string(), expected);
    }
}
