//! Owns every reading of the clock in this crate. The meaning of a time is left to the callers.

use std::time::Instant;

/// The monotonic time, for deadlines.
#[allow(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
