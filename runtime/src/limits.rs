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

/// How long work that is ready may wait for its turn on a worker. If it always waits longer, the worker has more work than
/// processor time: some 25 guests that compute take turns of [`EPOCH_TICK`], or more that need less.
pub const MAX_TURN_LAG: Duration = Duration::from_millis(25);

/// How many requests of a component a worker takes in any case. They keep a processor busy if each uses a sixteenth of it; if they
/// use less, the wait is short and the limit goes.
pub const MIN_REQUESTS_IN_OVERLOAD: usize = 16;

/// The time between two looks at how long ready work waits. In overload each look is late by that wait.
pub const OVERLOAD_SAMPLE_INTERVAL: Duration = Duration::from_millis(10);

/// How many looks in a row must find a long wait. A short burst is worked off in between; what comes meanwhile in overload
/// is accepted, and waits long.
pub const OVERLOAD_SAMPLES: u32 = 2;

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

/// How much linear memory all instances may have together, in bytes. Fits the smallest machines
/// that are rented; raise it with the machine. At it, idle instances are ended and the guest that needs more waits
/// for [`MEMORY_WAIT`]; then its allocation fails.
pub const DEFAULT_INSTANCE_MEMORY: u64 = 1024 * MIB;

/// How long a guest waits for memory that others are to give back. An idle instance ends within a few milliseconds; a
/// longer wait would only keep back the memory that the waiting guest has itself.
pub const MEMORY_WAIT: Duration = Duration::from_secs(1);

/// One kibibyte, in bytes.
pub const KIB: u64 = 1024;

/// One mebibyte, in bytes.
pub const MIB: u64 = 1024 * KIB;

/// How often a busy guest yields to its worker, which then looks at deadlines and at its other requests. Short
/// enough that others hardly notice, long enough that the switch costs nothing.
pub const EPOCH_TICK: Duration = Duration::from_millis(1);

/// How long a poll of a guest must take, in microseconds, before its processor time is read from the clock of the
/// thread, which takes some 0.2 µs. Shorter ones are charged by the wall clock.
pub const CPU_CLOCK_INTERVAL_MICROSECONDS: u64 = 200;

/// How much later than its deadline a call that shares its instance takes the whole instance with it. In that time
/// the call is ended alone, if its guest lets go of the thread.
pub const DEADLINE_GRACE: Duration = Duration::from_millis(250);

/// Instances alive at once, over all components and workers. Each reserves address space, not memory; 2,048 of
/// them take 8 TiB of the 128 TiB that Linux gives a process. Beyond it idle instances are ended, then requests wait.
pub const MAX_INSTANCES: u32 = 2_048;

/// Bytes of stack that a guest may use. On reaching it the guest traps.
pub const MAX_WASM_STACK_BYTES: usize = 512 * 1024;

/// Bytes of stack that host functions called by a guest may use beyond the guest's.
pub const HOST_STACK_BYTES: usize = 512 * 1024;

/// Core instances in an average component, for sizing the pool: the module itself and two or three adapters.
pub const CORE_INSTANCES_PER_COMPONENT: u32 = 4;

/// Linear memories in an average component, for sizing the pool. Adapters have none, composed components several.
pub const MEMORIES_PER_COMPONENT: u32 = 2;

/// Tables in an average component, for sizing the pool: the module's and its adapters'.
pub const TABLES_PER_COMPONENT: u32 = 3;

/// Core instances, memories or tables that one component may have. More is refused when it is loaded.
pub const MAX_CORE_INSTANCES_PER_COMPONENT: u32 = 64;

/// Elements that a table may have: function pointers. Large guests (interpreters) have some 20,000.
pub const MAX_TABLE_ELEMENTS: usize = 100_000;

/// Unused slots of the pool that keep their memory mapped for the next instance of the same component.
pub const MAX_WARM_SLOTS: u32 = 128;

/// Bytes of an instance's memory that are cleared rather than given back to the system when it ends: page faults of
/// the next instance cost more than clearing.
pub const MEMORY_KEPT_RESIDENT_BYTES: usize = 512 * 1024;

/// Bytes of an instance's tables that are cleared rather than given back.
pub const TABLE_KEPT_RESIDENT_BYTES: usize = 16 * 1024;

/// Bytes of a response that are held back for a moment, so that a small response leaves in one write.
pub const SMALL_BODY_BYTES: usize = 64 * 1024;

/// Turns of the worker that a response is held back for. The guest of a small response needs one or two.
pub const SMALL_BODY_YIELDS: u32 = 3;

/// How long a connection to another server may take to be made, unless the guest or the settings of the edge set
/// another time.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long another server may take to begin, or to go on with, its response, unless the guest or the settings of the
/// edge set another time.
pub const DEFAULT_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A whole exchange at an edge, from the request's head to the last byte of its response. Longer than downloads and event
/// streams last that somebody waits for; what is open after it holds a connection for nobody.
pub const DEFAULT_EDGE_REQUEST_TIMEOUT: Duration = Duration::from_secs(3600);

