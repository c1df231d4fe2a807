//! The limits of SQL, each with its unit, its reason and its consequence.

use std::time::Duration;

pub use crate::dialect::MAX_PARAMETERS;

/// Longest statement, in bytes. A longer one is refused before SQLite sees it, because no deadline interrupts parsing.
pub const MAX_STATEMENT_BYTES: usize = 1024 * 1024;

/// Largest single text, blob or row, in bytes. No deadline interrupts a call of a built-in function (`hex`, `replace`,
/// `zeroblob`), and its time grows with the value. With this limit it takes some tens of milliseconds. A larger value is an
/// error of the statement.
pub const MAX_VALUE_BYTES: usize = 16 * 1024 * 1024;

/// Largest result of one statement, in bytes of memory, as in Spin. The statement fails, and outside a transaction its changes
/// are undone.
pub const MAX_RESULT_BYTES: usize = 128 * 1024 * 1024;

/// Longest pattern of `LIKE` and `GLOB`, in bytes. The time for matching grows with pattern times text, and no deadline
/// interrupts it. A longer pattern is an error of the statement.
pub const MAX_LIKE_PATTERN_BYTES: usize = 1_000;

/// Most statements that wait for the writer. More are refused at once, because they would only wait until their deadline.
pub const WRITE_QUEUE_CAPACITY: usize = 8_192;

/// Most statements that share one commit. If one of them makes SQLite roll back the shared transaction, so many must run again.
pub const MAX_GROUP_STATEMENTS: usize = 512;

/// The time in which statements join a group before it is committed: about the time of the commit itself, so waiting for others at
/// most doubles the time of the first.
pub const MAX_GROUP_DURATION: Duration = Duration::from_millis(5);

/// The time that a transaction may hold the writer between two statements, unless [`SqliteOptions`](crate::SqliteOptions) say
/// otherwise, because every other write waits for it. After that it is rolled back, and its next statement says so.
pub const DEFAULT_TRANSACTION_IDLE: Duration = Duration::from_secs(5);

/// The time that a read may hold the calling thread, which serves other requests too. Indexed reads take a tenth of it. A longer
/// read starts again on another thread.
pub const INLINE_READ_BUDGET: Duration = Duration::from_millis(1);

/// The time that a caller waits after its deadline to learn whether the writer has committed its change. A commit takes some
/// milliseconds, and a hanging disk must not hold the caller. After that the outcome is unknown.
pub const MAX_OUTCOME_WAIT: Duration = Duration::from_millis(500);

/// Most long reads at the same time, each on its own thread. More wait, until their deadline. Two keep a small machine's cores busy
/// and bound the memory of long reads.
pub const MAX_LONG_READS: usize = 2;

/// The time that a migration may take, with its wait for another process that applies one. It may copy a large table. After
/// that it fails, and nothing of it is left.
pub const MAX_MIGRATION_DURATION: Duration = Duration::from_secs(60 * 60);

/// Steps of SQLite's virtual machine between two reads of the clock: about ten microseconds, so the reads take well under one per
/// cent of the time.
pub const STEPS_BETWEEN_CHECKS: i32 = 1_000;

/// Compiled statements that each connection keeps. The least recently used one is dropped first.
pub const STATEMENT_CACHE_CAPACITY: usize = 128;

/// Most statements whose kind (read, write, …) is remembered. Beyond it all are forgotten, which costs one more compilation for
/// each.
pub const KIND_CACHE_CAPACITY: usize = 2_048;

/// Most text of the statements whose kind is remembered, in bytes. Beyond it all are forgotten.
pub const MAX_KIND_CACHE_BYTES: usize = 1024 * 1024;

/// Longest statement that is remembered or kept compiled, in bytes. Programs generate longer ones, which rarely occur twice and
/// would make the memory of the caches unbounded.
pub const MAX_CACHED_STATEMENT_BYTES: usize = 8 * 1024;

/// Page cache of each connection, in KiB: the working set of a small app. The rest is in the operating system's cache.
pub const PAGE_CACHE_KIBIBYTES: i64 = 8 * 1024;

/// Size to which the write-ahead log is cut after a checkpoint, in bytes. Otherwise a burst of writes would keep its disk space
/// for ever.
pub const MAX_IDLE_WAL_BYTES: i64 = 64 * 1024 * 1024;

/// The time that opening a database waits for another process that locks it.
pub const DEFAULT_OPEN_TIMEOUT: Duration = Duration::from_secs(2);

/// Longest pause between two attempts while another process holds the lock.
pub const MAX_BUSY_PAUSE: Duration = Duration::from_millis(10);

/// Connections to a Postgres server that a node opens unless a setting says otherwise. Each takes some megabytes and a process of
/// the server, which has a hundred by default for all nodes. More statements wait, until their deadline.
pub const DEFAULT_CONNECTIONS: usize = 16;

