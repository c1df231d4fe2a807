//! Owns the limits on connections that settings may change, with the default of each and its reason.
//! Enforcing them is left to `server`.

use std::time::Duration;

use crate::request::limits::{
    DEFAULT_BODY_PROGRESS_TIMEOUT, DEFAULT_MAX_BODY_BYTES, DEFAULT_MIN_RATE,
};

/// Bytes of a request's head. Twice what browsers with many cookies send; more than any proxy in front forwards.
pub const DEFAULT_MAX_HEADER_BYTES: usize = 32 * 1024;

/// Fields of a header section. The parser keeps this many in place without allocating.
pub const DEFAULT_MAX_HEADER_COUNT: usize = 100;

/// What [`ServerLimits::max_header_count`] can be raised to: room for this many is kept on the stack.
pub const HEADER_COUNT_CEILING: usize = 256;

/// How long the token of `terrace deploy` is at least, in bytes: nobody guesses sixteen random ones.
pub const MIN_TOKEN_BYTES: usize = 16;

/// Names for which certificates are ordered. An authority such as Let's Encrypt issues 50 certificates a week for one registered domain.
pub const MAX_ACME_NAMES: usize = 50;

/// From the first byte of a head to its last. Honest clients send a head in one packet.
pub const DEFAULT_HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// For the client to take more of its response. A client that never reads would
/// otherwise hold an instance for ever.
pub const DEFAULT_WRITE_PROGRESS_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a connection is kept between requests. Longer than the usual 60 s of load balancers, so that the
/// end closing first is theirs and none of their requests meets a connection that is about to close.
pub const DEFAULT_KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(75);

/// Open connections. Each costs about 20 KiB; more than this is answered with 503.
pub const DEFAULT_MAX_CONNECTIONS: usize = 10_000;

/// How long requests in flight may go on once the server was asked to end.
pub const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Worker threads. More threads than any machine has cores for only cost memory.
pub const MAX_WORKERS: u64 = 1024;

/// The limits of one public listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Bytes of a request's head; beyond: 431.
    pub max_header_bytes: usize,
    /// Fields of a header section; beyond: 431.
    pub max_header_count: usize,
    /// Bytes of content that a request starts with; the component's limit replaces it. Beyond: 413.
    pub max_body_bytes: u64,
    /// Time for a whole head; beyond: 408 and close.
    pub header_timeout: Duration,
    /// Time that the client keeps the server waiting for content; beyond: 408 and close.
    pub body_progress_timeout: Duration,
    /// Time that the client keeps the server waiting to take more of a response; beyond: the connection is cut.
    pub write_progress_timeout: Duration,
    /// Bytes per second with which a client earns back these two times; 0 if any byte is enough.
    pub min_rate: u64,
    /// Time between two requests; beyond: close.
    pub keep_alive_timeout: Duration,
    /// Open connections; beyond: 503 and close.
    pub max_connections: usize,
    /// Time for the requests in flight after the server was asked to end; beyond: they are cut.
    pub drain_timeout: Duration,
}

impl ServerLimits {
    /// The limits that hold where the configuration names no others.
    #[must_use]
    pub const fn standard() -> Self {
        Self {
            max_header_bytes: DEFAULT_MAX_HEADER_BYTES,
            max_header_count: DEFAULT_MAX_HEADER_COUNT,
            max_body_bytes: DEFAULT_MAX_BODY_BYTES,
            header_timeout: DEFAULT_HEADER_TIMEOUT,
            body_progress_timeout: DEFAULT_BODY_PROGRESS_TIMEOUT,
            write_progress_timeout: DEFAULT_WRITE_PROGRESS_TIMEOUT,
            min_rate: DEFAULT_MIN_RATE,
            keep_alive_timeout: DEFAULT_KEEP_ALIVE_TIMEOUT,
            max_connections: DEFAULT_MAX_CONNECTIONS,
            drain_timeout: DEFAULT_DRAIN_TIMEOUT,
        }
    }
}