/// How long nothing may pass on a WebSocket. Libraries send a ping every 20 to 60 s; a side that is gone without a word is
/// found out by this only.
pub const DEFAULT_WEBSOCKET_TIMEOUT: Duration = Duration::from_secs(300);

/// How long one of several origins may answer nothing at all while a request waits. After that it is asked whether it is there,
/// so a wait may be shorter than the slowest answers; a longer one is what clients notice when an origin hangs.
pub const DEFAULT_SILENCE_TIMEOUT: Duration = Duration::from_secs(1);

/// The time between two checks of an origin: soon enough for one that comes back, seldom enough to cost nothing.
pub const DEFAULT_CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// The time for the answer to a check. An origin that needs longer for so little is no help.
pub const DEFAULT_CHECK_TIMEOUT: Duration = Duration::from_secs(1);

/// Failures of an origin in a row that eject it. One is chance; after three others serve better.
pub const DEFAULT_FAILURES: u32 = 3;

/// The most failures in a row that a setting may wait for. With more, none would ever be ejected.
pub const MAX_FAILURES: u64 = 1_000;

/// Connections of an edge to each origin, each with one request. A node works on some hundreds at once, and has a queue for as
/// many again. At it, further requests wait for [`DEFAULT_CONNECT_TIMEOUT`].
pub const DEFAULT_ORIGIN_CONNECTIONS: usize = 1_024;

/// The most connections to an origin that a setting may allow: the ports that one address has for them.
pub const MAX_ORIGIN_CONNECTIONS: u64 = 60_000;

/// How long an unused connection to another server is kept. Shorter than the 5 s after which common servers (Node.js,
/// Apache, Uvicorn) close theirs, so that a request that can't be repeated does not meet a connection that is about to go.
pub const OUTBOUND_IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// Fields in the head of another server's response. The same as the most that `header_count` can be raised to, so that
/// one Terrace takes what another one sends.
pub const MAX_RESPONSE_HEADER_COUNT: usize = 256;

/// Unused connections kept for each host and worker.
pub const MAX_IDLE_CONNECTIONS_PER_HOST: usize = 32;

/// Requests at once on one HTTP/2 connection to another server. At it, a further connection is made: one alone is served by
/// one thread of the other server.
pub const MAX_OUTBOUND_STREAMS: u32 = 100;

/// What another server may send on one stream of HTTP/2 before it is read, in bytes: enough for some 200 MB/s on a network
/// with a millisecond of delay.
pub const OUTBOUND_STREAM_WINDOW_BYTES: u32 = 256 * 1_024;

/// How often an HTTP/2 connection with requests is asked whether the other side is still there.
pub const OUTBOUND_PING_INTERVAL: Duration = Duration::from_secs(5);

/// How long the answer to that may take.
pub const OUTBOUND_PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Servers whose connections a client knows before it forgets those without connections: more than a component usually asks.
pub const MIN_POOLS_SWEPT: usize = 64;

/// Calls from component to component that one request may nest. On reaching it the call fails: the components call
/// each other in a circle.
pub const MAX_CALL_DEPTH: u32 = 16;

/// Bytes that a guest of WASI 0.2 may print in one call.
pub const GUEST_WRITE_BYTES: usize = 64 * 1024;

/// Most bytes that the host keeps for an instance of values that were read to be swapped (`wasi:keyvalue/atomics`): two of the largest.
/// To read a further one is an error of the call until the guest has dropped a handle.
pub const MAX_SWAP_BYTES: usize = 17 * 1024 * 1024;

/// The least memory that a cache may be given, in bytes. Less holds nothing worth looking for.
pub const MIN_CACHE_MEMORY: u64 = MIB;

/// The part of the cache's memory that one response may take, as a divisor. A larger one would push out most of the
/// others.
pub const MAX_CACHED_RESPONSE_DIVISOR: u64 = 8;

/// How many responses of the largest size a shard of the cache has room for. With fewer, one of them would evict all
/// others.
pub const MIN_RESPONSES_OF_SHARD: u64 = 2;

/// The least that a cache may keep on disk, in bytes: room for a few of the largest responses.
pub const MIN_CACHE_DISK: u64 = 64 * MIB;

/// How long a request waits for the cache's level that several servers share. It is far above a lookup on a network of one site,
/// and below what a client notices. After that the request goes on without the level.
pub const SHARED_CACHE_TIMEOUT: Duration = Duration::from_millis(250);

/// How long a client keeps the bookmark of its last write. Other servers follow that write within a second, unless they hear nothing;
/// then they take nothing for fresh.
pub const BOOKMARK_LIFETIME: Duration = Duration::from_secs(60);

