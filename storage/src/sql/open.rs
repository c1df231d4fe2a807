//! Options for opening a database, and the errors of opening. The engine opens it.

use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use super::limits::{DEFAULT_CONNECTIONS, DEFAULT_OPEN_TIMEOUT, DEFAULT_TRANSACTION_IDLE};
use crate::driver::Driver;

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

/// Options for opening a database on a Postgres server.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// The time to wait for the server.
    pub open_timeout: Duration,
    /// The time that a transaction may stay without a statement before it is rolled back.
    pub transaction_idle: Duration,
    /// Most connections of this process. More statements wait.
    pub connections: NonZeroUsize,
    /// Whether statements are prepared under names. If absent, they are unless a pooler turns out to be between here and the
    /// server: one that gives each transaction another connection must follow such names, or they are lost, and those of two
    /// nodes taken for each other.
    pub prepared: Option<bool>,
    /// The password, in place of one in the URL.
    pub password: Option<String>,
    /// The URLs of servers that follow the primary. Reads of requests run on them.
    pub replicas: Vec<String>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            open_timeout: DEFAULT_OPEN_TIMEOUT,
            transaction_idle: DEFAULT_TRANSACTION_IDLE,
            connections: NonZeroUsize::new(DEFAULT_CONNECTIONS).expect("the default is not zero"),
            prepared: None,
            password: None,
            replicas: Vec::new(),
        }
    }
}

/// Options for a connection to a Redis server.
#[derive(Clone)]
pub struct RedisOptions {
    /// The time to wait for the server.
    pub open_timeout: Duration,
    /// The password, in place of one in the URL.
    pub password: Option<String>,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            open_timeout: DEFAULT_OPEN_TIMEOUT,
            password: None,
        }
    }
}

impl std::fmt::Debug for RedisOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("RedisOptions");
        shown.field("open_timeout", &self.open_timeout);
        shown.finish_non_exhaustive()
    }
}

/// Opens something on the thread that drives its connections, and blocks the calling thread until that has ended.
///
/// # Errors
///
/// Those of `opening`; [`OpenError::Unreachable`] if it has not ended after twice the timeout that it should keep itself.
pub(crate) fn wait<T: Send + 'static>(
    driver: &Driver,
    server: String,
    open_timeout: Duration,
    opening: impl Future<Output = Result<T, OpenError>> + Send + 'static,
) -> Result<T, OpenError> {
    let (done, opened) = mpsc::channel();
    driver.spawn(async move {
        // Nobody waits any more if the deadline is long gone.
        let _ = done.send(opening.await);
    });
    let outcome = opened.recv_timeout(open_timeout.saturating_mul(2));
    outcome.unwrap_or(Err(OpenError::Unreachable {
        server,
        message: "it does not answer in time".to_owned(),
    }))
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
    /// The URL of a server is wrong. It is not repeated, because it may hold a password.
    #[error("the URL of the database cannot be used: {message}; write {form}")]
    Url {
        /// What is wrong.
        message: String,
        /// The form of a correct one.
        form: &'static str,
    },
    /// The file of trusted authorities cannot be used.
    #[error("the certificates of `sslrootcert` cannot be used: {message}")]
    Authorities {
        /// What is wrong.
        message: String,
    },
    /// The server does not answer.
    #[error("the server {server} cannot be reached: {message}; start it, or correct host and port")]
    Unreachable {
        /// The server.
        server: String,
        /// The words of the operating system.
        message: String,
    },
    /// There is no safe connection to the server.
    #[error(
        "no safe connection to the server {server}: {message}; correct its certificate or {parameters}"
    )]
    Certificate {
        /// The server.
        server: String,
        /// What is wrong with the certificate.
        message: String,
        /// The parameters of the URL that say what is checked.
        parameters: &'static str,
    },
    /// The server does not accept the user or the password.
    #[error("the server {server} refuses this user: {message}; correct user and password")]
    Denied {
        /// The server.
        server: String,
        /// The server's words.
        message: String,
    },
    /// The server has no database with that name.
    #[error("the database {server} does not exist; create it, or correct its name")]
    NoSuchDatabase {
        /// The server and the database.
        server: String,
    },
    /// The server is too old.
    #[error(
        "the database server {server} is Postgres {version}; version {} or later is needed",
        super::limits::MIN_SERVER_VERSION
    )]
    TooOld {
        /// The server.
        server: String,
        /// Its version.
        version: String,
    },
    /// The server takes no writes.
    #[error("the database server {server} is read-only; name the primary server")]
    ReadOnly {
        /// The server.
        server: String,
    },
    /// A server is not a replica of the database.
    #[error("the replica {server} cannot be used: {message}")]
    Replica {
        /// The server.
        server: String,
        /// What is wrong, and what to do.
        message: &'static str,
    },
    /// The user may not make what is needed.
    #[error(
        "the user may not make a schema in {server}: {message}; GRANT CREATE ON DATABASE to it"
    )]
    Rights {
        /// The server.
        server: String,
        /// The server's words.
        message: String,
    },
    /// The server failed.
    #[error("the database {server} cannot be used: {message}")]
    Server {
        /// The server.
        server: String,
        /// The server's words.
        message: String,
    },
    /// The data of the database is elsewhere now.
    #[error("the database {place} was moved to {to}: name that one in the settings")]
    Moved {
        /// The database.
        place: String,
        /// Where its data is, without a password.
        to: String,
    },
    /// The operating system could not start a thread.
    #[error("no thread could be started for the database")]
    Thread {
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
}
