//! Why a command failed, by the first word of a server's error (<https://redis.io/docs/latest/develop/reference/protocol-spec/>).

use redis::RedisError;

use crate::failure::EngineFailure;

/// The words for a server that hangs.
pub(super) const HUNG: &str = "it does not answer any more";

/// The errors of a server of a Cluster that has not, or no longer, what it is asked for.
const OF_ANOTHER: [&str; 6] = [
    "MOVED",
    "ASK",
    "CLUSTERDOWN",
    "MASTERDOWN",
    "READONLY",
    "LOADING",
];

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// It was not sent.
    NotSent(EngineFailure),
    /// It was sent, and no answer came. Nobody knows whether it was executed.
    Unanswered(EngineFailure),
    /// It was sent, and the server says nothing any more.
    Hung,
    /// The server refused it and changed nothing.
    Refused {
        /// The first word of the error, such as `OOM`.
        code: String,
        /// All of it.
        message: String,
    },
}

impl Failed {
    /// The failure of a command that changes nothing.
    pub(crate) fn of_read(self) -> EngineFailure {
        match self {
            Self::NotSent(failure) | Self::Unanswered(failure) => failure,
            Self::Hung => unavailable(HUNG.to_owned()),
            Self::Refused { code, message } => refused(&code, message),
        }
    }

    /// The failure of a command that changes something.
    pub(crate) fn of_write(self) -> EngineFailure {
        match self {
            Self::Unanswered(_) | Self::Hung => EngineFailure::OutcomeUnknown,
            other => other.of_read(),
        }
    }

    /// Whether the command may be sent again if it changes nothing: its connection broke, and a new one may work.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self, Self::Unanswered(EngineFailure::Unavailable { .. }))
    }

    /// Whether, in a Cluster, another server may have the key now, or soon.
    pub(super) fn may_be_of_another_server(&self) -> bool {
        match self {
            Self::NotSent(failure) | Self::Unanswered(failure) => matches!(
                failure,
                EngineFailure::Unavailable { .. } | EngineFailure::DeadlineExceeded
            ),
            Self::Hung => true,
            Self::Refused { code, .. } => OF_ANOTHER.contains(&code.as_str()),
        }
    }

    /// Whether a connection to another server, which took over, may accept the command.
    pub(super) fn asks_for_another_server(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "READONLY" || code == "MASTERDOWN")
    }
}

/// The failure for an error that came while a command waited for its answer.
pub(super) fn of_command(error: &RedisError) -> Failed {
    match error.code() {
        Some(code) => Failed::Refused {
            code: code.to_owned(),
            message: words(error),
        },
        None => Failed::Unanswered(unavailable(words(error))),
    }
}

/// A server's own words, without those of the driver; or an error with its causes in one line.
pub(super) fn words(error: &RedisError) -> String {
    if let Some(code) = error.code() {
        return match error.detail() {
            Some(detail) if code != "ERR" => format!("{code} {detail}"),
            Some(detail) => detail.to_owned(),
            None => code.to_owned(),
        };
    }
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        // An error that only wraps another has the same words.
        let further = error.to_string();
        if !words.ends_with(&further) {
            words = format!("{words}: {further}");
        }
        cause = error.source();
    }
    words
}

pub(super) fn unavailable(message: String) -> EngineFailure {
    EngineFailure::Unavailable { message }
}

fn refused(code: &str, message: String) -> EngineFailure {
    match code {
        "OOM" => EngineFailure::Full,
        // MISCONF: it cannot write its snapshot, and takes no changes until it can.
        "LOADING" | "READONLY" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "MOVED" | "ASK"
        | "BUSY" | "NOAUTH" | "NOREPLICAS" | "MISCONF" => unavailable(message),
        _ => EngineFailure::Other { message },
    }
}
