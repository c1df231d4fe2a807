//! The time, on two clocks, which the caller provides.

use std::time::{Duration, SystemTime};

/// One moment on both clocks.
///
/// Dates in fields are compared with the wall clock. Ages are measured with the monotonic clock, so that a change of the
/// wall clock makes no response fresh again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The time of day, for `Date`, `Expires` and `Last-Modified`.
    pub wall: SystemTime,
    /// The time since some fixed moment of the process. It never goes back.
    pub monotonic: Duration,
}

impl Moment {
    /// The time since an `earlier` moment; zero if that is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.monotonic.saturating_sub(earlier.monotonic)
    }
}

/// The clocks of the cache.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Moment;
}
