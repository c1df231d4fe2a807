//! Counters of how requests were answered.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;
use thread_local::ThreadLocal;

use crate::rules::cache_status::{CacheOutcome, CacheStatus};

/// How requests were answered since the cache was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// From the store, fresh or stale, without waiting for the origin.
    pub hits: u64,
    /// By a forward, because no stored response could be used.
    pub misses: u64,
    /// From the store, after a validation.
    pub validated: u64,
    /// From the store, in place of an error of the origin.
    pub stale_on_error: u64,
    /// By another request's forward.
    pub collapsed: u64,
    /// By a forward in which the cache had no part.
    pub bypassed: u64,
    /// Lookups in the shared level that gave a newer response than memory.
    pub shared_hits: u64,
    /// Lookups that gave none.
    pub shared_misses: u64,
    /// Calls to the shared level that failed or took too long.
    pub shared_failures: u64,
}

/// How the shared level answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SharedOutcome {
    Hit,
    Miss,
    Failed,
}

/// The counters of [`Statistics`], one set for each thread, so that no two threads write to one cache line.
#[derive(Debug, Default)]
pub(crate) struct Counters(ThreadLocal<CachePadded<Counts>>);

#[derive(Debug, Default)]
struct Counts {
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
        let counts = self.0.get_or_default();
        let counter = match status.outcome() {
            CacheOutcome::Hit => &counts.hits,
            CacheOutcome::Collapsed => &counts.collapsed,
            CacheOutcome::StaleOnError => &counts.stale_on_error,
            CacheOutcome::Validated => &counts.validated,
            CacheOutcome::Bypassed => &counts.bypassed,
            CacheOutcome::Miss => &counts.misses,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_shared(&self, outcome: SharedOutcome) {
        let counts = self.0.get_or_default();
        let counter = match outcome {
            SharedOutcome::Hit => &counts.shared_hits,
            SharedOutcome::Miss => &counts.shared_misses,
            SharedOutcome::Failed => &counts.shared_failures,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Statistics {
        let sum = |counter: fn(&Counts) -> &AtomicU64| {
            let counts = self.0.iter();
            counts
                .map(|counts| counter(counts).load(Ordering::Relaxed))
                .sum()
        };
        Statistics {
            hits: sum(|counts| &counts.hits),
            misses: sum(|counts| &counts.misses),
            validated: sum(|counts| &counts.validated),
            stale_on_error: sum(|counts| &counts.stale_on_error),
            collapsed: sum(|counts| &counts.collapsed),
            bypassed: sum(|counts| &counts.bypassed),
            shared_hits: sum(|counts| &counts.shared_hits),
            shared_misses: sum(|counts| &counts.shared_misses),
            shared_failures: sum(|counts| &counts.shared_failures),
        }
    }
}
