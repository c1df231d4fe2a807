//! Every limit and default of the runtime, with its unit and its reason.
//! The modules that enforce them own the behaviour at the limit.

use std::time::Duration;

/// How long a request may take by the wall clock. Clients and balancers in front commonly give up
/// after 30 to 60 s, so work beyond that is for nobody. On reaching it the request ends with 504.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// How much CPU time a request may use. Far above what a handler needs, far below what lets a few
/// loops take a machine for long. On reaching it the request ends with 504.
pub const DEFAULT_CPU_TIME: Duration = Duration::from_secs(10);

/// How much linear memory an instance may have, in bytes. As on other edge platforms; most
/// handlers stay below 10 MiB. On reaching it the guest's allocation fails.
pub const DEFAULT_MEMORY: u64 = 128 * MIB;

/// The least memory a component may be given, in bytes: one page of WebAssembly.
pub const MIN_MEMORY: u64 = 64 * KIB;

/// The most memory a component may be given, in bytes: all that 32-bit addresses reach.
pub const MAX_MEMORY: u64 = 4096 * MIB;

/// How many requests may be in one component at once. Enough to keep every core busy while most
/// requests wait for a database. Above it requests wait in the queue.
pub const DEFAULT_CONCURRENCY: u32 = 256;

/// How many requests may wait for one component. About a second of work at the usual rates; a
/// longer queue only adds delay. Above it requests are refused with 503.
pub const DEFAULT_QUEUE: u32 = 1024;

/// How long a request's content may be, in bytes. Above it the request is refused with 413.
pub const DEFAULT_REQUEST_BODY: u64 = 10 * MIB;

/// How many requests one instance serves before a new one takes its place. Bounds what a slow
/// leak can gather, and costs one instantiation in ten thousand requests.
pub const DEFAULT_REUSE_REQUESTS: u32 = 10_000;

/// How many requests one instance serves at once. One, because a trap or an endless loop ends
/// every request of its instance.
pub const DEFAULT_REUSE_CONCURRENT: u32 = 1;

/// How long an instance is kept without a request. Long enough to bridge the pauses between
/// bursts, short enough to give memory back.
pub const DEFAULT_REUSE_IDLE: Duration = Duration::from_secs(10);

/// One kibibyte, in bytes.
pub const KIB: u64 = 1024;

/// One mebibyte, in bytes.
pub const MIB: u64 = 1024 * KIB;
