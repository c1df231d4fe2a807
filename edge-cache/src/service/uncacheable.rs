//! Which resources were last seen not to be cacheable, so that requests for them do not wait for one another in vain.

use std::num::NonZeroUsize;
use std::time::Duration;

use lru::LruCache;
use parking_lot::Mutex;

use crate::rules::key::CacheKey;
use crate::time::Moment;

/// How many such resources are remembered; those asked for least recently are forgotten first.
const MAX_UNCACHEABLE_KEYS: NonZeroUsize = NonZeroUsize::new(65_536).expect("it is above zero");

/// How long that is remembered: a resource that becomes cacheable is stored at once whatever is remembered, and only
/// its concurrent misses are not collapsed until then.
const UNCACHEABLE_MEMORY: Duration = Duration::from_secs(120);

/// Keys whose last response was of no use to others.
#[derive(Debug)]
pub(super) struct Uncacheable {
    seen: Mutex<LruCache<CacheKey, Moment>>,
}

impl Uncacheable {
    pub(super) fn new() -> Self {
        Self {
            seen: Mutex::new(LruCache::new(MAX_UNCACHEABLE_KEYS)),
        }
    }

    pub(super) fn remember(&self, key: &CacheKey, now: Moment) {
        self.seen.lock().put(key.clone(), now);
    }

    pub(super) fn forget(&self, key: &CacheKey) {
        self.seen.lock().pop(key);
    }

    pub(super) fn contains(&self, key: &CacheKey, now: Moment) -> bool {
        let mut seen = self.seen.lock();
        let since = seen.get(key);
        since.is_some_and(|since| now.since(*since) < UNCACHEABLE_MEMORY)
    }
}
