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

/// How long a request's header section may be, in bytes. Twice what browsers and balancers send at
/// most. Above it the request is refused with 431.
pub const DEFAULT_HEADER_BYTES: u64 = 64 * KIB;

/// How many header fields a request may have. Browsers send about 20, with proxies in between 40.
/// Above it the request is refused with 431.
pub const DEFAULT_HEADER_COUNT: u64 = 100;

/// How long a client may take to send a header section. Enough for a bad mobile connection, short
/// enough that half-sent requests do not gather. Then the connection is closed.
pub const DEFAULT_HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may pause while it sends content or takes a response. Then the connection is closed.
pub const DEFAULT_BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a connection is kept without a request. A little more than the 60 s after which
/// balancers commonly drop theirs, so that they close first and no request meets a closed door.
pub const DEFAULT_KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(75);

/// How many connections may be open at once. Each costs some 20 KiB and a file descriptor. Above it
/// new ones wait in the kernel until one closes.
pub const DEFAULT_CONNECTIONS: u64 = 10_000;

/// How long a shutdown waits for accepted requests. As long as a request may take.
pub const DEFAULT_DRAIN_TIMEOUT: Duration = DEFAULT_TIMEOUT;

/// How much linear memory all instances may have together, in bytes. Fits the smallest machines
/// that are rented; raise it with the machine. At it, new instances wait until others end.
pub const DEFAULT_INSTANCE_MEMORY: u64 = 1024 * MIB;

/// One kibibyte, in bytes.
pub const KIB: u64 = 1024;

/// One mebibyte, in bytes.
pub const MIB: u64 = 1024 * KIB;
