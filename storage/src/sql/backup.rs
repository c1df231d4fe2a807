//! Copies of SQLite files that are written to meanwhile, all of one moment, and files that take the place of others.
//! Names, manifests and the order of things are left to the caller.
//!
//! For a moment [`copy`] holds the lock for writes on all files, and begins a read on each. So the copies belong together: an event
//! that one file has sent to another is in at least one of the copies. Writers go on during the copying itself. SQLite keeps what
//! they write in the logs until it ends.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::config::DbConfig;
use rusqlite::{Connection as Sqlite, ErrorCode, OpenFlags};
use sha2::{Digest as _, Sha256};

use super::limits::{
    BACKUP_LOCK_TIMEOUT, BACKUP_STEP_PAGES, MAX_BACKUP_LOCK_TRIES, MIN_BACKUP_LOCK_PAUSE,
};
use super::open::OpenError;
use super::sqlite::{create_folder, define_math, moved_to};
use crate::clock;

/// The bytes that are read or written at once.
const BUFFER: usize = 256 * 1024;

/// A database file, and the file that its copy goes to.
#[derive(Clone, Debug)]
pub struct Source {
    /// The database, which exists.
    pub database: PathBuf,
    /// The copy, which does not exist.
    pub copy: PathBuf,
}

/// The facts by which a file is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in lower-case hexadecimal digits.
    pub sha256: String,
}

/// How far the work on one file is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Which file, from 0.
    pub index: usize,
    /// The bytes that are done.
    pub bytes: u64,
    /// The bytes of the file.
    pub of: u64,
}

/// Why files were not copied.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The data of the database is elsewhere.
    #[error(transparent)]
    Moved(OpenError),
    /// Others had the lock for writes for too long.
    #[error(
        "the database {} is locked by a writer that does not end; try again when it has", .0.display()
    )]
    Locked(PathBuf),
    /// The database cannot be read.
    #[error("the database {} cannot be read: {message}", .path.display())]
    Unreadable {
        /// The database.
        path: PathBuf,
        /// SQLite's message.
        message: String,
    },
    /// The database is damaged, so a copy of it is no use.
    #[error("the database {} is damaged: {message}", .path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// SQLite's message.
        message: String,
    },
    /// The disk is full.
    #[error("the disk is full: {} cannot be written; free some space", .0.display())]
    Full(PathBuf),
    /// A file cannot be written.
    #[error("{} cannot be written: {message}", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The words of SQLite, or of the operating system.
        message: String,
    },
    /// A file is not what was said of it.
    #[error("{} is not as it was when the backup was made: it was changed, or damaged", .0.display())]
    Changed(PathBuf),
}

/// Copies databases as they all are at one moment. The copies are complete, checked and on the disk. Whatever fails, files that were
/// begun stay behind.
///
/// # Errors
///
/// See [`BackupError`].
pub fn copy(
    sources: &[Source],
    report: &mut impl FnMut(Progress),
) -> Result<Vec<Content>, BackupError> {
    let readers = readers_of_one_moment(sources)?;
    let mut contents = Vec::with_capacity(sources.len());
    for (index, (source, reader)) in sources.iter().zip(readers).enumerate() {
        copy_pages(source, &reader, |bytes, of| {
            report(Progress { index, bytes, of });
        })?;
        // The log may be cut back from here on.
        drop(reader);
        check(source)?;
        let file = File::open(&source.copy).map_err(|error| unwritable(&source.copy, &error))?;
        file.sync_all()
            .map_err(|error| unwritable(&source.copy, &error))?;
        let content = content(&source.copy).map_err(|error| unwritable(&source.copy, &error))?;
        contents.push(content);
    }
    Ok(contents)
}

