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
