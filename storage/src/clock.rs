//! The only place in this crate that reads the clock.

use std::time::{Instant, SystemTime};

/// The monotonic time, for deadlines.
#[allow(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The time of day, for what outlives the process.
#[allow(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock"
)]
pub(crate) fn time_of_day() -> SystemTime {
    SystemTime::now()
}
