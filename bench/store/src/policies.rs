//! The store and the caches that it is compared with, behind one interface for traces.

use std::num::NonZeroUsize;
use std::sync::Arc;

use edge_cache::StoredResponse;
use edge_cache::rules::key::CacheKey;
use edge_cache::store::{Store, StoreConfig};

use crate::responses;

/// A cache that a trace is run on.
pub(crate) trait Policy {
    /// Requests a resource, and stores it if it is missing. Returns whether it was there.
    fn ask(&mut self, number: u64) -> bool;
}

/// The caches in the order of the table; the store is the first.
pub(crate) const NAMES: [&str; 4] = [
    "edge-cache",
    "LRU",
    "W-TinyLFU (moka)",
    "S3-FIFO (quick_cache)",
];

/// Each cache with room for so many responses of equal size.
pub(crate) fn all(capacity: usize) -> [Box<dyn Policy>; 4] {
    let entries = NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN);
    [
        Box::new(Stored::new(capacity)),
        Box::new(Lru(lru::LruCache::with_hasher(
            entries,
            std::hash::RandomState::new(),
        ))),
        Box::new(Moka(moka::sync::Cache::new(capacity as u64))),
        Box::new(Quick(quick_cache::unsync::Cache::new(capacity))),
    ]
}

/// The store as in Terrace: real keys and responses, and a capacity in bytes.
struct Stored {
    store: Store,
    response: Arc<StoredResponse>,
}

impl Stored {
    fn new(capacity: usize) -> Self {
        let response = responses::response("all", 1024);
        let config = |bytes| StoreConfig::new(bytes, NonZeroUsize::MIN.saturating_add(1));
        let scale = Store::new(config(1 << 20));
        scale.put(&responses::key(0), &response, scale.generation());
        let bytes = scale.statistics().stored_bytes * capacity as u64;
        Self {
            store: Store::new(config(bytes)),
            response,
        }
    }
}

impl Policy for Stored {
    fn ask(&mut self, number: u64) -> bool {
        let key: CacheKey = responses::key(number);
        let is_hit = self.store.get(&key).is_some();
        if !is_hit {
            self.store
                .put(&key, &self.response, self.store.generation());
        }
        is_hit
    }
}

struct Lru(lru::LruCache<u64, (), std::hash::RandomState>);

impl Policy for Lru {
    fn ask(&mut self, number: u64) -> bool {
        let is_hit = self.0.get(&number).is_some();
        if !is_hit {
            self.0.put(number, ());
        }
        is_hit
    }
}

struct Moka(moka::sync::Cache<u64, ()>);

impl Policy for Moka {
    fn ask(&mut self, number: u64) -> bool {
        let is_hit = self.0.get(&number).is_some();
        if !is_hit {
            self.0.insert(number, ());
        }
        // moka defers its work, which in such a tight loop would come too late.
        if number.is_multiple_of(64) {
            self.0.run_pending_tasks();
        }
        is_hit
    }
}

struct Quick(quick_cache::unsync::Cache<u64, ()>);

impl Policy for Quick {
    fn ask(&mut self, number: u64) -> bool {
        let is_hit = self.0.get(&number).is_some();
        if !is_hit {
            self.0.insert(number, ());
        }
        is_hit
    }
}
