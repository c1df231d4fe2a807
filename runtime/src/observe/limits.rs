//! Owns the bounds on what is logged. Beyond each of them output is lost and counted, and nothing waits.

use std::time::Duration;

/// Log text waiting to be written. At 300 bytes a line this is a second of lines at 28,000 requests/s.
pub const MAX_PENDING_LOG_BYTES: usize = 8 * 1024 * 1024;

/// How long lines are collected before they are written together: short for someone who watches, long enough
/// that under load one wake of the writer serves hundreds of lines.
pub const LOG_COLLECT_TIME: Duration = Duration::from_millis(5);

/// How long the end of the process waits for the last lines to be taken. A file takes them at once.
pub const LOG_END_TIMEOUT: Duration = Duration::from_secs(1);

/// One line of a guest's output; the rest of a longer one is cut off.
pub const MAX_GUEST_LINE_BYTES: usize = 8 * 1024;

/// Output of a guest for one request; what follows is lost, and a line says so.
pub const MAX_GUEST_OUTPUT_BYTES: usize = 64 * 1024;

/// The pause between two lines of the log that say why calls of a key-value store fail. Further failures are only counted, so that an
/// outage does not fill the log.
pub const STORE_FAILURE_PAUSE: Duration = Duration::from_secs(10);
