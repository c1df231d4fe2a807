//! Both engines side by side: each statement runs on SQLite and, translated, on Postgres.

use std::fmt::Write as _;

use tokio::runtime::Runtime;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, NoTls};

use super::super::{Effect, FUNCTIONS, Kind, Refusal, Schema, Source, Translated, translate};
use super::values::{Read, postgres_type, sqlite_value, value_of};
use crate::sql::Value;
use crate::test_server::Server;

/// Errors of Postgres that are refusals by name: what a column cannot hold, a number that is too large, a query that is
/// no single value, a row that one statement changes twice, and a zero byte in text.
const REFUSALS: [&str; 5] = ["TR001", "22003", "21000", "22021", "22P05"];

/// What a statement did on one engine.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Value>>,
    pub(super) changes: Option<u64>,
}

/// What came of a statement on both.
#[derive(Debug)]
pub(super) enum Outcome {
    Same(Answer),
    /// Both engines failed.
    BothFailed,
    /// Refused by the dialect, or by name on Postgres.
    Refused(String),
    Different(String),
}

/// Both engines, and the schema that they have.
pub(super) struct Engines {
    runtime: Runtime,
    client: Client,
    pub(super) sqlite: rusqlite::Connection,
    pub(super) schema: Schema,
    last_rowid: i64,
    changes: u64,
    _server: Server,
}

impl Engines {
    pub(super) fn start() -> Self {
        let server = Server::start();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let mut config = Config::new();
        config
            .host_path(server.socket())
            .user("terrace")
            .dbname("postgres");
        let (client, connection) = runtime.block_on(config.connect(NoTls)).unwrap();
        runtime.spawn(async move {
            let _ = connection.await;
        });
        for functions in FUNCTIONS {
            runtime.block_on(client.batch_execute(functions)).unwrap();
        }
        runtime
            .block_on(client.batch_execute(
                "SET client_min_messages = error; SET search_path = public; COMMIT; BEGIN",
            ))
            .unwrap();
        let sqlite = rusqlite::Connection::open_in_memory().unwrap();
        sqlite.execute_batch("PRAGMA foreign_keys = ON").unwrap();
        Self {
            runtime,
            client,
            sqlite,
            schema: Schema::new(),
            last_rowid: 0,
            changes: 0,
            _server: server,
        }
    }

    /// Forgets all tables.
    pub(super) fn reset(&mut self) {
        self.sqlite = rusqlite::Connection::open_in_memory().unwrap();
        self.sqlite
            .execute_batch("PRAGMA foreign_keys = ON")
            .unwrap();
        self.schema = Schema::new();
        (self.last_rowid, self.changes) = (0, 0);
        let reset =
            "ROLLBACK; BEGIN; DROP SCHEMA public CASCADE; CREATE SCHEMA public; COMMIT; BEGIN";
        self.runtime
            .block_on(self.client.batch_execute(reset))
            .unwrap();
    }

    /// Gives Postgres a text without a result.
    pub(super) fn tell(&self, text: &str) {
        self.runtime
            .block_on(self.client.batch_execute(text))
            .unwrap();
    }

    /// Runs a statement on both engines. What only one of them did is undone.
    pub(super) fn run(&mut self, text: &str, values: &[Value], is_ordered: bool) -> Outcome {
        let kinds: Vec<Option<Kind>> = values.iter().map(Kind::of).collect();
        if text.starts_with("INSERT") {
            self.align_rowids();
        }
        self.sqlite.execute_batch("SAVEPOINT one").unwrap();
        let sqlite = self.on_sqlite(text, values);
        let translated = self.translated(text, &kinds);
        let outcome = match (sqlite, translated) {
            (Err(_), Err(_)) => Outcome::BothFailed,
            (Ok(_), Err(refusal)) => refused(&refusal),
            (sqlite, Ok(translated)) => {
                assert!(translated.accepts(&kinds), "{text} {kinds:?}");
                let postgres = self.on_postgres(&translated, values);
                compared(text, values, &translated, sqlite, postgres, is_ordered)
            }
        };
        let (end, postgres_end) = match outcome {
            Outcome::Same(_) => ("RELEASE one", "COMMIT; BEGIN"),
            _ => ("ROLLBACK TO one; RELEASE one", "ROLLBACK; BEGIN"),
        };
        self.sqlite.execute_batch(end).unwrap();
        self.runtime
            .block_on(self.client.batch_execute(postgres_end))
            .unwrap();
        match outcome {
            Outcome::Same(_) => self.schema.apply(text).unwrap(),
            // SQLite does not take these two back.
            _ => {
                self.last_rowid = self.sqlite.last_insert_rowid();
                self.changes = self.sqlite.changes();
            }
        }
        outcome
    }

