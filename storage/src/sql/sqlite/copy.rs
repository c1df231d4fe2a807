//! A copy of a database in memory: its schema, the planner's statistics, and some rows of the tables that matter. Indexes
//! are tried on it, so the database itself is only read, and only for a moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rusqlite::types::Value as SqliteValue;
use rusqlite::{Connection as Sqlite, StatementStatus, params_from_iter};

use super::counters::{self, SharedCounters};
use super::math;
use crate::clock;
use crate::sql::candidates::Columns;
use crate::sql::limits::{
    MAX_COPIED_BYTES, MAX_COPIED_ROWS, MAX_TRIAL_STEPS, STEPS_BETWEEN_CHECKS,
};
use crate::sql::shapes::Example;
use crate::sql::words::quoted;

/// The tables in which SQLite keeps what `ANALYZE` found.
const STATISTICS: [&str; 2] = ["sqlite_stat1", "sqlite_stat4"];

/// A copy of a database.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) sqlite: Sqlite,
    pub(super) columns: Columns,
    pub(super) foreign_keys: Vec<ForeignKey>,
    /// The steps that a run may still take.
    budget: Arc<AtomicU64>,
}

/// A foreign key of a table.
#[derive(Clone, Debug)]
pub(super) struct ForeignKey {
    pub(super) table: String,
    pub(super) parent: String,
    pub(super) columns: Vec<String>,
}

/// What a run of a statement cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    /// Instructions of the virtual machine.
    pub(super) steps: u64,
    /// The steps of its plan.
    pub(super) plan: Vec<String>,
}

impl Copy {
    /// Copies the schema, and rows of the tables for which `is_wanted`, as much as the limits allow.
    pub(super) fn of(
        source: &Sqlite,
        is_wanted: impl Fn(&str) -> bool,
        deadline: Instant,
    ) -> rusqlite::Result<Self> {
        let sqlite = Sqlite::open_in_memory()?;
        // A copied row may refer to one that is not copied.
        sqlite.pragma_update(None, "foreign_keys", false)?;
        math::define(&sqlite)?;
        let counters = Arc::<SharedCounters>::default();
        counters::define_changes(&sqlite, &counters)?;
        counters::define_last_insert_rowid(&sqlite, &counters)?;
        let mut copy = Self {
            sqlite,
            columns: Columns::new(),
            foreign_keys: Vec::new(),
            budget: Arc::new(AtomicU64::new(u64::MAX)),
        };
        let schema = schema(source)?;
        copy.make(&schema, "table");
        copy.note_tables()?;
        let mut room = MAX_COPIED_BYTES;
        let wanted: Vec<_> = copy.with_children(is_wanted);
        for table in &wanted {
            copy.fill(source, table, &mut room)?;
        }
        for kind in ["index", "view", "trigger"] {
            copy.make(&schema, kind);
        }
        copy.take_statistics(source)?;
        copy.sqlite.pragma_update(None, "foreign_keys", true)?;
        copy.limit_steps(deadline)?;
        Ok(copy)
    }

    /// Makes what it can of the schema. A table of a module that is not here is left out, with its queries.
    fn make(&self, schema: &[(String, String)], wanted: &str) {
        for (kind, sql) in schema {
            if kind == wanted {
                let _ = self.sqlite.execute_batch(sql);
            }
        }
    }

    fn note_tables(&mut self) -> rusqlite::Result<()> {
        let names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'";
        for table in texts(&self.sqlite, names, &[])? {
            // What is generated or hidden cannot be written, and needs no index of its own.
            let columns = "SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0";
            let columns = texts(&self.sqlite, columns, &[&table])?;
            let mut keys: BTreeMap<String, ForeignKey> = BTreeMap::new();
            let read =
                "SELECT id, \"table\", \"from\" FROM pragma_foreign_key_list(?1) ORDER BY id, seq";
            let mut statement = self.sqlite.prepare(read)?;
            let mut rows = statement.query([&table])?;
            while let Some(row) = rows.next()? {
                let id: i64 = row.get(0)?;
                let key = keys.entry(id.to_string()).or_insert(ForeignKey {
                    table: table.clone(),
                    parent: row.get(1)?,
                    columns: Vec::new(),
                });
                key.columns.push(row.get(2)?);
            }
            self.foreign_keys.extend(keys.into_values());
            self.columns.insert(table, columns);
        }
        Ok(())
    }

