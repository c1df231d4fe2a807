//! Whether the memory of a process is up to date with the log: for a time after each answer of the log, and not at once after it was
//! not heard for longer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::limits::{MAX_UNHEARD, REJOIN_PAUSE};
use crate::clock;

/// When memory counts as up to date. Times are milliseconds since its beginning.
#[derive(Debug)]
pub(super) struct Lease {
    begun: Instant,
    from: AtomicU64,
    until: AtomicU64,
}

impl Lease {
    pub(super) fn new() -> Self {
        Self {
            begun: clock::now(),
            from: AtomicU64::new(0),
            until: AtomicU64::new(0),
        }
    }

    /// Whether memory is up to date now.
    pub(super) fn holds(&self) -> bool {
        let now = self.millis(clock::now());
        (self.from.load(Ordering::Relaxed)..self.until.load(Ordering::Relaxed)).contains(&now)
    }

    /// Memory has all that the log had at that time.
    pub(super) fn extend(&self, heard: Instant) {
        self.extend_at(heard, clock::now());
    }

    fn extend_at(&self, heard: Instant, now: Instant) {
        let before = self.until.load(Ordering::Relaxed);
        if before != 0 && self.millis(now) >= before {
            let from = self.millis(now + REJOIN_PAUSE);
            self.from.store(from, Ordering::Relaxed);
        }
        let until = self.millis(heard + MAX_UNHEARD);
        self.until.store(until, Ordering::Relaxed);
    }

    fn millis(&self, at: Instant) -> u64 {
        let since: Duration = at.saturating_duration_since(self.begun);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_ends_it_and_it_begins_again_after_a_pause() {
        let lease = Lease::new();
        let begun = lease.begun;
        assert!(!lease.holds(), "nothing was heard yet");
        lease.extend_at(begun, begun);
        assert!(lease.holds());
        let late = begun + MAX_UNHEARD;
        lease.extend_at(late, late);
        let from = lease.from.load(Ordering::Relaxed);
        assert_eq!(from, lease.millis(late + REJOIN_PAUSE));
        let soon = late + MAX_UNHEARD / 2;
        lease.extend_at(soon, soon);
        assert_eq!(lease.from.load(Ordering::Relaxed), from);
        let until = lease.until.load(Ordering::Relaxed);
        assert_eq!(until, lease.millis(soon + MAX_UNHEARD));
    }
}
