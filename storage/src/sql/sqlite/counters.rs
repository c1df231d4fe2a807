//! What a session knows of its last change: the row it inserted and the number of rows it changed.
//!
//! SQLite keeps both in the connection. Our sessions share one writing connection and read on others, so
//! each session carries its own and this module puts them into the connection that is about to run its statement.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

/// The temporary table of the writer by which the host sets SQLite's `last_insert_rowid`.
const MARK_TABLE: &str = "terrace_mark";

/// The counters of one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    pub(super) last_insert_rowid: i64,
    pub(super) changes: u64,
}

/// The counters as the SQL functions of one connection see them.
#[derive(Debug, Default)]
pub(super) struct SharedCounters {
    last_insert_rowid: AtomicI64,
    changes: AtomicI64,
}

impl SharedCounters {
    pub(super) fn set(&self, counters: Counters) {
        self.last_insert_rowid
            .store(counters.last_insert_rowid, Ordering::Relaxed);
        let changes = i64::try_from(counters.changes).unwrap_or(i64::MAX);
        self.changes.store(changes, Ordering::Relaxed);
    }
}

/// Makes `changes()` the session's on any connection.
pub(super) fn define_changes(
    connection: &Connection,
    shared: &Arc<SharedCounters>,
) -> rusqlite::Result<()> {
    let shared = Arc::clone(shared);
    connection.create_scalar_function("changes", 0, flags(), move |_| {
        Ok(shared.changes.load(Ordering::Relaxed))
    })
}

/// Makes `last_insert_rowid()` the session's on a reading connection. The writer keeps SQLite's own, which a trigger
/// sees changed by its own statements.
pub(super) fn define_last_insert_rowid(
    connection: &Connection,
    shared: &Arc<SharedCounters>,
) -> rusqlite::Result<()> {
    let shared = Arc::clone(shared);
    connection.create_scalar_function("last_insert_rowid", 0, flags(), move |_| {
        Ok(shared.last_insert_rowid.load(Ordering::Relaxed))
    })
}

/// Innocuous: views and triggers may use them, too.
fn flags() -> FunctionFlags {
    FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS
}

/// Makes the table that [`restore`] needs.
pub(super) fn create_mark_table(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "CREATE TEMP TABLE {MARK_TABLE} (id INTEGER PRIMARY KEY)"
    ))
}

/// Makes the writer's `last_insert_rowid` the session's, and its count of changes something other than zero.
///
/// Inserting a row is the only way to set the first in SQL. The second lets [`after`] tell a statement that
/// changed nothing from one that is not an `INSERT`, `UPDATE` or `DELETE` and leaves the count alone.
pub(super) fn restore(connection: &Connection, session: Counters) -> rusqlite::Result<()> {
    if connection.last_insert_rowid() == session.last_insert_rowid && connection.changes() != 0 {
        return Ok(());
    }
    connection
        .prepare_cached("DELETE FROM temp.terrace_mark")?
        .execute([])?;
    connection
        .prepare_cached("INSERT INTO temp.terrace_mark VALUES (?1)")?
        .execute([session.last_insert_rowid])?;
    Ok(())
}

/// The session's counters after a statement on the writer, before which [`restore`] ran and `total_before` rows had
/// been changed.
pub(super) fn after(connection: &Connection, total_before: u64, session: Counters) -> Counters {
    let untouched = connection.total_changes() == total_before && connection.changes() != 0;
    Counters {
        last_insert_rowid: connection.last_insert_rowid(),
        changes: if untouched {
            session.changes
        } else {
            connection.changes()
        },
    }
}
