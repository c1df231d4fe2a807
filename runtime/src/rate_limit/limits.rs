//! Owns the limits of counting clients, with the reason for each.

use std::time::Duration;

/// Buckets that a process counts in at once: of each client one for every limit that its requests have. Beyond it the one that was
/// used longest ago is forgotten, so its client begins anew. They take some MiB.
pub const MAX_BUCKETS: usize = 65_536;

/// How long Redis may take to count a request. After it the process counts by itself: a request waits no longer for its limit.
pub const SHARED_COUNT_TIMEOUT: Duration = Duration::from_millis(100);

/// How long a process counts by itself after Redis did not answer, before it asks again: so not every request waits.
pub const SHARED_COUNT_PAUSE: Duration = Duration::from_secs(1);
