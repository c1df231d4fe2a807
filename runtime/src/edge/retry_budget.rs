//! Owns how many retries there may be: a part of the requests, and a few in any case. So retries do not add to the load that
//! made the first attempts fail. Whether a request may be sent again at all is left to `outgoing`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::limits::{MAX_RETRIES_SAVED, MIN_RETRIES_PER_SECOND, RETRY_DEPOSIT_THOUSANDTHS};
use super::moment::{AtomicMoment, Moment};

/// One retry, in thousandths.
const RETRY: u64 = 1_000;

/// The budget of all workers together.
#[derive(Debug, Default)]
pub(super) struct RetryBudget {
    /// What requests have paid in, in thousandths of a retry.
    saved: AtomicU64,
    /// When all retries of the floor are used up that were taken so far (the generic cell rate algorithm).
    floor_used_until: AtomicMoment,
}

impl RetryBudget {
    /// Counts a request.
    pub(super) fn deposit(&self) {
        // Once the most is saved, workers only read here, so that they do not wait for each other.
        if self.saved.load(Ordering::Relaxed) < MAX_RETRIES_SAVED * RETRY {
            self.saved
                .fetch_add(RETRY_DEPOSIT_THOUSANDTHS, Ordering::Relaxed);
        }
    }

    /// Takes a retry, if there is one.
    pub(super) fn withdraw(&self, now: Moment) -> bool {
        let taken = self
            .saved
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |saved| {
                saved.checked_sub(RETRY)
            });
        taken.is_ok() || self.withdraw_from_floor(now)
    }

    /// Two workers at once may take the same retry of the floor, which is meant roughly.
    fn withdraw_from_floor(&self, now: Moment) -> bool {
        let second = Duration::from_secs(1);
        let each = second / u32::try_from(MIN_RETRIES_PER_SECOND).unwrap_or(u32::MAX);
        let until = self.floor_used_until.get().map_or(now, |at| at.max(now));
        let next = until.plus(each);
        let is_there = next <= now.plus(second);
        if is_there {
            self.floor_used_until.set(Some(next));
        }
        is_there
    }

    /// The retries that are saved up.
    pub(super) fn left(&self) -> u64 {
        self.saved.load(Ordering::Relaxed) / RETRY
    }
}

#[cfg(test)]
mod tests {
    use super::super::moment::start;
    use super::*;

    /// How many retries there are at once.
    fn retries(budget: &RetryBudget, now: Moment) -> u64 {
        (0..).take_while(|_| budget.withdraw(now)).count() as u64
    }

    #[test]
    fn retries_are_a_fifth_of_the_requests_and_a_few_per_second() {
        let (budget, (_, now)) = (RetryBudget::default(), start());
        assert_eq!(retries(&budget, now), MIN_RETRIES_PER_SECOND);
        (0..100).for_each(|_| budget.deposit());
        assert_eq!(budget.left(), 20);
        assert_eq!(retries(&budget, now), 20, "the floor is used up");
        let later = now.plus(Duration::from_millis(500));
        assert_eq!(retries(&budget, later), MIN_RETRIES_PER_SECOND / 2);
        let much_later = now.plus(Duration::from_secs(60));
        assert_eq!(retries(&budget, much_later), MIN_RETRIES_PER_SECOND);
    }

    #[test]
    fn retries_are_not_saved_up_without_end() {
        let budget = RetryBudget::default();
        (0..100_000).for_each(|_| budget.deposit());
        assert_eq!(budget.left(), MAX_RETRIES_SAVED);
    }
}
