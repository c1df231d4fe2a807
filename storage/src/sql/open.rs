//! Options for opening a database, and the errors of opening. The engine opens it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::limits::{DEFAULT_OPEN_TIMEOUT, DEFAULT_TRANSACTION_IDLE};

/// Options for opening an SQLite file.
#[derive(Clone, Copy, Debug)]
pub struct SqliteOptions {
    /// The time to wait for another process that locks the file.
    pub open_timeout: Duration,
    /// The time that a transaction may stay without a statement before it is rolled back.
    pub transaction_idle: Duration,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            open_timeout: DEFAULT_OPEN_TIMEOUT,
            transaction_idle: DEFAULT_TRANSACTION_IDLE,
        }
    }
}

/// Why a database could not be opened. The operator has to fix it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder does not exist and cannot be created.
    #[error("the folder {} for the database cannot be created", folder.display())]
    Folder {
        /// The folder of the database.
        folder: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// The file, or its folder, in which SQLite keeps the log, is not writable.
    #[error(
        "the database {} cannot be opened for writing: {message}; this user needs write permission for the file and its \
         folder",
        path.display()
    )]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// SQLite's message.
        message: String,
    },
    /// The file is not a database.
    #[error("{} is not an SQLite database; move it away or choose another file", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// Another process has locked the file.
    #[error("the database {} is locked by another process; end that process and start again", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("the disk is full: the database {} cannot be opened; free some space", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged, or the disk failed.
    #[error("the database {} cannot be opened: {message}; if it is damaged, restore it from a backup", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// SQLite's message.
        message: String,
    },
    /// The operating system could not start the writer's thread.
    #[error("no thread could be started for the database")]
    Thread {
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
}
