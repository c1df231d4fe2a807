//! The limits of SQL, each with its unit, its reason and what happens on reaching it.
//! What they are enforced with is left to the modules that use them.

use std::time::Duration;

/// Longest statement that is accepted, in bytes. A longer one is refused before SQLite sees it: parsing
/// takes time that no deadline interrupts.
pub const MAX_STATEMENT_BYTES: usize = 1024 * 1024;

/// Most parameters of one statement: SQLite's own default. More are refused.
pub const MAX_PARAMETERS: usize = 32_766;

/// Largest single text, blob or row, in bytes. One built-in function call (`hex`, `replace`, `zeroblob`) runs
/// to its end before a deadline is looked at, and its time grows with the value, so values stay
/// small enough for that to be some tens of milliseconds. A larger one is an error of the statement.
pub const MAX_VALUE_BYTES: usize = 16 * 1024 * 1024;

/// Largest result of one statement, in bytes of memory, as in Spin. The statement fails, and what
/// it changed outside a transaction is undone.
pub const MAX_RESULT_BYTES: usize = 128 * 1024 * 1024;

/// Longest pattern of `LIKE` and `GLOB`, in bytes. Matching costs pattern times text in a single step,
/// which no deadline interrupts. A longer pattern is an error of the statement.
pub const MAX_LIKE_PATTERN_BYTES: usize = 1_000;

/// Statements that wait for the writer. More are refused at once: they could only wait in vain.
pub const WRITE_QUEUE_CAPACITY: usize = 8_192;

/// Most statements that share one commit. It bounds what must be repeated when one of them
/// makes SQLite roll back the transaction they share.
pub const MAX_GROUP_STATEMENTS: usize = 512;

/// How long statements are added to a group before it is committed: about the time of the commit itself, so
/// that waiting for others at most doubles the time of the first.
pub const MAX_GROUP_DURATION: Duration = Duration::from_millis(5);

/// How long a transaction may hold the writer between two of its statements, unless
/// [`SqliteOptions`](crate::SqliteOptions) say otherwise. After that it is rolled back and its next statement says so: every
/// other write of the database waits for it.
pub const DEFAULT_TRANSACTION_IDLE: Duration = Duration::from_secs(5);

/// How long a read may hold the calling thread, which serves other requests too. Indexed reads take a
/// tenth of that; one that takes longer starts again on a thread of its own.
pub const INLINE_READ_BUDGET: Duration = Duration::from_millis(1);

/// How long a caller waits, after its deadline, to learn whether the writer has committed its change. A commit
/// takes some milliseconds; a disk that hangs must not hold the caller. After that the outcome is unknown.
pub const MAX_OUTCOME_WAIT: Duration = Duration::from_millis(500);

/// Reads on threads of their own at the same time. More wait, each until its deadline. Two keep a
/// small machine's cores busy and bound the memory that long reads take.
pub const MAX_LONG_READS: usize = 2;

/// Virtual machine steps of SQLite between two looks at the clock: some ten microseconds apart,
/// and well under one percent of the time.
pub const STEPS_BETWEEN_CHECKS: i32 = 1_000;

/// Compiled statements kept by each connection; the least recently used is dropped first.
pub const STATEMENT_CACHE_CAPACITY: usize = 128;

/// Statements whose kind (read, write, …) is remembered. All are forgotten when there are more, which costs
/// one more compilation each.
pub const KIND_CACHE_CAPACITY: usize = 2_048;

/// Most text of the statements whose kind is remembered, in bytes. All are forgotten when there is more.
pub const MAX_KIND_CACHE_BYTES: usize = 1024 * 1024;

/// Longest statement that is remembered or kept compiled, in bytes. Longer ones are made by
/// programs, rarely come twice, and would make the caches' memory unbounded.
pub const MAX_CACHED_STATEMENT_BYTES: usize = 8 * 1024;

/// Page cache of each connection, in KiB. The working set of a small app; the rest is in the
/// operating system's cache.
pub const PAGE_CACHE_KIBIBYTES: i64 = 8 * 1024;

/// Size that the write-ahead log is cut back to after a checkpoint, in bytes. A burst of writes would
/// otherwise keep its disk space for ever.
pub const MAX_IDLE_WAL_BYTES: i64 = 64 * 1024 * 1024;

/// How long opening a database waits for another process that locks it.
pub const DEFAULT_OPEN_TIMEOUT: Duration = Duration::from_secs(2);

/// Longest pause between two attempts while another process holds the lock.
pub const MAX_BUSY_PAUSE: Duration = Duration::from_millis(10);
