//! Time as the cache sees it: given from outside, on two clocks.

use std::time::{Duration, SystemTime};

/// One moment on both clocks.
///
/// Fields of HTTP are compared with the wall clock; spans of time are measured on the monotonic one, so that a wall clock
/// that is set or stands still makes nothing fresh again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The time of day, for `Date`, `Expires` and `Last-Modified`.
    pub wall: SystemTime,
    /// Time since some fixed moment of the process, which never goes back.
    pub monotonic: Duration,
}

impl Moment {
    /// The time that has passed since an `earlier` moment; none if that is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.monotonic.saturating_sub(earlier.monotonic)
    }
}

/// Where the cache takes the time from.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Moment;
}
