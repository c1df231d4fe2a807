//! The ways in which a statement can fail, and which of them SQLite's result codes mean.
//! Turning them into the errors of an interface is left to the capability that offers it.

use rusqlite::ffi::{self, ErrorCode};

use super::limits::{MAX_PARAMETERS, MAX_RESULT_BYTES, MAX_STATEMENT_BYTES, WRITE_QUEUE_CAPACITY};

/// Why a statement failed. Unless a variant says otherwise the statement changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The installation has no database of that name. The operator's mistake; trying again is pointless.
    #[error(
        "there is no database named {name:?}; databases are named in terrace.toml as [sql.{name}]"
    )]
    NoSuchDatabase {
        /// The name that was asked for.
        name: String,
    },
    /// The component was not granted the database. The app's mistake; trying again is pointless.
    #[error(
        "this component may not use the database {name:?}; add it to the component's sqlite_databases in spin.toml"
    )]
    AccessDenied {
        /// The name that was asked for.
        name: String,
    },
    /// The disk, or the size that the database may have, is full. Worth trying again after making room.
    #[error(
        "the database is full: there is no room left for the change; free disk space or delete rows"
    )]
    DatabaseFull,
    /// Another process held a lock until the deadline. Worth trying again.
    #[error("the database is locked by another process; end it or try again")]
    Busy,
    /// Too many statements wait for the writer. Worth trying again later.
    #[error("{WRITE_QUEUE_CAPACITY} writes are waiting already; try again later")]
    Overloaded,
    /// The deadline passed while the statement waited or ran.
    #[error("the statement did not end before the deadline of its request")]
    DeadlineExceeded,
    /// The session's transaction was rolled back since its last statement. Reported once; the session then
    /// goes on outside a transaction.
    #[error(
        "the transaction was rolled back: a statement in it was cancelled, or it was idle for too long while other \
         writes waited; begin it again"
    )]
    TransactionLost,
    /// A constraint of the schema was violated. The guest's to handle.
    #[error("{message}")]
    Constraint {
        /// SQLite's words, which name the constraint.
        message: String,
    },
    /// The statement does what a function may not do. The guest's mistake.
    #[error("{message}")]
    Forbidden {
        /// What was refused and why.
        message: String,
    },
    /// The statement is wrong: syntax, names, types. The guest's mistake.
    #[error("{message}")]
    Statement {
        /// SQLite's words.
        message: String,
    },
    /// The statement text is too long. The guest's mistake.
    #[error("the statement has {bytes} bytes; at most {MAX_STATEMENT_BYTES} are accepted")]
    StatementTooLong {
        /// The length of the statement.
        bytes: usize,
    },
    /// The statement and its parameters do not fit. The guest's mistake.
    #[error(
        "{given} parameters were given for a statement with {expected} (at most {MAX_PARAMETERS} are accepted)"
    )]
    ParameterCount {
        /// How many values came with the statement.
        given: usize,
        /// How many the statement has.
        expected: usize,
    },
    /// The result is too large. Inside a transaction the statement's changes stay until it is rolled back.
    #[error("the result is larger than {} MiB; ask for fewer rows with LIMIT", MAX_RESULT_BYTES / 1024 / 1024)]
    ResultTooLarge,
    /// A text is not UTF-8. Inside a transaction the statement's changes stay until it is rolled back.
    #[error(
        "column {column:?} holds text that is not UTF-8; read it as bytes with CAST({column} AS BLOB)"
    )]
    InvalidText {
        /// The name of the column.
        column: String,
    },
    /// The engine or the disk failed. Not the guest's fault.
    #[error("the database failed: {message}")]
    Storage {
        /// SQLite's words.
        message: String,
    },
    /// The database was closed, as it is on shutdown.
    #[error("the database is closed: the server is shutting down")]
    Closed,
}

impl Error {
    /// Reads SQLite's result. `refusal` is what the guard said, if it refused.
    pub(super) fn from_sqlite(error: &rusqlite::Error, refusal: Option<String>) -> Self {
        if let Some(message) = refusal {
            return Self::Forbidden { message };
        }
        match error {
            rusqlite::Error::SqliteFailure(code, message) => {
                Self::from_code(*code, message.clone())
            }
            rusqlite::Error::SqlInputError {
                error, msg, offset, ..
            } => Self::from_code(*error, Some(format!("{msg} (at byte {offset})"))),
            rusqlite::Error::MultipleStatement => Self::Statement {
                message: "the text holds more than one statement; execute them one at a time"
                    .to_owned(),
            },
            rusqlite::Error::Empty => Self::Statement {
                message: "the text holds no statement".to_owned(),
            },
            other => Self::Storage {
                message: other.to_string(),
            },
        }
    }

    fn from_code(error: ffi::Error, message: Option<String>) -> Self {
        let message = message.unwrap_or_else(|| error.to_string());
        match error.code {
            ErrorCode::DiskFull => Self::DatabaseFull,
            // The file that readers and the writer share cannot grow: the disk is full here, too.
            _ if error.extended_code == ffi::SQLITE_IOERR_SHMSIZE => Self::DatabaseFull,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy,
            ErrorCode::OperationInterrupted => Self::DeadlineExceeded,
            ErrorCode::ConstraintViolation => Self::Constraint { message },
            ErrorCode::Unknown
            | ErrorCode::TooBig
            | ErrorCode::TypeMismatch
            | ErrorCode::ParameterOutOfRange
            | ErrorCode::SchemaChanged => Self::Statement { message },
            _ => Self::Storage { message },
        }
    }

    /// Whether the host ended a statement that SQLite takes for a success, so that its changes must be undone.
    pub(super) fn is_of_the_host(&self) -> bool {
        matches!(self, Self::ResultTooLarge | Self::InvalidText { .. })
    }
}
