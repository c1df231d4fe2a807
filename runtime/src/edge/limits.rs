//! Owns the limits of an edge's load balancer that no setting changes, with the reason for each.
//! Those that settings change are left to `crate::limits`.

use std::time::Duration;

use crate::limits::{KIB, MIB};

/// Origins that one request is sent to at most, one after the other. With one origin out, the second serves; more are out
/// only where something else is wrong, which further attempts would make worse.
pub const MAX_ATTEMPTS: usize = 4;

/// How much of a retry each request pays for, in thousandths: so retries add at most a fifth to the origins' load.
pub const RETRY_DEPOSIT_THOUSANDTHS: u64 = 200;

/// Retries that can be saved up: about the requests in flight at an origin that is lost.
pub const MAX_RETRIES_SAVED: u64 = 1_000;

/// Retries per second that are allowed even if nothing is saved up, so that an edge with little traffic can retry at all.
pub const MIN_RETRIES_PER_SECOND: u64 = 10;

/// Content of an idempotent request that is read before it is sent, so that it can be sent again, in bytes. Forms and JSON
/// are shorter; what is longer streams to one origin only.
pub const MAX_KEPT_CONTENT_BYTES: u64 = 64 * KIB;

/// Such content of all requests together, in bytes. Beyond it content streams to one origin only.
pub const MAX_ALL_KEPT_CONTENT_BYTES: u64 = 16 * MIB;

/// The latency that a failed request counts with, at least: a failure that comes fast must not look like a fast origin.
pub const FAILURE_LATENCY: Duration = Duration::from_millis(100);

/// The latency that fast failures one after the other count with at last. It is enough for an origin to be left alone.
pub const MAX_FAILURE_LATENCY: Duration = Duration::from_secs(1);

/// The latency that an origin counts with, at least. Below it differences are chance, and the requests in flight decide.
pub const MIN_LATENCY: Duration = Duration::from_millis(1);

/// How long the latency of an origin takes to forget two thirds of an old value. Longer, and one slow answer would keep
/// others away for no reason.
pub const LATENCY_DECAY: Duration = Duration::from_secs(2);

/// How long an origin is ejected the first time. Each further time is twice as long.
pub const MIN_EJECTION: Duration = Duration::from_secs(1);

/// How long an origin is ejected at most. It comes back no later than this after it has recovered.
pub const MAX_EJECTION: Duration = Duration::from_secs(10);

/// How long an origin must have served for its ejections to be forgotten.
pub const EJECTIONS_FORGOTTEN: Duration = Duration::from_secs(60);

/// How long the share of an origin grows that is new or comes back: time to fill its pools and caches.
pub const SLOW_START: Duration = Duration::from_secs(10);

/// How often the names behind `dns+` are looked up. Name servers forget sooner than the platforms that change them wait.
pub const LOOK_UP_INTERVAL: Duration = Duration::from_secs(5);

/// How long a look-up may take. After that the addresses that were found before stay.
pub const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(4);

/// Addresses of one name that are used. More would be a mistake of its server.
pub const MAX_ADDRESSES_PER_NAME: usize = 256;
