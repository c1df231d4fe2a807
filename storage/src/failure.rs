//! Owns the ways in which an engine can fail, whatever was asked of it.
//! Mistakes in a statement or a call are left to the errors of [`crate::sql`] and [`crate::kv`].

/// Who has to change something so that the call succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Whoever wrote the statement or the call.
    Guest,
    /// The engine, its disk, or too much work for both.
    Storage,
    /// The program that uses this crate.
    Host,
}

/// Why an engine could not do what it was asked. Unless a variant says otherwise, nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineFailure {
    /// Another process held a lock for too long.
    #[error("the database is locked by another process; try again")]
    Busy,
    /// Another process changed the database after this transaction had read it.
    #[error("the database was changed by another process meanwhile; begin the transaction again")]
    SerializationFailure,
    /// The disk, or the size that the database may have, is full.
    #[error(
        "the database is full: there is no room left for the change; free disk space or delete rows"
    )]
    Full,
    /// Too many statements wait for the writer.
    #[error("too many writes are waiting already; try again later")]
    Overloaded,
    /// The deadline passed while the call waited or ran.
    #[error("the statement did not end before the deadline of its request")]
    DeadlineExceeded,
    /// The deadline passed while the change was being committed. It may have been made.
    #[error("the deadline passed during the commit: the change may or may not have been made")]
    OutcomeUnknown,
    /// The disk failed. A change that was being committed may have been made.
    #[error("the database cannot be read or written: {message}")]
    Io {
        /// The engine's words.
        message: String,
    },
    /// The file is damaged.
    #[error("the database is damaged: {message}")]
    Corrupt {
        /// The engine's words.
        message: String,
    },
    /// The engine failed in another way.
    #[error("the database failed: {message}")]
    Other {
        /// The engine's words.
        message: String,
    },
    /// The database was closed, as it is on shutdown.
    #[error("the database is closed: the server is shutting down")]
    Closed,
}

impl EngineFailure {
    /// The name for logs: a few letters and hyphens.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::SerializationFailure => "serialization-failure",
            Self::Full => "full",
            Self::Overloaded => "overloaded",
            Self::DeadlineExceeded => "deadline-exceeded",
            Self::OutcomeUnknown => "outcome-unknown",
            Self::Io { .. } => "io-error",
            Self::Corrupt { .. } => "corrupt",
            Self::Other { .. } => "failed",
            Self::Closed => "closed",
        }
    }

    /// Who has to change something.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Closed => Blame::Host,
            Self::Busy
            | Self::SerializationFailure
            | Self::Full
            | Self::Overloaded
            | Self::DeadlineExceeded
            | Self::OutcomeUnknown
            | Self::Io { .. }
            | Self::Corrupt { .. }
            | Self::Other { .. } => Blame::Storage,
        }
    }

    /// Whether nothing was changed, so that the same call, or the same transaction from its start, may be made again.
    /// It may fail again: a full disk needs somebody who makes room.
    #[must_use]
    pub fn retry_is_safe(&self) -> bool {
        match self {
            Self::Busy
            | Self::SerializationFailure
            | Self::Full
            | Self::Overloaded
            | Self::DeadlineExceeded
            | Self::Closed => true,
            Self::OutcomeUnknown | Self::Io { .. } | Self::Corrupt { .. } | Self::Other { .. } => {
                false
            }
        }
    }
}