/// Most statements that wait for a connection. More are refused at once, because they would only wait until their deadline.
pub const MAX_WAITING_STATEMENTS: usize = 8_192;

/// The age at which a connection is closed, so that connections move to a server that took over, and the server's memory for them
/// is freed.
pub const MAX_CONNECTION_AGE: Duration = Duration::from_secs(30 * 60);

/// The time for which an idle connection is used again without asking the server first. A firewall may have forgotten it without
/// a word, and its statement would wait until its deadline. Asking costs a round trip.
pub const TRUSTED_IDLE: Duration = Duration::from_secs(10);

/// The time for the answer of a server that is asked whether a connection is still one. Without an answer it is closed, with those
/// that have been idle for longer.
pub const MAX_PROBE_WAIT: Duration = Duration::from_secs(1);

/// Shortest pause before a statement runs again that others were in the way of.
pub const MIN_RETRY_PAUSE: Duration = Duration::from_millis(2);

/// Longest pause before a statement runs again. It is far below a request's deadline.
pub const MAX_RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Longest time that a transaction which has lost against others waits for those that lost before it. One that waits for its guest
/// would otherwise keep them all.
pub const MAX_TURN_WAIT: Duration = Duration::from_secs(1);

/// The time that a session waits after a deadline for the thread of the connections: some waits for outcomes. After that the outcome
/// is unknown.
pub const MAX_REPLY_WAIT: Duration = Duration::from_secs(3);

/// The time for which a node may translate with a schema without asking whether it changed. A change of the schema takes this much
/// longer if there are other nodes.
pub const SCHEMA_LEASE: Duration = Duration::from_millis(250);

/// Most statements whose translation is remembered. The least recently used one is forgotten first.
pub const TRANSLATION_CACHE_CAPACITY: usize = 2_048;

/// Most memory of remembered translations for a database, in bytes. The least recently used ones are forgotten first.
pub const MAX_TRANSLATION_BYTES: usize = 4 * 1024 * 1024;

/// Statements that a connection keeps prepared. The least recently used one is dropped first.
pub const PREPARED_CACHE_CAPACITY: usize = 256;

/// Most text of the statements that a connection keeps prepared, in bytes; the server's plans take some times as much.
pub const MAX_PREPARED_BYTES: usize = 512 * 1024;

/// Oldest version of Postgres that is taken: older ones get no repairs any more and lack functions that translations use.
pub const MIN_SERVER_VERSION: u32 = 13;

/// Most shapes of queries that are counted for a database. The eighth of them that took least time is forgotten first.
pub const SHAPE_CAPACITY: usize = 512;

/// Longest text of a shape, in bytes. A longer one is cut: who reads it knows the query by then.
pub const MAX_SHAPE_BYTES: usize = 2 * 1024;

/// The part of a statement that its shape is made of, in bytes. Reading it takes some microseconds for each KiB.
pub const MAX_SHAPED_BYTES: usize = 32 * 1024;

/// Most texts of statements whose shape is remembered. Beyond it all are forgotten, and read again.
pub const SHAPED_TEXT_CAPACITY: usize = 2_048;

/// Most text of the statements whose shape is remembered, in bytes. Beyond it all are forgotten.
pub const MAX_SHAPED_TEXT_BYTES: usize = 1024 * 1024;

/// Most values of a statement that are kept as an example for its plan. A statement with more has no plan to look at.
pub const MAX_SAMPLED_PARAMETERS: usize = 64;

/// The part of a value that is kept as an example, in bytes.
pub const MAX_SAMPLED_VALUE_BYTES: usize = 64;

/// Most shapes that are counted for one request; a program that has more makes its texts, and repeats none of them.
pub const MAX_SHAPES_OF_REQUEST: usize = 32;

/// Most pairs of component and route whose transactions are counted. Those of others are not.
pub const TRANSACTION_PLACES: usize = 128;

/// Calls below which a finding says nothing of a query: it may be a start, or somebody's test.
pub const MIN_JUDGED_CALLS: u64 = 10;

/// The runs of one query in one request that are no finding. Forty are; ten may be what somebody asked for.
pub const MAX_QUIET_REPEATS: u32 = 10;

/// The requests with more runs than that, below which there is no finding.
pub const MIN_REPEATING_REQUESTS: u64 = 3;

/// The rows that a call may read in a whole table, on average. They take about ten microseconds.
pub const MAX_QUIET_SCAN: u64 = 200;

/// The steps of SQLite's virtual machine that a call may take, on average. They take about a tenth of a millisecond.
pub const MAX_QUIET_STEPS: u64 = 10_000;

/// The rows that a call without `LIMIT` may return, on average.
pub const MAX_QUIET_ROWS: u64 = 1_000;