    /// The tables that are wanted, and those whose foreign keys lead to them.
    fn with_children(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let is_child = |table: &str| {
            let mut keys = self.foreign_keys.iter();
            keys.any(|key| key.table == table && is_wanted(&key.parent))
        };
        let tables = self.columns.keys();
        tables
            .filter(|table| is_wanted(table) || is_child(table))
            .cloned()
            .collect()
    }

    /// Copies the newest rows of a table.
    fn fill(&self, source: &Sqlite, table: &str, room: &mut usize) -> rusqlite::Result<()> {
        let columns: Vec<_> = self.columns[table]
            .iter()
            .map(|column| quoted(column))
            .collect();
        let (names, table) = (columns.join(", "), quoted(table));
        let places = vec!["?"; columns.len()].join(", ");
        let newest =
            format!("SELECT {names} FROM {table} ORDER BY rowid DESC LIMIT {MAX_COPIED_ROWS}");
        let any = format!("SELECT {names} FROM {table} LIMIT {MAX_COPIED_ROWS}");
        // A table without rowid has none to order by.
        let mut read = source.prepare(&newest).or_else(|_| source.prepare(&any))?;
        let insert = format!("INSERT OR IGNORE INTO {table} ({names}) VALUES ({places})");
        let mut insert = self.sqlite.prepare(&insert)?;
        self.sqlite.execute_batch("BEGIN")?;
        let mut rows = read.query([])?;
        while let Some(row) = rows.next()? {
            let mut values: Vec<SqliteValue> = Vec::with_capacity(columns.len());
            for column in 0..columns.len() {
                values.push(row.get(column)?);
            }
            let size = values.iter().map(size).sum();
            let Some(left) = room.checked_sub(size) else {
                break;
            };
            *room = left;
            insert.execute(params_from_iter(values))?;
        }
        self.sqlite.execute_batch("COMMIT")
    }

    /// The planner's statistics, so that it plans as it does for the database.
    fn take_statistics(&self, source: &Sqlite) -> rusqlite::Result<()> {
        let has = |sqlite: &Sqlite, table: &str| {
            let read = "SELECT name FROM sqlite_schema WHERE name = ?1";
            texts(sqlite, read, &[table]).is_ok_and(|found| !found.is_empty())
        };
        let known: Vec<_> = STATISTICS
            .into_iter()
            .filter(|table| has(source, table))
            .collect();
        if known.is_empty() {
            return Ok(());
        }
        self.sqlite.execute_batch("ANALYZE sqlite_schema")?;
        for table in known.into_iter().filter(|table| has(&self.sqlite, table)) {
            let mut read = source.prepare(&format!("SELECT * FROM {table}"))?;
            let columns = read.column_count();
            let places = vec!["?"; columns].join(", ");
            let mut insert = self
                .sqlite
                .prepare(&format!("INSERT INTO {table} VALUES ({places})"))?;
            let mut rows = read.query([])?;
            while let Some(row) = rows.next()? {
                let values: Result<Vec<SqliteValue>, _> =
                    (0..columns).map(|at| row.get(at)).collect();
                insert.execute(params_from_iter(values?))?;
            }
        }
        self.sqlite.execute_batch("ANALYZE sqlite_schema")
    }

