//! Owns the limits on what a request carries, with the reason for each.
//! The limits on its connection are left to `settings` and `server`, those on what it may use to its component.

use std::time::Duration;

/// Content of a request until the component's own limit is known.
pub const DEFAULT_MAX_BODY_BYTES: u64 = 10 * 1024 * 1024;

/// For the client to send more of its request's content. Covers a mobile client in a tunnel.
pub const DEFAULT_BODY_PROGRESS_TIMEOUT: Duration = Duration::from_secs(30);

/// The least rate, in bytes per second, at which a client sends its request or reads its response while the server waits
/// for it. The slowest mobile links carry a few kilobytes per second; what is slower holds connections and instances open.
pub const DEFAULT_MIN_RATE: u64 = 240;

/// An id that is taken over from a trusted proxy, so that log lines stay short.
pub const MAX_GIVEN_ID_BYTES: usize = 128;

/// `tracestate`: what every receiver must be able to pass on (Trace Context §3.3.1.5); longer ones are not taken.
pub const MAX_TRACESTATE_BYTES: usize = 512;

/// Members of `tracestate`, the most that a list may have (Trace Context §3.3.1.1).
pub const MAX_TRACESTATE_MEMBERS: usize = 32;

/// Interim responses of a request that wait for its client to read; more are left out. Servers send one or two.
pub const MAX_INTERIM_BYTES: usize = 16 * 1024;
