//! The errors of statements.
//! The capability converts them to the errors of the guest's interface.

use super::limits::{MAX_PARAMETERS, MAX_RESULT_BYTES, MAX_STATEMENT_BYTES};
use crate::dialect::Refusal;
use crate::failure::EngineFailure;

/// What stands before the place in a message.
const PLACE: &str = " (at byte ";

/// Why a statement failed. Unless a variant says otherwise, the statement changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineFailure),
    /// The session's transaction was rolled back after its last statement. This is reported once; the session then continues
    /// outside a transaction.
    #[error(
        "the transaction was rolled back: a statement in it was cancelled, or it was idle for too long while other \
         writes waited; begin it again"
    )]
    TransactionLost,
    /// A constraint of the schema was violated.
    #[error("{message}")]
    Constraint {
        /// The engine's message, which names the constraint.
        message: String,
    },
    /// The statement does something that is forbidden.
    #[error("{message}")]
    Forbidden {
        /// The refused action, and why.
        message: String,
    },
    /// The statement is wrong: its syntax, names or types.
    #[error("{message}")]
    Statement {
        /// The engine's words.
        message: String,
    },
    /// The statement text is too long.
    #[error("the statement has {bytes} bytes; at most {MAX_STATEMENT_BYTES} are accepted")]
    StatementTooLong {
        /// The length of the statement.
        bytes: usize,
    },
    /// The number of parameters is wrong.
    #[error(
        "{given} parameters were given for a statement with {expected} (at most {MAX_PARAMETERS} are accepted)"
    )]
    ParameterCount {
        /// The number of values.
        given: usize,
        /// The number of parameters in the statement.
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
}

impl Error {
    /// The engine's failure. All other errors are mistakes of the caller.
    #[must_use]
    pub fn engine_failure(&self) -> Option<&EngineFailure> {
        match self {
            Self::Engine(failure) => Some(failure),
            _ => None,
        }
    }

    /// The failure behind an error of this crate's own statement. Such a statement is correct, so any other error comes from the file.
    pub(crate) fn of_own_statement(self) -> EngineFailure {
        match self {
            Self::Engine(failure) => failure,
            other => EngineFailure::Other {
                message: other.to_string(),
            },
        }
    }

    /// Where the statement is wrong, in bytes from its start, and the message without that, if the engine says so.
    #[must_use]
    pub fn place(&self) -> Option<(usize, &str)> {
        let Self::Statement { message } = self else {
            return None;
        };
        let (message, place) = message.rsplit_once(PLACE)?;
        Some((place.strip_suffix(')')?.parse().ok()?, message))
    }

    /// A statement that the dialect refuses, with its place as SQLite gives it.
    pub(super) fn refused(refusal: &Refusal) -> Self {
        let Refusal {
            place,
            reason,
            portable,
            ..
        } = refusal;
        let portable = portable.as_ref();
        let instead = portable.map_or_else(String::new, |text| format!("; write {text} instead"));
        Self::Statement {
            message: format!("{reason}{instead}{PLACE}{})", place.offset),
        }
    }

    /// The same error for a statement that has so many bytes fewer at its start.
    pub(super) fn moved_back(self, bytes: usize) -> Self {
        let Some((offset, message)) = self.place() else {
            return self;
        };
        let offset = offset.saturating_sub(bytes);
        Self::Statement {
            message: format!("{message}{PLACE}{offset})"),
        }
    }

    /// Whether this crate ended a statement that succeeded in the engine, so that its changes must be undone.
    pub(super) fn must_be_undone(&self) -> bool {
        matches!(self, Self::ResultTooLarge | Self::InvalidText { .. })
    }
}
