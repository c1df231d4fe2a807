//! How requests were answered, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::rules::cache_status::CacheStatus;

/// How requests were answered since the cache was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// From the store, fresh or stale, without waiting for the origin.
    pub hits: u64,
    /// By a forward, for lack of a stored response that could be used.
    pub misses: u64,
    /// From the store, after a forward showed that the stored response was still good.
    pub validated: u64,
    /// From the store in place of a failure of the origin.
    pub stale_on_error: u64,
    /// By another request's forward.
    pub collapsed: u64,
    /// By a forward that the cache had no part in.
    pub bypassed: u64,
}

/// The counters behind [`Statistics`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    validated: AtomicU64,
    stale_on_error: AtomicU64,
    collapsed: AtomicU64,
    bypassed: AtomicU64,
}

impl Counters {
    pub(crate) fn count(&self, status: &CacheStatus) {
        self.counter(status).fetch_add(1, Ordering::Relaxed);
    }

    fn counter(&self, status: &CacheStatus) -> &AtomicU64 {
        if status.is_hit() {
            &self.hits
        } else if status.collapsed {
            &self.collapsed
        } else if status.time_to_live.is_some() {
            &self.stale_on_error
        } else if status.is_validation() {
            &self.validated
        } else if status.is_bypass() {
            &self.bypassed
        } else {
            &self.misses
        }
    }

    pub(crate) fn read(&self) -> Statistics {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Statistics {
            hits: of(&self.hits),
            misses: of(&self.misses),
            validated: of(&self.validated),
            stale_on_error: of(&self.stale_on_error),
            collapsed: of(&self.collapsed),
            bypassed: of(&self.bypassed),
        }
    }
}
