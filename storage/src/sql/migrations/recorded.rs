//! What a database has recorded of migrations, and what follows for the files of a folder.

use std::time::Instant;

use super::{Migration, MigrationError};
use crate::sql::error::Error;
use crate::sql::session::Session;
use crate::sql::value::Value;

/// The table with a row for each applied migration.
const CREATE: &str = "CREATE TABLE IF NOT EXISTS terrace_migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at TEXT NOT NULL
)";

const READ: &str = "SELECT number, name, checksum FROM terrace_migrations ORDER BY number";

const INSERT: &str = "INSERT INTO terrace_migrations (number, name, checksum, applied_at)
    VALUES (?1, ?2, ?3, datetime('now'))";

/// The table of functions that apply their migrations themselves, with `sql::Connection::migrate` of the SDK.
const READ_OF_FUNCTIONS: &str = "SELECT max(version) FROM schema_version";

/// What is recorded.
#[derive(Debug)]
pub(super) struct Recorded {
    rows: Vec<Row>,
    /// The greatest number that a function has applied itself; 0 if none.
    by_function: u32,
}

#[derive(Debug)]
struct Row {
    number: u32,
    name: String,
    checksum: String,
}

impl Recorded {
    pub(super) async fn read(session: &mut Session, deadline: Instant) -> Result<Self, Error> {
        let rows = rows_if_any(session, READ, deadline).await?;
        let version = rows_if_any(session, READ_OF_FUNCTIONS, deadline).await?;
        let version = version.first().and_then(|row| row.first());
        Ok(Self {
            rows: rows.iter().filter_map(|values| row(values)).collect(),
            by_function: version.map_or(0, number),
        })
    }

    /// The migrations that are not recorded.
    ///
    /// # Errors
    /// If a recorded one was changed, or is gone, or comes after one that is not. Those after the last file are of a later version of the
    /// app, which this one lives with.
    pub(super) fn pending<'m>(
        &self,
        migrations: &'m [Migration],
    ) -> Result<Vec<&'m Migration>, MigrationError> {
        let last = migrations.last().map_or(0, |file| file.number);
        for row in self.rows.iter().filter(|row| row.number <= last) {
            let mut files = migrations.iter();
            match files.find(|file| file.number == row.number) {
                None => {
                    let name = row.name.clone();
                    return Err(MigrationError::Missing { name });
                }
                Some(file) if file.checksum() != row.checksum => {
                    let name = file.name.clone();
                    return Err(MigrationError::Changed { name });
                }
                Some(_) => {}
            }
        }
        let is_recorded = |file: &&Migration| self.rows.iter().any(|row| row.number == file.number);
        let pending: Vec<_> = migrations
            .iter()
            .filter(|file| !is_recorded(file))
            .collect();
        match (pending.first(), self.rows.last()) {
            (Some(first), Some(last)) if first.number < last.number => Err(MigrationError::Late {
                name: first.name.clone(),
                later: last.name.clone(),
            }),
            _ => Ok(pending),
        }
    }

    /// Whether the migration only has to be recorded.
    pub(super) fn was_applied_by_the_function(&self, migration: &Migration) -> bool {
        migration.number <= self.by_function
    }
}

/// The rows of a table that may not exist, which is the only mistake that these statements can have. No transaction ends by it.
async fn rows_if_any(
    session: &mut Session,
    read: &str,
    deadline: Instant,
) -> Result<Vec<Vec<Value>>, Error> {
    match session.execute(read, Vec::new(), deadline).await {
        Ok(rows) => Ok(rows.rows),
        Err(Error::Statement { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Makes the table if it does not exist.
pub(super) async fn create(session: &mut Session, deadline: Instant) -> Result<(), Error> {
    session
        .execute(CREATE, Vec::new(), deadline)
        .await
        .map(drop)
}

/// Records an applied migration.
pub(super) async fn record(
    session: &mut Session,
    migration: &Migration,
    deadline: Instant,
) -> Result<(), Error> {
    let values = vec![
        Value::Integer(migration.number.into()),
        Value::Text(migration.name.clone()),
        Value::Text(migration.checksum()),
    ];
    session.execute(INSERT, values, deadline).await.map(drop)
}

fn row(row: &[Value]) -> Option<Row> {
    let [first, Value::Text(name), Value::Text(checksum)] = row else {
        return None;
    };
    Some(Row {
        number: number(first),
        name: name.clone(),
        checksum: checksum.clone(),
    })
}

/// A number of a migration; 0 is none.
fn number(value: &Value) -> u32 {
    match value {
        Value::Integer(number) => u32::try_from(*number).unwrap_or(0),
        _ => 0,
    }
}