/// Begins a read on each database, while nobody can write to any.
fn readers_of_one_moment(sources: &[Source]) -> Result<Vec<Sqlite>, BackupError> {
    let deadline = clock::now() + BACKUP_LOCK_TIMEOUT;
    let open = || {
        let opened = sources.iter().map(|source| connect(&source.database));
        opened.collect::<Result<Vec<_>, _>>()
    };
    let (writers, readers) = (open()?, open()?);
    hold(&writers, sources, deadline)?;
    for (reader, source) in readers.iter().zip(sources) {
        let begun = reader.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema");
        begun.map_err(|error| unreadable(&source.database, &error))?;
    }
    drop(writers);
    for (reader, source) in readers.iter().zip(sources) {
        let moved = moved_to(reader).map_err(|error| unreadable(&source.database, &error))?;
        if let Some(to) = moved {
            let place = source.database.display().to_string();
            return Err(BackupError::Moved(OpenError::Moved { place, to }));
        }
    }
    Ok(readers)
}

fn connect(path: &Path) -> Result<Sqlite, BackupError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connected = Sqlite::open_with_flags(path, flags).and_then(|mut sqlite| {
        // A server under load leaves the lock free for some microseconds at a time. SQLite's own pauses would grow too long to meet
        // them.
        sqlite.busy_handler(Some(|tries: i32| {
            thread::sleep(MIN_BACKUP_LOCK_PAUSE);
            tries < MAX_BACKUP_LOCK_TRIES
        }))?;
        Ok(sqlite)
    });
    connected.map_err(|error| unreadable(path, &error))
}

/// Takes the lock for writes on all databases. Somebody who has the lock of one may wait for another one's, so it never keeps some
/// while it waits for long.
fn hold(writers: &[Sqlite], sources: &[Source], deadline: Instant) -> Result<(), BackupError> {
    'all: loop {
        for (index, (writer, source)) in writers.iter().zip(sources).enumerate() {
            let Err(error) = writer.execute_batch("BEGIN IMMEDIATE") else {
                continue;
            };
            if error.sqlite_error_code() != Some(ErrorCode::DatabaseBusy) {
                return Err(unreadable(&source.database, &error));
            }
            if clock::now() >= deadline {
                return Err(BackupError::Locked(source.database.clone()));
            }
            for (held, source) in writers[..index].iter().zip(sources) {
                let released = held.execute_batch("ROLLBACK");
                released.map_err(|error| unreadable(&source.database, &error))?;
            }
            continue 'all;
        }
        return Ok(());
    }
}

/// Copies the pages that a read sees.
fn copy_pages(
    source: &Source,
    reader: &Sqlite,
    mut report: impl FnMut(u64, u64),
) -> Result<(), BackupError> {
    let write_failed = |error| write_failed(&source.copy, &error);
    let page_size: u32 = reader
        .pragma_query_value(None, "page_size", |row| row.get(0))
        .map_err(|error| unreadable(&source.database, &error))?;
    let bytes = |pages: i32| u64::from(page_size) * u64::from(pages.unsigned_abs());
    let mut copy = Sqlite::open(&source.copy).map_err(write_failed)?;
    // It is one file that is synced when it is complete. Until then nobody uses it.
    copy.execute_batch("PRAGMA synchronous = OFF")
        .map_err(write_failed)?;
    let backup = Backup::new(reader, &mut copy).map_err(write_failed)?;
    loop {
        let step = backup.step(BACKUP_STEP_PAGES).map_err(write_failed)?;
        let progress = backup.progress();
        let of = bytes(progress.pagecount);
        report(of.saturating_sub(bytes(progress.remaining)), of);
        match step {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            // Nobody else has either file open for writing, except SQLite for a moment.
            _ => thread::sleep(MIN_BACKUP_LOCK_PAUSE),
        }
    }
}

/// Checks a copy, and leaves it without a log: it can be read from where nothing can be written.
fn check(source: &Source) -> Result<(), BackupError> {
    let checked = Sqlite::open(&source.copy).and_then(|copy| {
        define_math(&copy)?;
        copy.pragma_update(None, "journal_mode", "DELETE")?;
        copy.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
    });
    let message = match checked {
        Ok(fine) if fine == "ok" => return Ok(()),
        Ok(found) => found,
        Err(error) if is_damage(&error) => error.to_string(),
        Err(error) => return Err(write_failed(&source.copy, &error)),
    };
    Err(BackupError::Damaged {
        path: source.database.clone(),
        message,
    })
}