    /// The translation for kinds that are not known, if it is right for these, as often as the one for these.
    fn translated(&self, text: &str, kinds: &[Option<Kind>]) -> Result<Translated, Refusal> {
        let unknown = translate(text, &self.schema, &[]);
        match unknown {
            Ok(unknown) if text.len().is_multiple_of(2) && unknown.accepts(kinds) => Ok(unknown),
            _ => translate(text, &self.schema, kinds),
        }
    }

    /// Lets both engines go on with the same rowid. Postgres does not give one back, SQLite may.
    fn align_rowids(&mut self) {
        let tables = self
            .schema
            .tables
            .values()
            .filter(|table| table.rowid.is_some());
        let mut texts = String::new();
        for table in tables {
            let (name, column) = (&table.name, &table.columns[table.rowid.unwrap()].name);
            let query = |text: String| self.sqlite.query_row(&text, [], |row| row.get::<_, i64>(0));
            let largest = query(format!("SELECT coalesce(max({column}), 0) FROM {name}")).unwrap();
            let kept = query(format!(
                "SELECT seq FROM sqlite_sequence WHERE name = '{name}'"
            ));
            let last = largest.max(kept.unwrap_or(0));
            let _ = write!(
                texts,
                "SELECT setval(pg_get_serial_sequence('\"{name}\"', '{column}'), {}, {});",
                last.max(1),
                last > 0
            );
        }
        self.runtime
            .block_on(self.client.batch_execute(&texts))
            .unwrap();
    }

    pub(super) fn on_sqlite(&self, text: &str, values: &[Value]) -> Result<Answer, String> {
        let before = self.sqlite.total_changes();
        let mut statement = self
            .sqlite
            .prepare(text)
            .map_err(|error| error.to_string())?;
        let columns = statement.column_names().map(str::to_owned).collect();
        let width = statement.column_count();
        let bound = values
            .iter()
            .map(sqlite_value)
            .take(statement.parameter_count());
        for (at, value) in bound.enumerate() {
            statement
                .raw_bind_parameter(at + 1, value)
                .map_err(|error| error.to_string())?;
        }
        let mut rows = statement.raw_query();
        let mut answer = Vec::new();
        while let Some(row) = rows.next().map_err(|error| error.to_string())? {
            let row = (0..width).map(|at| value_of(row.get_ref_unwrap(at)));
            answer.push(row.collect());
        }
        drop(rows);
        let is_change = self.sqlite.total_changes() > before;
        Ok(Answer {
            columns,
            rows: answer,
            changes: is_change.then(|| self.sqlite.changes()),
        })
    }

    pub(super) fn on_postgres(
        &mut self,
        translated: &Translated,
        values: &[Value],
    ) -> Result<Answer, tokio_postgres::Error> {
        let columns = translated
            .columns
            .iter()
            .map(|column| column.name.clone())
            .collect();
        if translated.effect != Effect::Read && translated.effect != Effect::Write {
            let texts = translated.texts.join("; ");
            self.runtime.block_on(self.client.batch_execute(&texts))?;
            return Ok(Answer {
                columns,
                rows: Vec::new(),
                changes: None,
            });
        }
        let types = translated
            .parameters
            .iter()
            .map(|parameter| postgres_type(parameter.kind));
        let types: Vec<Type> = types.collect();
        let bound: Vec<Box<dyn ToSql + Sync>> = translated
            .parameters
            .iter()
            .map(|parameter| self.bound(&parameter.source, parameter.kind, values))
            .collect();
        let bound: Vec<&(dyn ToSql + Sync)> = bound.iter().map(AsRef::as_ref).collect();
        let text = &translated.texts[0];
        let result = self.runtime.block_on(async {
            let statement = self.client.prepare_typed(text, &types).await?;
            if statement.columns().is_empty() {
                let changes = self.client.execute(&statement, &bound).await?;
                return Ok((Vec::new(), changes));
            }
            let rows = self.client.query(&statement, &bound).await?;
            let count = rows.len() as u64;
            Ok((rows, count))
        });
        let (rows, count) = result?;
        Ok(self.answer(translated, columns, &rows, count))
    }

    /// The rows without the rowid, which the session remembers.
    fn answer(
        &mut self,
        translated: &Translated,
        columns: Vec<String>,
        rows: &[tokio_postgres::Row],
        count: u64,
    ) -> Answer {
        let width = translated.columns.len();
        let mut answer = Vec::new();
        for row in rows {
            answer.push((0..width).map(|at| row.get::<_, Read>(at).0).collect());
            if let (true, Read(Value::Integer(rowid))) = (translated.has_rowid, last(row)) {
                self.last_rowid = rowid;
            }
        }
        let has_rows = translated.effect == Effect::Read || width > 0;
        if translated.effect == Effect::Write {
            self.changes = count;
        }
        Answer {
            columns,
            rows: if has_rows { answer } else { Vec::new() },
            changes: (translated.effect == Effect::Write).then_some(count),
        }
    }

