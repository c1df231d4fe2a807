//! The last invalidations, so that a response whose request was forwarded before one of them is not stored after it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::Purge;
use crate::limits::{MAX_INVALIDATION_LOG_BYTES, MAX_LOGGED_INVALIDATIONS};
use crate::rules::groups::Groups;
use crate::rules::key::CacheKey;

/// A point in the order of invalidations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(u64);

impl Generation {
    /// The generation after so many invalidations: for shared levels, which count their own.
    #[must_use]
    pub fn after(invalidations: u64) -> Self {
        Self(invalidations)
    }

    /// How many invalidations there were.
    #[must_use]
    pub fn invalidations(self) -> u64 {
        self.0
    }
}

/// The last invalidations in order, bounded in number and in bytes.
#[derive(Debug, Default)]
pub(super) struct InvalidationLog {
    /// How many there were.
    count: AtomicU64,
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    purges: VecDeque<Purge>,
    bytes: usize,
}

impl Recent {
    fn push(&mut self, what: Purge) {
        self.bytes += what.bytes();
        self.purges.push_back(what);
        while self.purges.len() > MAX_LOGGED_INVALIDATIONS
            || self.bytes > MAX_INVALIDATION_LOG_BYTES
        {
            let Some(oldest) = self.purges.pop_front() else {
                break;
            };
            self.bytes -= oldest.bytes();
        }
    }
}

impl InvalidationLog {
    pub(super) fn generation(&self) -> Generation {
        Generation(self.count.load(Ordering::Acquire))
    }

    pub(super) fn record(&self, what: Purge) {
        let mut recent = self.recent.lock();
        recent.push(what);
        self.count.fetch_add(1, Ordering::Release);
    }

    /// Whether a response was invalidated after `from` and up to `to`. `true` if that is forgotten.
    pub(super) fn was_invalidated(
        &self,
        key: &CacheKey,
        groups: &Groups,
        from: Generation,
        to: Generation,
    ) -> bool {
        if from >= to {
            return false;
        }
        let recent = self.recent.lock();
        let forgotten = self.count.load(Ordering::Acquire) - recent.purges.len() as u64;
        if from.0 < forgotten {
            return true;
        }
        let place = |generation: u64| usize::try_from(generation - forgotten).unwrap_or(usize::MAX);
        let (first, end) = (place(from.0), place(to.0).min(recent.purges.len()));
        recent
            .purges
            .range(first.min(end)..end)
            .any(|purge| purge.means(key, groups))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_long_urls_take_no_more_than_the_bound() {
        let log = InvalidationLog::default();
        let path = "x".repeat(1_000);
        for number in 0..1_000_000_u32 {
            log.record(Purge::Path(format!("/{number}{path}").into()));
        }
        let recent = log.recent.lock();
        let bytes: usize = recent.purges.iter().map(Purge::bytes).sum();
        assert_eq!(bytes, recent.bytes);
        assert!(bytes <= MAX_INVALIDATION_LOG_BYTES);
        assert!(recent.purges.capacity() <= 2 * MAX_LOGGED_INVALIDATIONS);
        assert_eq!(log.generation().invalidations(), 1_000_000);
    }
}
