//! Opens a database file: creates its folder, sets up its connections, and explains errors. Connections run the
//! statements.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::thread;
use std::time::Instant;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit as SqliteLimit;
use rusqlite::{Connection as Sqlite, ErrorCode, OpenFlags, OptionalExtension};

use super::connection::Connection;
use super::counters;
use super::failures;
use super::interrupt::{Cancellation, Limit};
use super::shared::Shared;
use crate::clock;
use crate::sql::error::Error;
use crate::sql::limits::{
    MAX_BUSY_PAUSE, MAX_IDLE_WAL_BYTES, MAX_LIKE_PATTERN_BYTES, MAX_PARAMETERS,
    MAX_STATEMENT_BYTES, MAX_VALUE_BYTES, PAGE_CACHE_KIBIBYTES, STATEMENT_CACHE_CAPACITY,
};
use crate::sql::open::{OpenError, SqliteOptions};

/// Creates the folder of a database file, durably.
pub(crate) fn create_folder(path: &Path) -> Result<(), OpenError> {
    let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    else {
        return Ok(());
    };
    if folder.is_dir() {
        return Ok(());
    }
    create_durably(folder).map_err(|source| OpenError::Folder {
        folder: folder.to_owned(),
        source,
    })
}

/// SQLite syncs its own files. A new folder survives a power cut only if its parent folder is synced too.
fn create_durably(folder: &Path) -> io::Result<()> {
    let existing = folder
        .ancestors()
        .skip(1)
        .find(|ancestor| ancestor.is_dir());
    fs::create_dir_all(folder)?;
    for made in folder.ancestors().skip(1) {
        if made.as_os_str().is_empty() {
            return File::open(".")?.sync_all();
        }
        File::open(made)?.sync_all()?;
        if Some(made) == existing {
            break;
        }
    }
    Ok(())
}

/// Opens the connection for writes. A new file becomes a database in WAL mode.
///
/// Of two processes that do this at once, SQLite refuses one without a wait, because waiting could be a deadlock. It tries again.
pub(super) fn open_writer(
    path: &Path,
    options: SqliteOptions,
    schema: &str,
    shared: &Shared,
) -> Result<Connection, OpenError> {
    let deadline = clock::now() + options.open_timeout;
    loop {
        match connect_writer(path, deadline, schema, shared.clone()) {
            Err(error) if is_busy(&error) && clock::now() < deadline => {
                thread::sleep(MAX_BUSY_PAUSE);
            }
            Ok(connection) => return refuse_moved(path, connection),
            Err(error) => return Err(explain(path, &error)),
        }
    }
}

fn connect_writer(
    path: &Path,
    deadline: Instant,
    schema: &str,
    shared: Shared,
) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let connection = connect(path, flags, shared)?;
    let patience = Limit::Cancellation(Cancellation::new(deadline));
    connection.limited(patience, |connection| {
        connection.internally(|sqlite| set_up_writer(sqlite, schema))
    })?;
    Ok(connection)
}

/// Refuses a file whose data is elsewhere now.
fn refuse_moved(path: &Path, connection: Connection) -> Result<Connection, OpenError> {
    let moved = connection.internally(moved_to);
    match moved.map_err(|error| explain(path, &error))? {
        Some(to) => Err(OpenError::Moved {
            place: path.display().to_string(),
            to,
        }),
        None => Ok(connection),
    }
}

/// Where the data of a database is, if it was moved.
pub(in crate::sql) fn moved_to(sqlite: &Sqlite) -> rusqlite::Result<Option<String>> {
    let exists = "SELECT count(*) FROM sqlite_schema WHERE name = 'terrace_moved'";
    if sqlite.query_row(exists, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(None);
    }
    let place = "SELECT url FROM terrace_moved";
    sqlite.query_row(place, [], |row| row.get(0)).optional()
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

/// Opens a connection for reads.
pub(super) fn open_reader(path: &Path, shared: Shared) -> Result<Connection, Error> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, shared)
        .and_then(|connection| {
            // A second safeguard: the file is already opened read-only.
            connection.internally(|sqlite| sqlite.pragma_update(None, "query_only", true))?;
            connection.define_last_insert_rowid()?;
            Ok(connection)
        })
        .map_err(|error| failures::error(&error, None))
}

fn connect(path: &Path, flags: OpenFlags, shared: Shared) -> rusqlite::Result<Connection> {
    // SQLite's own mutex is not needed: Rust's types give a connection to one thread at a time.
    let sqlite = Sqlite::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    let connection = Connection::new(sqlite, shared)?;
    connection.internally(set_up)?;
    Ok(connection)
}

fn set_up(sqlite: &Sqlite) -> rusqlite::Result<()> {
    // Defensive mode: no statement can damage the file. Untrusted schema: the views and triggers of a foreign file may
    // call only innocuous functions.
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    sqlite.pragma_update(None, "foreign_keys", true)?;
    // Sorts use memory: a temporary file would be outside the state folder.
    sqlite.pragma_update(None, "temp_store", "MEMORY")?;
    sqlite.pragma_update(None, "cache_size", -PAGE_CACHE_KIBIBYTES)?;
    // No memory map: a disk error in it raises a signal, which would end the process instead of one statement.
    sqlite.pragma_update(None, "mmap_size", 0)?;
    sqlite.set_prepared_statement_cache_capacity(STATEMENT_CACHE_CAPACITY);
    set_limit(sqlite, SqliteLimit::SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)?;
    set_limit(
        sqlite,
        SqliteLimit::SQLITE_LIMIT_SQL_LENGTH,
        MAX_STATEMENT_BYTES,
    )?;
    set_limit(
        sqlite,
        SqliteLimit::SQLITE_LIMIT_VARIABLE_NUMBER,
        MAX_PARAMETERS,
    )?;
    set_limit(
        sqlite,
        SqliteLimit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH,
        MAX_LIKE_PATTERN_BYTES,
    )
}

fn set_limit(sqlite: &Sqlite, limit: SqliteLimit, value: usize) -> rusqlite::Result<()> {
    let value = i32::try_from(value).expect("the limits of this module fit 31 bits");
    sqlite.set_limit(limit, value).map(drop)
}

fn set_up_writer(sqlite: &Sqlite, schema: &str) -> rusqlite::Result<()> {
    // Readers continue during a write.
    sqlite.pragma_update(None, "journal_mode", "WAL")?;
    // A commit returns only after the log is on the disk, so an acknowledged write survives a power cut.
    sqlite.pragma_update(None, "synchronous", "FULL")?;
    sqlite.pragma_update(None, "journal_size_limit", MAX_IDLE_WAL_BYTES)?;
    // Takes the write lock and reads the schema. A file that is damaged or not writable thus fails at the start, before
    // the first request.
    sqlite.execute_batch(&format!(
        "BEGIN IMMEDIATE; SELECT count(*) FROM sqlite_schema; {schema}; COMMIT"
    ))?;
    counters::create_mark_table(sqlite)
}

fn explain(path: &Path, error: &rusqlite::Error) -> OpenError {
    let (path, message) = (path.to_owned(), error.to_string());
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OperationInterrupted,
        ) => OpenError::Locked { path },
        Some(ErrorCode::DiskFull) => OpenError::Full { path },
        Some(ErrorCode::NotADatabase) => OpenError::NotADatabase { path },
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            OpenError::NotWritable { path, message }
        }
        _ => OpenError::Failed { path, message },
    }
}