/// Copies a file of a backup to where it is put in place from later, and makes sure that it is the file that was described.
/// It is on the disk then. A file that is there already is overwritten.
///
/// # Errors
///
/// See [`BackupError`].
pub fn copy_verified(
    from: &Path,
    to: &Path,
    expected: &Content,
    mut report: impl FnMut(u64),
) -> Result<(), BackupError> {
    create_folder(to).map_err(|error| BackupError::Unwritable {
        path: to.to_owned(),
        message: error.to_string(),
    })?;
    let unreadable = |error: io::Error| BackupError::Unreadable {
        path: from.to_owned(),
        message: error.to_string(),
    };
    let mut source = File::open(from).map_err(unreadable)?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut target = options.open(to).map_err(|error| unwritable(to, &error))?;
    let mut hash = Hash::default();
    // A file that is longer than it should be is not copied to its end.
    while hash.bytes <= expected.bytes {
        let read = hash.read(&mut source);
        let bytes = read.map_err(unreadable)?;
        if bytes.is_empty() {
            break;
        }
        let written = target.write_all(bytes);
        written.map_err(|error| unwritable(to, &error))?;
        report(hash.bytes);
    }
    if hash.content() != *expected {
        return Err(BackupError::Changed(from.to_owned()));
    }
    target.sync_all().map_err(|error| unwritable(to, &error))
}

/// Whether another connection, of any process, uses a database that exists. One that cannot be read at all is used by nobody. The
/// database and its log stay as they are.
///
/// # Errors
///
/// [`BackupError::Unreadable`] if it cannot be opened.
pub fn is_used(database: &Path) -> Result<bool, BackupError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let locked = Sqlite::open_with_flags(database, flags).and_then(|mut sqlite| {
        sqlite.busy_handler(None::<fn(i32) -> bool>)?;
        sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        // In this mode the first use of a log needs a lock that no other connection allows.
        sqlite.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        sqlite.execute_batch("BEGIN EXCLUSIVE; ROLLBACK")
    });
    match locked {
        Ok(()) => Ok(false),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(true),
        Err(error) if is_damage(&error) => Ok(false),
        Err(error) => Err(unreadable(database, &error)),
    }
}

/// What a file has.
fn content(path: &Path) -> io::Result<Content> {
    let mut file = File::open(path)?;
    let mut hash = Hash::default();
    while !hash.read(&mut file)?.is_empty() {}
    Ok(hash.content())
}

/// The content of what was read so far.
struct Hash {
    buffer: Vec<u8>,
    bytes: u64,
    sha256: Sha256,
}

impl Default for Hash {
    fn default() -> Self {
        Self {
            buffer: vec![0; BUFFER],
            bytes: 0,
            sha256: Sha256::new(),
        }
    }
}

impl Hash {
    fn read(&mut self, file: &mut File) -> io::Result<&[u8]> {
        let length = file.read(&mut self.buffer)?;
        let read = &self.buffer[..length];
        self.bytes += length as u64;
        self.sha256.update(read);
        Ok(read)
    }

    fn content(self) -> Content {
        Content {
            bytes: self.bytes,
            sha256: format!("{:x}", self.sha256.finalize()),
        }
    }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(
        error.sqlite_error_code(),
        Some(DatabaseCorrupt | NotADatabase)
    )
}

fn unreadable(path: &Path, error: &rusqlite::Error) -> BackupError {
    let (path, message) = (path.to_owned(), error.to_string());
    match is_damage(error) {
        true => BackupError::Damaged { path, message },
        false => BackupError::Unreadable { path, message },
    }
}

fn write_failed(path: &Path, error: &rusqlite::Error) -> BackupError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => BackupError::Full(path.to_owned()),
        _ => BackupError::Unwritable {
            path: path.to_owned(),
            message: error.to_string(),
        },
    }
}

fn unwritable(path: &Path, error: &io::Error) -> BackupError {
    match error.kind() {
        io::ErrorKind::StorageFull => BackupError::Full(path.to_owned()),
        _ => BackupError::Unwritable {
            path: path.to_owned(),
            message: error.to_string(),
        },
    }
}
