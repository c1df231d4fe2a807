//! The limits of the level that caches share, each with its unit, its reason and its consequence.

use std::time::Duration;

/// Largest entry, in bytes. One connection carries all entries, and a larger one would hold up the others for too long. It stays in
/// the memory of the process that made it.
pub const MAX_ENTRY_BYTES: usize = 1024 * 1024;

/// Most variants under a key. With one more, the key begins anew.
pub const MAX_VARIANTS: usize = 16;

/// Most bytes of all variants under a key, which a lookup gets at once. With more, the key begins anew.
pub const MAX_VARIANTS_BYTES: usize = 2 * 1024 * 1024;

/// The time for which an entry is kept at most, so that an entry has an end before the tags and the log that it needs.
pub const MAX_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// The time for which tags and the log are kept after their last use: longer than any entry, by far.
pub const RETENTION: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// Invalidations that the log keeps, about. A process that missed more drops what it has in memory.
pub const LOG_LENGTH: usize = 100_000;

/// Most invalidations that are read from the log at once.
pub const LOG_BATCH: usize = 1_000;

/// The time for which the server holds a question for news of the log if there are none.
pub const LOG_WAIT: Duration = Duration::from_millis(250);

/// The time after the last answer of the log from which the memory of a process no longer counts as up to date. What another process
/// invalidates is served for so long at most.
pub const MAX_UNHEARD: Duration = Duration::from_millis(1_000);

/// The time after the log is heard again from which the memory counts as up to date again. Meanwhile processes that have written
/// without it append what they invalidated; they connect again within [`MAX_RECONNECT_PAUSE`](crate::limits::MAX_RECONNECT_PAUSE).
pub const REJOIN_PAUSE: Duration = Duration::from_secs(3);
