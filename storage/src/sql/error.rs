//! The ways in which a statement can fail.
//! Turning them into the errors of an interface is left to the capability that offers it.

use super::limits::{MAX_PARAMETERS, MAX_RESULT_BYTES, MAX_STATEMENT_BYTES};
use crate::failure::{Blame, EngineFailure};

/// Why a statement failed. Unless a variant says otherwise the statement changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The engine could not do it.
    #[error(transparent)]
    Engine(#[from] EngineFailure),
    /// The session's transaction was rolled back since its last statement. Reported once; the session then
    /// goes on outside a transaction.
    #[error(
        "the transaction was rolled back: a statement in it was cancelled, or it was idle for too long while other \
         writes waited; begin it again"
    )]
    TransactionLost,
    /// A constraint of the schema was violated.
    #[error("{message}")]
    Constraint {
        /// The engine's words, which name the constraint.
        message: String,
    },
    /// A function may not do what the statement does.
    #[error("{message}")]
    Forbidden {
        /// What was refused and why.
        message: String,
    },
    /// The statement is wrong: syntax, names, types.
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
    /// The statement and its parameters do not fit.
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
}

impl Error {
    /// The engine's failure, if the engine failed.
    #[must_use]
    pub fn engine_failure(&self) -> Option<&EngineFailure> {
        match self {
            Self::Engine(failure) => Some(failure),
            _ => None,
        }
    }

    /// Who has to change something so that the statement succeeds.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Engine(failure) => failure.blame(),
            Self::TransactionLost
            | Self::Constraint { .. }
            | Self::Forbidden { .. }
            | Self::Statement { .. }
            | Self::StatementTooLong { .. }
            | Self::ParameterCount { .. }
            | Self::ResultTooLarge
            | Self::InvalidText { .. } => Blame::Guest,
        }
    }

    /// Whether the statement, or its transaction from the start, may be made again because nothing was changed and
    /// the guest has made no mistake.
    #[must_use]
    pub fn retry_is_safe(&self) -> bool {
        match self {
            Self::Engine(failure) => failure.retry_is_safe(),
            Self::TransactionLost => true,
            Self::Constraint { .. }
            | Self::Forbidden { .. }
            | Self::Statement { .. }
            | Self::StatementTooLong { .. }
            | Self::ParameterCount { .. }
            | Self::ResultTooLarge
            | Self::InvalidText { .. } => false,
        }
    }

    /// Whether this crate ended a statement that the engine takes for a success, so that its changes must be undone.
    pub(super) fn must_be_undone(&self) -> bool {
        matches!(self, Self::ResultTooLarge | Self::InvalidText { .. })
    }
}
