//! The counters of a session: the rowid of its last insert, and the number of rows that its last change affected.
//!
//! SQLite keeps both in the connection. Our sessions share one connection for writes and use any for reads. So each
//! session keeps its own counters, and this module sets them on the connection before each statement of the session.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use crate::sql::work::Work;

/// A temporary table of the writer. An insert into it sets SQLite's `last_insert_rowid`.
const MARK_TABLE: &str = "terrace_mark";

/// The counters of one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    pub(super) last_insert_rowid: i64,
    pub(super) changes: u64,
    /// That of the last statement.
    pub(super) work: Work,
}

/// The counters that the SQL functions of one connection return.
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

/// Defines `changes()` as the session's value, on any connection.
pub(super) fn define_changes(
    connection: &Connection,
    shared: &Arc<SharedCounters>,
) -> rusqlite::Result<()> {
    let shared = Arc::clone(shared);
    connection.create_scalar_function("changes", 0, flags(), move |_| {
        Ok(shared.changes.load(Ordering::Relaxed))
    })
}

/// Defines `last_insert_rowid()` as the session's value, on a connection for reads. The writer keeps SQLite's own
/// function, because a trigger must see the rowids of its own inserts.
pub(super) fn define_last_insert_rowid(
    connection: &Connection,
    shared: &Arc<SharedCounters>,
) -> rusqlite::Result<()> {
    let shared = Arc::clone(shared);
    connection.create_scalar_function("last_insert_rowid", 0, flags(), move |_| {
        Ok(shared.last_insert_rowid.load(Ordering::Relaxed))
    })
}

/// Innocuous, so that views and triggers may use the functions.
fn flags() -> FunctionFlags {
    FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS
}

/// Creates the table that [`restore`] needs.
pub(super) fn create_mark_table(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "CREATE TEMP TABLE {MARK_TABLE} (id INTEGER PRIMARY KEY)"
    ))
}

/// Sets the writer's `last_insert_rowid` to the session's, and its count of changes to a number above zero.
///
/// SQL can set the rowid only by inserting a row. The count serves [`after`]: an `INSERT`, `UPDATE` or `DELETE` that
/// changes no row sets it to zero, and every other statement leaves it alone.
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

/// The session's counters after a statement on the writer. [`restore`] ran before the statement, and `total_before` is
/// `total_changes` from then.
pub(super) fn after(connection: &Connection, total_before: u64, session: Counters) -> Counters {
    let untouched = connection.total_changes() == total_before && connection.changes() != 0;
    Counters {
        last_insert_rowid: connection.last_insert_rowid(),
        changes: if untouched {
            session.changes
        } else {
            connection.changes()
        },
        work: session.work,
    }
}