/// The age from which servers ignore a bookmark. It is above the lifetime, because the clocks of servers may differ by minutes.
pub const MAX_BOOKMARK_AGE: Duration = Duration::from_secs(600);

/// How long a request with a bookmark waits until its server has followed the purges so far. They come within milliseconds, or
/// something is wrong. After that the request goes past the cache.
pub const BOOKMARK_WAIT: Duration = Duration::from_millis(250);

/// How much compiled code is kept, in bytes. Some hundred components, in all their versions of a few weeks. Beyond it
/// the code that was used longest ago is removed, and compiled again should it be needed.
pub const MAX_COMPILED_CODE_BYTES: u64 = 2048 * MIB;

/// How long compiled code is kept that nobody uses, in days. A version that was not started for so long is not coming
/// back.
pub const MAX_COMPILED_CODE_AGE_DAYS: u64 = 30;

/// How long a file of compiled code may take to be written, in hours. One that takes longer was left by a process that
/// was killed, and is removed.
pub const UNFINISHED_FILE_HOURS: u64 = 1;

/// How often a worker looks for instances that have been idle for too long.
pub const REAP_INTERVAL: Duration = Duration::from_secs(1);

/// Most connections that a setting may allow to a database server, which takes a hundred by default for all its clients.
pub const MAX_SQL_CONNECTIONS: u64 = 1_000;

/// Most replicas of a database. Each costs a process a few connections.
pub const MAX_REPLICAS: usize = 16;

/// Requests that a rate limit may allow in its time. More are no limit.
pub const MAX_RATE_REQUESTS: u64 = 1_000_000;

/// The least time between two requests that a rate limit may allow, in microseconds. Shorter ones are less than what counting costs.
pub const MIN_RATE_PERIOD_MICROSECONDS: u64 = 10;

/// How long a start waits for another process that locks a database file. A shutdown of the process before this one
/// takes no longer to put its files in order.
pub const STATE_OPEN_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a shutdown takes at most to move the logs of the databases into their files. After that the process ends
/// without it; the next start reads the logs.
pub const STATE_CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long `terrace sql move` waits for the statements and transactions that run on the database to end, while new ones wait
/// behind them. After that the move does not switch, and they go on.
pub const MAX_HOLD_WAIT: Duration = Duration::from_secs(3);

/// How long the statements on a database are held for `terrace sql move`, which needs some tenths of a second. If it died
/// meanwhile, they go on as before.
pub const MAX_HOLD: Duration = Duration::from_secs(5);

/// The longest name of a queue, in bytes: a label of a host name (RFC 1035 §2.3.4).
pub const MAX_QUEUE_NAME_BYTES: usize = 63;

/// The most schedules of a component: its queue shows all their messages on one page.
pub const MAX_SCHEDULES: usize = 32;

/// How many messages a consumer works on at once in each node.
pub const DEFAULT_CONSUMER_CONCURRENCY: u32 = 8;

/// The most messages that a consumer may be set to work on at once.
pub const MAX_CONSUMER_CONCURRENCY: u32 = 1_024;

/// How often a message is delivered again before it is a dead letter. With the pauses in between, some four minutes.
pub const DEFAULT_RETRIES: u32 = 8;

/// The most deliveries again that can be asked for.
pub const MAX_RETRIES: u32 = 1_000;

/// The pause before the second delivery of a message. It doubles with each further one.
pub const DEFAULT_BACKOFF: Duration = Duration::from_secs(1);

/// The longest pause between two deliveries of a message, unless the consumer asks for a longer one by `Retry-After`.
pub const DEFAULT_MAX_BACKOFF: Duration = Duration::from_secs(300);

/// The most messages of one delivery. Cloudflare's queues have the same bound.
pub const MAX_BATCH: u32 = 100;

/// The longest timeout of a consumer.
pub const MAX_CONSUMER_TIMEOUT: Duration = Duration::from_secs(12 * 60 * 60);

/// The most messages that a queue has, together with its dead letters. Further ones are refused with 503.
pub const DEFAULT_QUEUE_MESSAGES: u64 = 1_000_000;

/// The most servers that can keep each message of a queue on NATS JetStream: more serve no purpose.
pub const MAX_STREAM_REPLICAS: u64 = 5;

/// The most bytes of a queue's messages, together with its dead letters. Further messages are refused with 503.
pub const DEFAULT_QUEUE_BYTES: u64 = 1024 * MIB;

/// The longest attributes of an event, names and values together, in bytes: they become fields of a request.
pub const MAX_EVENT_ATTRIBUTE_BYTES: usize = 16 * 1024;

/// The longest manifest of a backup that is read, in bytes: that of some thousand databases.
pub const MAX_BACKUP_MANIFEST_BYTES: u64 = MIB;