    fn bound(&self, source: &Source, kind: Kind, values: &[Value]) -> Box<dyn ToSql + Sync> {
        let value = match source {
            Source::Given(number) => values.get(number - 1).cloned().unwrap_or(Value::Null),
            Source::LastInsertRowid => Value::Integer(self.last_rowid),
            #[expect(clippy::cast_possible_wrap, reason = "few rows")]
            Source::Changes => Value::Integer(self.changes as i64),
        };
        match (value, kind) {
            (Value::Integer(value), _) => Box::new(value),
            (Value::Real(value), _) => Box::new(value),
            (Value::Text(value), _) => Box::new(value),
            (Value::Blob(value), _) => Box::new(value),
            (Value::Null, Kind::Integer) => Box::new(None::<i64>),
            (Value::Null, Kind::Real) => Box::new(None::<f64>),
            (Value::Null, Kind::Text) => Box::new(None::<String>),
            (Value::Null, Kind::Blob) => Box::new(None::<Vec<u8>>),
        }
    }
}

fn last(row: &tokio_postgres::Row) -> Read {
    row.get(row.len() - 1)
}

fn refused(refusal: &Refusal) -> Outcome {
    Outcome::Refused(refusal.to_string())
}

fn compared(
    text: &str,
    values: &[Value],
    translated: &Translated,
    sqlite: Result<Answer, String>,
    postgres: Result<Answer, tokio_postgres::Error>,
    is_ordered: bool,
) -> Outcome {
    let both = (sqlite, postgres);
    let (mut sqlite, mut postgres) = match both {
        (Ok(sqlite), Ok(postgres)) => (sqlite, postgres),
        (Err(_), Err(_)) => return Outcome::BothFailed,
        (Ok(_), Err(error)) if is_refusal(&error) || is_ignored(text, &error) => {
            return Outcome::Refused(message(&error));
        }
        (sqlite, postgres) => {
            let postgres = postgres.map_err(|error| message(&error));
            let texts = &translated.texts;
            return Outcome::Different(format!(
                "{text}\n{values:?}\n{texts:?}\nSQLite {sqlite:?}\nPostgres {postgres:?}"
            ));
        }
    };
    without_sign(&mut sqlite.rows);
    without_sign(&mut postgres.rows);
    if !is_ordered {
        sort(&mut sqlite.rows);
        sort(&mut postgres.rows);
    }
    if translated.effect != Effect::Write || sqlite.changes.is_none() {
        sqlite.changes = None;
        if postgres.changes == Some(0) || translated.effect != Effect::Write {
            postgres.changes = None;
        }
    }
    if same(&sqlite, &postgres) {
        return Outcome::Same(sqlite);
    }
    let texts = &translated.texts;
    Outcome::Different(format!(
        "{text}\n{values:?}\n{texts:?}\nSQLite   {sqlite:?}\nPostgres {postgres:?}"
    ))
}

fn same(sqlite: &Answer, postgres: &Answer) -> bool {
    let rows = |answer: &Answer| format!("{:?}", answer.rows);
    sqlite.columns == postgres.columns
        && sqlite.changes == postgres.changes
        && rows(sqlite) == rows(postgres)
}

/// The sign of a zero is not told apart: no expression of SQL does.
fn without_sign(rows: &mut [Vec<Value>]) {
    for value in rows.iter_mut().flatten() {
        if let Value::Real(real) = value {
            *real += 0.0;
        }
    }
}

fn sort(rows: &mut [Vec<Value>]) {
    rows.sort_by_cached_key(|row| format!("{row:?}"));
}

pub(super) fn is_refusal(error: &tokio_postgres::Error) -> bool {
    error
        .code()
        .is_some_and(|code| REFUSALS.contains(&code.code()))
}

/// `OR IGNORE` and `OR REPLACE` are for keys only in Postgres. Other constraints fail, and say which one.
fn is_ignored(text: &str, error: &tokio_postgres::Error) -> bool {
    let is_lenient = text.contains("OR IGNORE") || text.contains("REPLACE INTO");
    let is_constraint = error
        .code()
        .is_some_and(|code| ["23502", "23514"].contains(&code.code()));
    is_lenient && is_constraint
}

pub(super) fn message(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => format!("{} {}", error.code().code(), error.message()),
        None => format!("{error:?}"),
    }
}
