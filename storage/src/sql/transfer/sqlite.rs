//! An SQLite file as a side of a move: its connection, and what both roles need.

mod source;
mod target;

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, Row as SqliteRow, params_from_iter};

use super::error::MoveError;
use super::finding::Holder;
use super::limits::{MAX_LOCK_WAIT, MAX_OPEN_WAIT};
use super::row::{self, Row, quoted};
use crate::dialect::Described;
use crate::sql::open::OpenError;
use crate::sql::sqlite::to_sqlite;
use crate::value::Value;

/// Tables, indexes and triggers of moves. They are not the app's.
const OWN: &str =
    "(name GLOB 'terrace_change*' OR name GLOB 'terrace_move*' OR name GLOB 'sqlite_*')";

/// The pause between two attempts to get a lock. SQLite's own grow, so that a busy writer would never let go.
const LOCK_PAUSE: Duration = Duration::from_millis(1);

/// A file.
#[derive(Debug)]
pub(super) struct Sqlite {
    connection: Connection,
    shown: String,
    /// The file, if it does not exist yet.
    missing: Option<PathBuf>,
    /// The greatest number of a change that was read, by table.
    read: Vec<(usize, i64)>,
    /// The engine of the other side.
    holder: Holder,
}

impl Sqlite {
    /// Opens a file, and makes it if it is to be made. It is a database in WAL mode afterwards.
    pub(super) fn open(path: &Path, is_made: bool, holder: Holder) -> Result<Self, OpenError> {
        let failed = |error: &rusqlite::Error| OpenError::NotWritable {
            path: path.to_owned(),
            message: error.to_string(),
        };
        let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        if is_made {
            crate::sql::sqlite::create_folder(path)?;
            flags |= OpenFlags::SQLITE_OPEN_CREATE;
        }
        let mut connection =
            Connection::open_with_flags(path, flags).map_err(|error| failed(&error))?;
        let set_up = |connection: &mut Connection| {
            connection.busy_handler(Some(patient))?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "foreign_keys", false)
        };
        match set_up(&mut connection) {
            Ok(()) => {}
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
                let path = path.to_owned();
                return Err(OpenError::NotADatabase { path });
            }
            Err(error) => return Err(failed(&error)),
        }
        Ok(Self {
            connection,
            shown: path.display().to_string(),
            missing: None,
            read: Vec::new(),
            holder,
        })
    }

    /// A target that is made only when rows are to be copied.
    pub(super) fn open_target(path: &Path, holder: Holder) -> Result<Self, OpenError> {
        if path.exists() {
            return Self::open(path, false, holder);
        }
        let mut target = Self::open(Path::new(":memory:"), false, holder)?;
        target.shown = path.display().to_string();
        target.missing = Some(path.to_owned());
        Ok(target)
    }

    /// The number of rows of a table.
    fn count_rows(&self, table: &Described) -> Result<u64, MoveError> {
        let sql = format!("SELECT count(*) FROM {}", quoted(&table.name));
        let count = self
            .connection
            .query_row(&sql, [], |row| row.get::<_, i64>(0));
        let count = count.map_err(|error| self.failed(&error))?;
        Ok(count.unsigned_abs())
    }

    fn set_patience(&mut self, waits: fn(i32) -> bool) -> Result<(), MoveError> {
        let set = self.connection.busy_handler(Some(waits));
        set.map_err(|error| self.failed(&error))
    }

    fn run(&self, sql: &str) -> Result<(), MoveError> {
        self.connection
            .execute_batch(sql)
            .map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &rusqlite::Error) -> MoveError {
        let place = self.shown.clone();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy) => MoveError::Busy { place },
            _ => MoveError::Failed {
                place,
                message: error.to_string(),
            },
        }
    }

    fn invalid(&self, table: &Described, column: usize) -> MoveError {
        let column = &table.columns[column].name;
        MoveError::Failed {
            place: self.shown.clone(),
            message: format!("a text in {}.{column} is not UTF-8", table.name),
        }
    }

    /// The rows of a query, up to about so many bytes.
    fn rows_of(
        &self,
        table: &Described,
        sql: &str,
        values: &[Value],
        most: usize,
    ) -> Result<Vec<Row>, MoveError> {
        let mut found = Vec::new();
        let mut bytes = 0;
        self.each(table, sql, values, |row| {
            bytes += row::size(&row);
            found.push(row);
            bytes < most
        })?;
        Ok(found)
    }

    /// Gives each row of a query to `take`, until it has enough.
    fn each(
        &self,
        table: &Described,
        sql: &str,
        values: &[Value],
        mut take: impl FnMut(Row) -> bool,
    ) -> Result<(), MoveError> {
        let mut work = || -> rusqlite::Result<Option<usize>> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query(params_from_iter(values.iter().map(to_sqlite)))?;
            while let Some(row) = rows.next()? {
                match read(row, table.columns.len())? {
                    Ok(row) => {
                        if !take(row) {
                            break;
                        }
                    }
                    Err(column) => return Ok(Some(column)),
                }
            }
            Ok(None)
        };
        match work().map_err(|error| self.failed(&error))? {
            Some(column) => Err(self.invalid(table, column)),
            None => Ok(()),
        }
    }

    /// The texts in the only column of a query.
    fn texts(&self, sql: &str) -> Result<Vec<String>, MoveError> {
        let work = || {
            let mut statement = self.connection.prepare(sql)?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect::<rusqlite::Result<Vec<String>>>()
        };
        work().map_err(|error| self.failed(&error))
    }

    fn has_table(&self, name: &str) -> Result<bool, MoveError> {
        let found = self.texts(&format!(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = '{name}'"
        ))?;
        Ok(!found.is_empty())
    }

    /// Drops tables and triggers of moves that the condition names.
    fn drop_own(&self, condition: &str) -> Result<(), MoveError> {
        let drops = self.texts(&format!(
            "SELECT 'DROP ' || type || ' \"' || name || '\";' FROM sqlite_schema \
             WHERE type IN ('table', 'trigger') AND ({condition}) ORDER BY type DESC"
        ))?;
        self.run(&drops.concat())
    }
}

/// Waits for a lock of another process.
fn patient(attempts: i32) -> bool {
    waits(attempts, MAX_OPEN_WAIT)
}

/// Waits for the writers before the pause. A server that was asked to hold its statements does so for some seconds only.
fn brief(attempts: i32) -> bool {
    waits(attempts, MAX_LOCK_WAIT * 5)
}

fn waits(attempts: i32, most: Duration) -> bool {
    thread::sleep(LOCK_PAUSE);
    u128::try_from(attempts).is_ok_and(|attempts| attempts < most.as_millis())
}

/// The first values of a row, or the column whose text is not UTF-8.
fn read(row: &SqliteRow<'_>, width: usize) -> rusqlite::Result<Result<Row, usize>> {
    let mut values = Vec::with_capacity(width);
    for at in 0..width {
        values.push(match row.get_ref(at)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(integer) => Value::Integer(integer),
            ValueRef::Real(real) => Value::Real(real),
            ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
            ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Value::Text(text.to_owned()),
                Err(_) => return Ok(Err(at)),
            },
        });
    }
    Ok(Ok(values))
}

/// `"a" = ?1 AND "b" = ?2` for the columns of the key.
fn key_condition(table: &Described) -> String {
    let conditions = table.key.iter().enumerate().map(|(at, column)| {
        let column = quoted(&table.columns[*column].name);
        format!("{column} = ?{}", at + 1)
    });
    conditions.collect::<Vec<_>>().join(" AND ")
}
