//! The errors of queues.

use super::limits::{MAX_MESSAGE_BYTES, MAX_SENT, MAX_SENT_BYTES};
use crate::failure::EngineFailure;

/// Why a call failed. It changed nothing, unless the engine's failure says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineFailure),
    /// A message is too large.
    #[error("the message has {bytes} bytes; at most {MAX_MESSAGE_BYTES} are accepted")]
    TooLarge {
        /// The size of the message.
        bytes: usize,
    },
    /// There are too many messages in one call.
    #[error(
        "these are {messages} messages with {bytes} bytes; at most {MAX_SENT} with {MAX_SENT_BYTES} bytes are accepted at once"
    )]
    TooMany {
        /// Their number.
        messages: usize,
        /// Their size.
        bytes: usize,
    },
    /// The queue has all the messages that it may have.
    #[error("the queue {queue:?} is full")]
    Full {
        /// Its name.
        queue: String,
    },
    /// The owner's lease has ended, and others have its messages.
    #[error("the lease has ended")]
    LeaseEnded,
}

impl Error {
    /// The engine's failure, if it is one.
    #[must_use]
    pub fn engine_failure(&self) -> Option<&EngineFailure> {
        match self {
            Self::Engine(failure) => Some(failure),
            _ => None,
        }
    }
}
