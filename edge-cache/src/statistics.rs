//! How requests were answered, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::rules::cache_status::{CacheOutcome, CacheStatus};

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
    /// How often the shared level had something newer than what was in memory.
    pub shared_hits: u64,
    /// How often it had not.
    pub shared_misses: u64,
    /// How often it failed or took too long.
    pub shared_failures: u64,
}

/// How the shared level answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SharedOutcome {
    Hit,
    Miss,
    Failed,
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
    shared_hits: AtomicU64,
    shared_misses: AtomicU64,
    shared_failures: AtomicU64,
}

impl Counters {
    pub(crate) fn count(&self, status: &CacheStatus) {
        self.counter(status).fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_shared(&self, outcome: SharedOutcome) {
        let counter = match outcome {
            SharedOutcome::Hit => &self.shared_hits,
            SharedOutcome::Miss => &self.shared_misses,
            SharedOutcome::Failed => &self.shared_failures,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn counter(&self, status: &CacheStatus) -> &AtomicU64 {
        match status.outcome() {
            CacheOutcome::Hit => &self.hits,
            CacheOutcome::Collapsed => &self.collapsed,
            CacheOutcome::StaleOnError => &self.stale_on_error,
            CacheOutcome::Validated => &self.validated,
            CacheOutcome::Bypassed => &self.bypassed,
            CacheOutcome::Miss => &self.misses,
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
            shared_hits: of(&self.shared_hits),
            shared_misses: of(&self.shared_misses),
            shared_failures: of(&self.shared_failures),
        }
    }
}
