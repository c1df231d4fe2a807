//! What was invalidated lately, so that a response that was asked for before is not stored after.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::Purge;
use crate::rules::groups::Groups;
use crate::rules::key::CacheKey;

/// Invalidations that are remembered. A response that was under way while more happened is not stored: at 100
/// invalidations per second those that take longer than ten seconds.
const MAX_REMEMBERED: usize = 1024;

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

/// The last invalidations in order.
#[derive(Debug, Default)]
pub(super) struct InvalidationLog {
    /// How many there were.
    count: AtomicU64,
    recent: Mutex<VecDeque<Purge>>,
}

impl InvalidationLog {
    pub(super) fn generation(&self) -> Generation {
        Generation(self.count.load(Ordering::Acquire))
    }

    pub(super) fn record(&self, what: Purge) {
        let mut recent = self.recent.lock();
        if recent.len() == MAX_REMEMBERED {
            recent.pop_front();
        }
        recent.push_back(what);
        self.count.fetch_add(1, Ordering::Release);
    }

    /// Whether a response was invalidated after `from` and up to `to`, or may have been.
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
        let forgotten = self.count.load(Ordering::Acquire) - recent.len() as u64;
        if from.0 < forgotten {
            return true;
        }
        let place = |generation: u64| usize::try_from(generation - forgotten).unwrap_or(usize::MAX);
        let (first, end) = (place(from.0), place(to.0).min(recent.len()));
        recent
            .range(first.min(end)..end)
            .any(|purge| purge.means(key, groups))
    }
}
