//! The failures of an engine.
//! The errors of [`crate::sql`] and [`crate::kv`] add mistakes in statements and calls.

/// Why an engine failed. Unless a variant says otherwise, nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineFailure {
    /// Another process held a lock for too long.
    #[error("the database is locked by another process; try again")]
    Busy,
    /// Others changed the database after this transaction had read it, or each waited for the other.
    #[error("the database was changed by others meanwhile; begin the transaction again")]
    SerializationFailure,
    /// The disk is full, or the database or the server's memory has its largest size.
    #[error(
        "the database is full: there is no room left for the change; make room for it, or delete data"
    )]
    Full,
    /// The server cannot be reached, or takes no statements now.
    #[error("the server is not available: {message}")]
    Unavailable {
        /// The words of the server, or of the operating system.
        message: String,
    },
    /// Too many statements wait for the writer or for a connection, or the server has too many connections.
    #[error("too many statements are waiting already; try again later")]
    Overloaded,
    /// The deadline passed while the call waited or ran.
    #[error("the statement did not end before the deadline of its request")]
    DeadlineExceeded,
    /// The deadline passed, or the connection broke, during the commit. The change may have been made.
    #[error("the outcome of the commit is not known: the change may or may not have been made")]
    OutcomeUnknown,
    /// The disk failed. If this happened during a commit, the change may have been made.
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
    /// The database was closed, for a shutdown.
    #[error("the database is closed: the server is shutting down")]
    Closed,
}

impl EngineFailure {
    /// The name for logs: lower-case words joined by hyphens.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::SerializationFailure => "serialization-failure",
            Self::Full => "full",
            Self::Unavailable { .. } => "unavailable",
            Self::Overloaded => "overloaded",
            Self::DeadlineExceeded => "deadline-exceeded",
            Self::OutcomeUnknown => "outcome-unknown",
            Self::Io { .. } => "io-error",
            Self::Corrupt { .. } => "corrupt",
            Self::Other { .. } => "failed",
            Self::Closed => "closed",
        }
    }

    /// Whether a retry of the call, or of the whole transaction, is safe, because nothing was changed. It may fail again: somebody
    /// has to make room on a full disk.
    #[must_use]
    pub fn retry_is_safe(&self) -> bool {
        match self {
            Self::Busy
            | Self::SerializationFailure
            | Self::Full
            | Self::Unavailable { .. }
            | Self::Overloaded
            | Self::DeadlineExceeded
            | Self::Closed => true,
            Self::OutcomeUnknown | Self::Io { .. } | Self::Corrupt { .. } | Self::Other { .. } => {
                false
            }
        }
    }
}
