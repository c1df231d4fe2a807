//! The errors of key-value stores.
//! The capability converts them to the errors of the guest's interface.

use super::limits::{MAX_KEY_BYTES, MAX_KEYS_BYTES, MAX_VALUE_BYTES, MAX_VALUES_BYTES};
use crate::failure::EngineFailure;

/// Why a call failed. It changed nothing, unless the engine's failure says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineFailure),
    /// The key is too long.
    #[error("the key has {bytes} bytes; at most {MAX_KEY_BYTES} are accepted")]
    KeyTooLong {
        /// The length of the key.
        bytes: usize,
    },
    /// The value is too large.
    #[error("the value has {bytes} bytes; at most {MAX_VALUE_BYTES} are accepted")]
    ValueTooLarge {
        /// The size of the value.
        bytes: usize,
    },
    /// The keys of the store are too large for one list.
    #[error(
        "the keys of the store take more than {} MiB together, which is too much for one list",
        MAX_KEYS_BYTES / 1024 / 1024
    )]
    TooManyKeys,
    /// The values of many keys are too large for one answer.
    #[error(
        "the values take more than {} MiB together, which is too much for one answer",
        MAX_VALUES_BYTES / 1024 / 1024
    )]
    TooManyValues,
    /// The value cannot be incremented.
    #[error("the value is not a whole number, or would not fit into 64 bits any more")]
    NoNumber,
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
}
