//! Owns points in time as numbers that several workers can write and read without a lock.
//! Reading the clock is left to the callers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A point in time, in nanoseconds from its [`Epoch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

/// The point from which moments are counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Epoch(Instant);

/// A moment that may be absent. Each write and read stands alone: they order nothing else.
#[derive(Debug, Default)]
pub(super) struct AtomicMoment(AtomicU64);

impl Moment {
    /// The time from `earlier` until this; zero if that is later.
    pub(super) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The moment after this time.
    pub(super) fn plus(self, time: Duration) -> Self {
        Self(self.0.saturating_add(nanoseconds(time)))
    }
}

impl Epoch {
    /// Moments are counted from `now`.
    pub(super) fn new(now: Instant) -> Self {
        Self(now)
    }

    /// The moment of an instant.
    pub(super) fn moment(self, instant: Instant) -> Moment {
        let passed = instant.saturating_duration_since(self.0);
        // Zero stands for no moment.
        Moment(nanoseconds(passed).max(1))
    }

    /// The instant of a moment.
    pub(super) fn instant(self, moment: Moment) -> Instant {
        self.0 + Duration::from_nanos(moment.0)
    }
}

impl AtomicMoment {
    pub(super) fn new(moment: Option<Moment>) -> Self {
        let new = Self::default();
        new.set(moment);
        new
    }

    pub(super) fn get(&self) -> Option<Moment> {
        let nanoseconds = self.0.load(Ordering::Relaxed);
        (nanoseconds > 0).then_some(Moment(nanoseconds))
    }

    pub(super) fn set(&self, moment: Option<Moment>) {
        let nanoseconds = moment.map_or(0, |moment| moment.0);
        self.0.store(nanoseconds, Ordering::Relaxed);
    }
}

pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// An epoch and its first moment, for tests.
#[cfg(test)]
pub(super) fn start() -> (Epoch, Moment) {
    let now = crate::clock::now();
    let epoch = Epoch::new(now);
    (epoch, epoch.moment(now))
}
