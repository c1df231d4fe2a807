//! Converts SQLite's result codes to this crate's errors.

use rusqlite::ffi::{self, ErrorCode};

use crate::failure::EngineFailure;
use crate::sql::error::Error;

/// Converts an error of SQLite. `refusal` is the authorizer's reason if it refused the statement.
pub(super) fn error(error: &rusqlite::Error, refusal: Option<String>) -> Error {
    if let Some(message) = refusal {
        return Error::Forbidden { message };
    }
    match error {
        rusqlite::Error::SqliteFailure(code, message) => from_code(*code, message.clone()),
        rusqlite::Error::SqlInputError {
            error, msg, offset, ..
        } => from_code(*error, Some(format!("{msg} (at byte {offset})"))),
        rusqlite::Error::MultipleStatement => Error::Statement {
            message: "the text holds more than one statement; execute them one at a time"
                .to_owned(),
        },
        rusqlite::Error::Empty => Error::Statement {
            message: "the text holds no statement".to_owned(),
        },
        other => EngineFailure::Other {
            message: other.to_string(),
        }
        .into(),
    }
}

fn from_code(error: ffi::Error, message: Option<String>) -> Error {
    let message = message.unwrap_or_else(|| error.to_string());
    match error.code {
        ErrorCode::ConstraintViolation => Error::Constraint { message },
        ErrorCode::Unknown
        | ErrorCode::TooBig
        | ErrorCode::TypeMismatch
        | ErrorCode::ParameterOutOfRange
        | ErrorCode::SchemaChanged => Error::Statement { message },
        _ => Error::Engine(failure(error, message)),
    }
}

fn failure(error: ffi::Error, message: String) -> EngineFailure {
    match error.code {
        ErrorCode::DiskFull => EngineFailure::Full,
        // The shared-memory file of the WAL cannot grow, so the disk is full.
        _ if error.extended_code == ffi::SQLITE_IOERR_SHMSIZE => EngineFailure::Full,
        _ if error.extended_code == ffi::SQLITE_BUSY_SNAPSHOT => {
            EngineFailure::SerializationFailure
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => EngineFailure::Busy,
        ErrorCode::OperationInterrupted => EngineFailure::DeadlineExceeded,
        // The file was removed, or its permissions changed, while it was open. That is treated as a disk failure.
        ErrorCode::SystemIoFailure
        | ErrorCode::CannotOpen
        | ErrorCode::ReadOnly
        | ErrorCode::PermissionDenied => EngineFailure::Io { message },
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => EngineFailure::Corrupt { message },
        _ => EngineFailure::Other { message },
    }
}
