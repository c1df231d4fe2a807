//! Converts the errors of Postgres to this crate's errors, by SQLSTATE
//! (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).

use tokio_postgres::error::DbError;

use crate::failure::EngineFailure;
use crate::sql::error::Error;

/// Why a statement on a connection failed.
#[derive(Debug)]
pub(super) enum Failed {
    /// The server's error. The statement changed nothing.
    Refused(Box<DbError>),
    /// The server takes no writes: it follows another one. The statement changed nothing.
    ReadOnly(String),
    /// It was stopped, and changed nothing.
    Stopped,
    /// Its result is too large.
    TooLarge,
    /// Its columns are not those of its translation: somebody changed the schema.
    OtherColumns(String),
    /// The connection broke. Nobody knows whether the statement was executed.
    Lost(String),
    /// Its transaction could not be opened, and the statement, which was already sent, was executed by itself.
    NotBegun,
}

impl From<tokio_postgres::Error> for Failed {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(server) if server.code().code() == "25006" => {
                Self::ReadOnly(server.message().to_owned())
            }
            Some(server) => Self::Refused(Box::new(server.clone())),
            None => Self::Lost(words(&error)),
        }
    }
}

impl Failed {
    /// Why a transaction did not begin: a server that follows another one has none that are serializable.
    pub(super) fn of_begin(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(server) if server.code().code() == "0A000" => {
                Self::ReadOnly(server.message().to_owned())
            }
            _ => error.into(),
        }
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        failed.error()
    }
}

impl Failed {
    /// The server's code, if it is the server's error.
    pub(super) fn code(&self) -> &str {
        match self {
            Self::Refused(error) => error.code().code(),
            _ => "",
        }
    }

    /// Whether the server refused something and did not end the connection after that.
    pub(super) fn leaves_connection(&self) -> bool {
        matches!(self, Self::Refused(_)) && !self.code().starts_with("57P")
    }

    /// Whether the same statement may succeed if it runs again: others were in its way.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self.code(), "40001" | "40P01")
    }

    /// Whether the statement may have been translated with an old schema. A new column that must have a value is seen as a
    /// violated constraint (23502).
    pub(super) fn may_be_stale(&self) -> bool {
        matches!(self, Self::OtherColumns(_))
            || matches!(self.code().get(..2), Some("42" | "0A"))
            || self.code() == "23502"
    }

    /// The error for the guest of a statement that changed nothing.
    pub(super) fn error(&self) -> Error {
        match self {
            Self::Refused(error) => of_server(error),
            Self::Stopped => EngineFailure::DeadlineExceeded.into(),
            Self::TooLarge => Error::ResultTooLarge,
            Self::OtherColumns(message) => EngineFailure::Other {
                message: message.clone(),
            }
            .into(),
            Self::Lost(message) | Self::ReadOnly(message) => EngineFailure::Unavailable {
                message: message.clone(),
            }
            .into(),
            Self::NotBegun => EngineFailure::OutcomeUnknown.into(),
        }
    }
}

/// An error with its causes in one line.
pub(super) fn words(error: &tokio_postgres::Error) -> String {
    if let Some(server) = error.as_db_error() {
        return server.message().to_owned();
    }
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

fn of_server(error: &DbError) -> Error {
    let message = error.message().to_owned();
    let code = error.code().code();
    match code.get(..2).unwrap_or("") {
        "23" => Error::Constraint {
            message: constraint(error),
        },
        // A trigger's RAISE(ABORT, …), which is a constraint in SQLite too.
        "TR" if code == "TR002" => Error::Constraint { message },
        "21" | "22" | "0A" | "42" | "54" | "TR" if code != "42501" => Error::Statement { message },
        "42" => Error::Forbidden { message },
        _ => Error::Engine(failure(code, message)),
    }
}

fn failure(code: &str, message: String) -> EngineFailure {
    match code {
        "40001" | "40P01" => EngineFailure::SerializationFailure,
        "53100" => EngineFailure::Full,
        "53200" | "53300" | "53400" => EngineFailure::Overloaded,
        "55P03" => EngineFailure::Busy,
        "57014" => EngineFailure::DeadlineExceeded,
        "XX001" | "XX002" => EngineFailure::Corrupt { message },
        _ => match code.get(..2) {
            // The server is read-only, does not take connections, or ends.
            Some("08" | "25" | "28" | "3D" | "57") => EngineFailure::Unavailable { message },
            Some("58") => EngineFailure::Io { message },
            _ => EngineFailure::Other { message },
        },
    }
}

/// A violated constraint in SQLite's words, by which portable functions tell them apart.
fn constraint(error: &DbError) -> String {
    let table = error.table().unwrap_or_default();
    match error.code().code() {
        "23502" => format!(
            "NOT NULL constraint failed: {table}.{}",
            error.column().unwrap_or_default()
        ),
        "23503" => "FOREIGN KEY constraint failed".to_owned(),
        "23505" => format!("UNIQUE constraint failed: {}", key(error, table)),
        "23514" => format!(
            "CHECK constraint failed: {}",
            error.constraint().unwrap_or_default()
        ),
        _ => error.message().to_owned(),
    }
}

/// The columns of a violated key: `item.name`. The detail has them in any language: `(name)=(…)`.
fn key(error: &DbError, table: &str) -> String {
    let columns = error.detail().and_then(|detail| {
        let (before, _) = detail.split_once(")=(")?;
        let (_, columns) = before.split_once('(')?;
        let columns = columns.split(", ");
        let columns = columns.map(|column| format!("{table}.{}", column.trim_matches('"')));
        Some(columns.collect::<Vec<_>>().join(", "))
    });
    columns.unwrap_or_else(|| error.constraint().unwrap_or(table).to_owned())
}