    fn limit_steps(&mut self, deadline: Instant) -> rusqlite::Result<()> {
        let budget = Arc::clone(&self.budget);
        let steps = STEPS_BETWEEN_CHECKS.unsigned_abs();
        let is_over = move || {
            let left = budget
                .load(Ordering::Relaxed)
                .saturating_sub(u64::from(steps));
            budget.store(left, Ordering::Relaxed);
            left == 0 || clock::now() >= deadline
        };
        self.sqlite
            .progress_handler(STEPS_BETWEEN_CHECKS, Some(is_over))
    }

    /// What a statement costs. Whatever it changes is undone. A statement that takes too long costs what it took.
    pub(super) fn cost(&self, example: &Example) -> rusqlite::Result<Cost> {
        self.unlimited(|| self.sqlite.execute_batch("BEGIN"))?;
        let cost = self.run(example);
        self.unlimited(|| {
            // A failed statement may have ended the transaction.
            if self.sqlite.is_autocommit() {
                return Ok(());
            }
            self.sqlite.execute_batch("ROLLBACK")
        })?;
        cost
    }

    fn run(&self, example: &Example) -> rusqlite::Result<Cost> {
        let plan = self.unlimited(|| self.plan(example))?;
        let mut statement = self.sqlite.prepare(&example.sql)?;
        bind(&mut statement, example)?;
        self.budget.store(MAX_TRIAL_STEPS, Ordering::Relaxed);
        let mut rows = statement.raw_query();
        // A run that fails, for example because a row is missing in the copy, fails at the same place with an index.
        while let Ok(Some(_)) = rows.next() {}
        drop(rows);
        self.budget.store(u64::MAX, Ordering::Relaxed);
        let steps = statement.get_status(StatementStatus::VmStep);
        Ok(Cost {
            steps: u64::try_from(steps).unwrap_or(0),
            plan,
        })
    }

    /// The steps of a statement's plan.
    pub(super) fn plan(&self, example: &Example) -> rusqlite::Result<Vec<String>> {
        let explain = format!("EXPLAIN QUERY PLAN {}", example.sql);
        let mut statement = self.sqlite.prepare(&explain)?;
        bind(&mut statement, example)?;
        let mut rows = statement.raw_query();
        let mut plan = Vec::new();
        while let Some(row) = rows.next()? {
            plan.push(row.get(3)?);
        }
        Ok(plan)
    }

    /// Runs `work` with an index, and removes the index again. `None` if it cannot be made.
    pub(super) fn with_index<T>(
        &self,
        statement: &str,
        name: &str,
        work: impl FnOnce() -> rusqlite::Result<T>,
    ) -> Option<T> {
        self.unlimited(|| self.sqlite.execute_batch(statement))
            .ok()?;
        let done = work();
        self.unlimited(|| self.sqlite.execute_batch(&format!("DROP INDEX {name}")))
            .ok()?;
        done.ok()
    }

    fn unlimited<T>(&self, work: impl FnOnce() -> T) -> T {
        self.budget.store(u64::MAX, Ordering::Relaxed);
        work()
    }
}

fn bind(statement: &mut rusqlite::Statement<'_>, example: &Example) -> rusqlite::Result<()> {
    for (index, value) in example.parameters.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, super::connection::to_sqlite(value))?;
    }
    Ok(())
}

/// The kinds and statements of a schema, in the order in which they were made.
fn schema(source: &Sqlite) -> rusqlite::Result<Vec<(String, String)>> {
    let read = "SELECT type, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY rowid";
    let mut statement = source.prepare(read)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

fn texts(sqlite: &Sqlite, sql: &str, values: &[&str]) -> rusqlite::Result<Vec<String>> {
    let mut statement = sqlite.prepare(sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| row.get(0))?;
    rows.collect()
}

fn size(value: &SqliteValue) -> usize {
    let heap = match value {
        SqliteValue::Text(text) => text.len(),
        SqliteValue::Blob(bytes) => bytes.len(),
        SqliteValue::Null | SqliteValue::Integer(_) | SqliteValue::Real(_) => 0,
    };
    size_of::<SqliteValue>() + heap
}
