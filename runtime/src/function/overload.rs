//! Owns how many requests of a component a worker works on while it has more work than processor time.
//! The limit of the component on all workers, and its queue, are left to `admission`.
//!
//! Guests that compute take turns. With each further one, all of them take longer, and none is done sooner. So if work that is
//! ready waits too long for its turn, each component that uses at least its share of the processor gets a limit: as many requests as
//! would bring the wait down. Further ones are refused at once, before they cost anything. Components that use little keep what
//! they have, however many of their requests wait for others.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::clock;
use crate::failure::Failure;
use crate::limits::{
    MAX_TURN_LAG, MIN_REQUESTS_IN_OVERLOAD, OVERLOAD_SAMPLE_INTERVAL, OVERLOAD_SAMPLES,
};

const NO_LIMIT: usize = usize::MAX;

/// The requests of one component on one worker. It has its own cache lines, because only that worker writes to it.
#[repr(align(128))]
pub(super) struct Share {
    /// Requests without a response so far. One whose response streams needs little.
    in_flight: AtomicUsize,
    limit: AtomicUsize,
    /// Whether more requests than [`MIN_REQUESTS_IN_OVERLOAD`] came together since the last look.
    was_crowded: AtomicBool,
    /// The processor time of its guests since the last look.
    spent_nanoseconds: AtomicU64,
}

impl Default for Share {
    fn default() -> Self {
        Self {
            in_flight: AtomicUsize::new(0),
            limit: AtomicUsize::new(NO_LIMIT),
            was_crowded: AtomicBool::new(false),
            spent_nanoseconds: AtomicU64::new(0),
        }
    }
}

/// A request that is worked on, until this is dropped.
pub(super) struct Working<'s>(&'s Share);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Share {
    /// Begins to work on a request. One that `is_nested` has work behind it, which a refusal would waste.
    pub(super) fn begin(&self, is_nested: bool) -> Result<Working<'_>, Failure> {
        let count = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        let working = Working(self);
        if count > MIN_REQUESTS_IN_OVERLOAD {
            self.was_crowded.store(true, Ordering::Relaxed);
            if count > self.limit.load(Ordering::Relaxed) && !is_nested {
                return Err(Failure::Overloaded);
            }
        }
        Ok(working)
    }

    /// Counts processor time.
    pub(super) fn spend(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.spent_nanoseconds
            .fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// The processor time since the last call.
    pub(super) fn take_spent(&self) -> Duration {
        Duration::from_nanos(self.spent_nanoseconds.swap(0, Ordering::Relaxed))
    }

    /// Sets the limit after ready work has waited for at least `lag` in all samples. `has_its_share` says whether the component
    /// used at least its share of the processor meanwhile.
    pub(super) fn adapt(&self, lag: Duration, has_its_share: bool) {
        if !self.was_crowded.swap(false, Ordering::Relaxed) {
            return self.limit.store(NO_LIMIT, Ordering::Relaxed);
        }
        let limit = self.limit.load(Ordering::Relaxed);
        if lag <= MAX_TURN_LAG {
            let more = limit.saturating_add(limit / 4);
            self.limit.store(more, Ordering::Relaxed);
        } else if has_its_share {
            // The wait grows with the number of those that take turns.
            let in_flight = self.in_flight.load(Ordering::Relaxed) as f64;
            let fewer = in_flight * MAX_TURN_LAG.as_secs_f64() / lag.as_secs_f64();
            let fewer = (fewer as usize).max(MIN_REQUESTS_IN_OVERLOAD);
            self.limit.store(fewer.min(limit), Ordering::Relaxed);
        }
    }
}

/// The least time that ready work waited on the calling worker in some samples. Bursts end between two of them.
pub(crate) async fn least_lag() -> Duration {
    let mut least = Duration::MAX;
    for _ in 0..OVERLOAD_SAMPLES {
        let due = clock::now() + OVERLOAD_SAMPLE_INTERVAL;
        tokio::time::sleep_until(due.into()).await;
        least = least.min(clock::now().saturating_duration_since(due));
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(share: &Share, count: usize) -> Vec<Working<'_>> {
        (0..count)
            .map(|_| share.begin(false).ok().unwrap())
            .collect()
    }

    #[test]
    fn without_overload_nothing_is_refused() {
        let share = Share::default();
        let _all = begin(&share, 10_000);
        share.adapt(MAX_TURN_LAG, true);
        let _more = begin(&share, 10_000);
    }

    #[test]
    fn in_overload_those_that_come_are_refused_until_the_wait_is_short() {
        let share = Share::default();
        let working = begin(&share, 100);
        share.adapt(MAX_TURN_LAG * 2, true);
        assert_eq!(share.begin(false).err(), Some(Failure::Overloaded));
        assert!(
            share.begin(true).is_ok(),
            "a nested call has work behind it"
        );
        drop(working);
        let working = begin(&share, 50);
        assert!(
            share.begin(false).is_err(),
            "half as many wait half as long"
        );
        drop(working);
    }

    #[test]
    fn some_requests_are_worked_on_however_long_the_wait_is() {
        let share = Share::default();
        drop(begin(&share, 100));
        share.adapt(MAX_TURN_LAG * 1000, true);
        let _working = begin(&share, MIN_REQUESTS_IN_OVERLOAD);
        assert!(share.begin(false).is_err());
    }

    #[test]
    fn a_component_that_uses_little_is_not_limited() {
        let share = Share::default();
        let _waiting = begin(&share, 1000);
        share.adapt(MAX_TURN_LAG * 1000, false);
        assert!(share.begin(false).is_ok());
    }

    /// Under constant load too, where each look finds it crowded.
    #[test]
    fn the_limit_finds_back_from_its_least_within_two_seconds() {
        let share = Share::default();
        drop(begin(&share, 100));
        share.adapt(MAX_TURN_LAG * 1000, true);
        let looks = Duration::from_secs(2).as_millis()
            / (OVERLOAD_SAMPLE_INTERVAL * OVERLOAD_SAMPLES).as_millis();
        for _ in 0..looks {
            let attempts: Vec<_> = (0..1000).map(|_| share.begin(false)).collect();
            drop(attempts);
            share.adapt(Duration::ZERO, true);
        }
        let _working = begin(&share, 1000);
        drop(begin(&share, 0));
    }

    #[test]
    fn without_a_crowd_the_limit_goes_at_once() {
        let share = Share::default();
        drop(begin(&share, 100));
        share.adapt(MAX_TURN_LAG * 1000, true);
        drop(begin(&share, 1));
        share.adapt(Duration::ZERO, true);
        let _working = begin(&share, 1000);
    }

    #[tokio::test]
    async fn work_that_blocks_the_worker_shows_in_the_lag() {
        tokio::spawn(async {
            loop {
                let begun = clock::thread_cpu_time();
                while clock::thread_cpu_time() - begun < MAX_TURN_LAG * 2 {
                    std::hint::black_box(());
                }
                tokio::task::yield_now().await;
            }
        });
        assert!(least_lag().await > Duration::ZERO);
    }
}
