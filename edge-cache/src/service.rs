//! A request's way through the cache. Left to others: the rules ([`crate::rules`]) and where responses are kept
//! ([`crate::store`]).
//!
//! ```text
//! lookup ─▶ Hit ───────────────────────────────────────────────────────▶ respond
//!   │ └───▶ Bypass: nothing is stored, and the last response was not cacheable
//!   └─────▶ Forward(pending) ─▶ collapse ─▶ forward ─▶ store or pass ─▶ respond
//!                                  └─ follower: its leader's response ─▶ respond
//! ```

// The seam.
mod bypass;
mod lookup;
mod pending;
mod upstream;

// A stored response answers.
mod hit;
mod respond;
mod serve_stale;

// A request is forwarded.
mod forward;
mod forward_collapsed;
mod forwarding;
mod invalidate;
mod keyed_request;

// Its response is stored.
mod arrival;
mod freshen;
mod permission;
mod store_or_pass;
mod store_part;

// Work that outlives the request.
mod answer;
mod background;
mod tasks;

// The level that several caches share.
mod second_level;
mod shared_lookup;

mod body;
mod bypass_memory;
mod config;

use std::sync::Arc;

use http::Response;

use crate::collapse::Collapser;
use crate::limits::{ARRIVING_SHARE_DIVISOR, PURGE_BATCH};
use crate::rules::cache_status::CacheStatus;
use crate::statistics::{Counters, Statistics};
use crate::store::{Purge, PurgeMode, SharedLevel, Store, StoreStatistics};
use crate::time::Clock;
use crate::yielding::yield_to_others;

pub use body::CacheBody;
pub use bypass::Bypass;
pub use config::CacheConfig;
pub use lookup::Lookup;
pub use pending::Pending;
pub use second_level::{Deadline, Told};
pub use upstream::{ForwardError, Route, Upstream};

use arrival::ArrivingBudget;
use bypass_memory::BypassMemory;
use forwarding::LeaderResponse;
use second_level::SecondLevel;

/// A response out of [`Pending::forward`], and the work that it leaves.
pub struct Served<B, W> {
    /// The response.
    pub response: Response<CacheBody<B>>,
    /// To be spawned at once, where the service behind the cache may run. It stores arriving content, validates a response
    /// that was served stale, and compresses. If it is dropped, responses that depend on it break off.
    pub background: Option<W>,
    /// How the cache took part, as it stands in the response's `Cache-Status`.
    pub status: CacheStatus,
    /// What the shared level, if there is one, said about what the request invalidated.
    pub told: Option<Told>,
}

/// A shared cache.
pub struct Cache {
    store: Store,
    second_level: Option<SecondLevel>,
    collapser: Arc<Collapser<LeaderResponse>>,
    bypass_memory: BypassMemory,
    arriving: Arc<ArrivingBudget>,
    clock: Box<dyn Clock>,
    config: CacheConfig,
    counters: Counters,
}

impl Cache {
    /// An empty cache.
    #[must_use]
    pub fn new(config: CacheConfig, clock: impl Clock) -> Arc<Self> {
        Arc::new(Self::over(None, config, clock))
    }

    /// An empty cache over a level that it shares with other caches. Each call to the level ends at a `deadline`, which
    /// begins with the call.
    #[must_use]
    pub fn with_shared_level(
        config: CacheConfig,
        clock: impl Clock,
        level: impl SharedLevel,
        deadline: impl Fn() -> Deadline + Send + Sync + 'static,
    ) -> Arc<Self> {
        let level = SecondLevel::new(level, deadline);
        Arc::new(Self::over(Some(level), config, clock))
    }

    fn over(second_level: Option<SecondLevel>, config: CacheConfig, clock: impl Clock) -> Self {
        let arriving = config.store.capacity_bytes / ARRIVING_SHARE_DIVISOR;
        Self {
            store: Store::new(config.store.clone()),
            second_level,
            collapser: Collapser::new(),
            bypass_memory: BypassMemory::new(),
            arriving: Arc::new(ArrivingBudget::new(arriving)),
            clock: Box::new(clock),
            config,
            counters: Counters::default(),
        }
    }

    /// Removes stored responses from memory, or marks them stale; returns how many. A shared level is told before its
    /// next use, or at once by [`Self::tell_shared_level`].
    pub fn purge(&self, what: &Purge, mode: PurgeMode) -> u64 {
        // First, so that no purged response comes back from the level.
        if let Some(level) = &self.second_level {
            level.note(what, mode);
        }
        self.store.purge(what, mode)
    }

    /// Like [`Self::purge`], for several. It yields to other tasks of the thread, since a group of ten thousand responses
    /// takes tens of milliseconds. If the future is dropped, the rest is purged at once.
    pub async fn purge_yielding(&self, all: &[Purge], mode: PurgeMode) -> u64 {
        let steps = all.iter().flat_map(|what| {
            if let Some(level) = &self.second_level {
                level.note(what, mode);
            }
            self.store.purge_in_steps(what, mode)
        });
        let mut purging = Purging(steps);
        let mut count = 0;
        let mut since_yield = 0;
        for purged in purging.0.by_ref() {
            count += purged;
            since_yield += purged;
            if since_yield >= PURGE_BATCH as u64 {
                since_yield = 0;
                yield_to_others(1).await;
            }
        }
        count
    }

    /// Removes everything from memory. A shared level keeps its responses, because other caches use them.
    pub fn clear(&self) {
        self.store.purge(&Purge::All, PurgeMode::Hard);
    }

    /// Figures of the store.
    #[must_use]
    pub fn store_statistics(&self) -> StoreStatistics {
        self.store.statistics()
    }

    /// How requests were answered.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.counters.read()
    }
}

/// The steps that are left of a purge.
struct Purging<I: Iterator>(I);

impl<I: Iterator> Drop for Purging<I> {
    fn drop(&mut self) {
        self.0.by_ref().for_each(drop);
    }
}

/// What the service behind the cache may ask for one response, in its extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreOverride {
    /// It is not stored, whatever its fields say.
    Never,
}

#[cfg(test)]
mod tests;