/// The bytes of rows that a query may give to a request, whatever the request does with them. Copying them into the function takes
/// some tenths of a millisecond.
pub const MAX_QUIET_RESULT_BYTES: u64 = 32 * 1024;

/// How many times more bytes of rows requests get than they hand on, for their results to count as unread. A response that is
/// compressed has up to ten times less than the rows in it.
pub const MIN_UNREAD_SHARE: u64 = 20;

/// The rows of a result that a function may leave unread, on average.
pub const MAX_QUIET_UNREAD_ROWS: u64 = 100;

/// The rows that a call reads in a whole table when the table has grown enough to say so.
pub const MIN_GROWN_SCAN: u64 = 1_000;

/// How many times less a query must read with an index, for the index to be named.
pub const MIN_INDEX_GAIN: u64 = 5;

/// The mean time of a transaction that is no finding. On SQLite, no other write runs meanwhile. On Postgres it is the time in which
/// no statement runs: the others go on.
pub const MAX_QUIET_TRANSACTION: Duration = Duration::from_millis(100);

/// The mean time that a statement may wait for the writer or a connection. Commits of others take some milliseconds.
pub const MAX_QUIET_WAIT: Duration = Duration::from_millis(100);

/// Pauses for another process's lock below which there is no finding.
pub const MIN_LOCK_WAITS: u64 = 100;

/// The time between two looks at which statements wait for a lock of another transaction, on Postgres.
pub const LOCK_LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Looks at which a statement waited, below which there is no finding: some seconds in all.
pub const MIN_LOCK_SIGHTINGS: u64 = 10;

/// Texts of statements that are counted while they wait for locks. An app has few that do.
pub const MAX_LOCK_TEXTS: usize = 64;

/// Writes to a table below which nothing is said of an index that no query used. It costs little until then.
pub const MIN_INDEXED_WRITES: u64 = 500;

/// Most queries that are tried with indexes for one answer, the ones that took most time first.
pub const MAX_TRIED_SHAPES: usize = 32;

/// Most indexes that are tried for one query.
pub const MAX_TRIED_INDEXES: usize = 12;

/// Most rows of a table that are copied into memory to try indexes on.
pub const MAX_COPIED_ROWS: u64 = 10_000;

/// Most bytes of rows that are copied into memory to try indexes on.
pub const MAX_COPIED_BYTES: usize = 16 * 1024 * 1024;

/// The steps of SQLite's virtual machine after which a trial of a query ends. They take about a tenth of a second.
pub const MAX_TRIAL_STEPS: u64 = 1_000_000;

/// The plan's cost, in Postgres' units, of a query that needs no index. A unit is the reading of one page.
pub const MAX_QUIET_COST: u64 = 100;

/// How often a statement of the host's own is executed that loses against others.
pub const MAX_HOST_ATTEMPTS: u32 = 5;

/// The pause before a connection that listens is opened again.
pub const LISTEN_PAUSE: Duration = Duration::from_secs(1);

/// How far a replica may lag behind its primary. Beyond it, reads run on the primary: a client that has written nothing sees each
/// write within this time.
pub const MAX_REPLICA_LAG: Duration = Duration::from_secs(1);

/// The time between two looks at a server of a database with replicas, while it is used. A replica that was promoted is noticed
/// after it; a look costs the server some tens of microseconds.
pub const REPLICA_LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// The same while nothing reads. It is below the lag that a replica may have, so the first read afterwards can run on one.
pub const IDLE_REPLICA_LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// The time for which a replica that was found to lag behind is not asked again by reads. They run on another server meanwhile.
pub const MIN_ASK_PAUSE: Duration = Duration::from_millis(10);

/// How much longer it may take to ask a replica than the nearest server. One that is in another region is not read from.
pub const MAX_FARTHER: Duration = Duration::from_millis(10);

/// Most places of a primary that a process remembers with their times: those of more than the lag that a replica may have.
pub const MAX_NOTED_PLACES: usize = 64;

/// Most servers whose places a bookmark has. An app has one or two with replicas; with more, the reads of clients that have written
/// run on primaries.
pub const MAX_POSITIONS: usize = 4;

/// How long a backup tries to have the locks for writes of all files at once. After it the backup fails and says which file is locked.
pub const BACKUP_LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// The pause before a backup tries again to take a lock. It is short, because a server under load leaves its lock free for some
/// microseconds at a time.
pub const MIN_BACKUP_LOCK_PAUSE: Duration = Duration::from_millis(1);

/// How often a backup tries to take a lock while it has those of other files. After it the backup gives them up and begins again:
/// somebody who has the lock may wait for them.
pub const MAX_BACKUP_LOCK_TRIES: i32 = 100;

/// The pages that a backup copies at once: about a megabyte. Between two such steps it reports its progress.
pub const BACKUP_STEP_PAGES: i32 = 256;
