//! The limits of entries on disk.

use std::time::Duration;

/// Entries and purges that wait to be written. Further entries are not kept, and a further purge is told again.
pub const MAX_QUEUED_WRITES: usize = 256;

/// The bytes of the entries that wait to be written. Further entries are not kept.
pub const MAX_QUEUED_BYTES: u64 = 64 * 1024 * 1024;

/// Reads at one time. A lookup beyond that finds nothing.
pub const MAX_READS: usize = 32;

/// How long a lookup waits for the disk: a disk that works needs a few milliseconds, and a request that goes on without it loses no
/// more than this.
pub const READ_TIMEOUT: Duration = Duration::from_millis(50);

/// How long the disk is not used after a failure or a late read: short, because a machine with much to do is late at times.
pub const PAUSE: Duration = Duration::from_secs(1);

/// Most variants under a key. With one more, the oldest leaves.
pub const MAX_VARIANTS: usize = 16;

/// Most bytes of all variants under a key, since a lookup reads all of them. With more, the newest stays alone.
pub const MAX_FILE_BYTES: u64 = 32 * 1024 * 1024;

/// Purged tags that are remembered, at some 40 bytes each. With one more, entries from before the oldest half count as out of date.
pub const MAX_TAGS: usize = 131_072;

/// Purged beginnings of keys that are remembered. With one more, all entries count as out of date.
pub const MAX_PREFIXES: usize = 64;

/// The size of the log, in bytes, from which it is written anew with what still counts.
pub const MAX_LOG_BYTES: u64 = 16 * 1024 * 1024;
