//! Which resources were last seen not to be cacheable, so that requests for them do not wait for one another in vain.

use std::num::NonZeroUsize;
use std::time::Duration;

use lru::LruCache;

use crate::read_mostly::ReadMostly;
use crate::rules::key::CacheKey;
use crate::time::Moment;

/// How many such resources are remembered; those found out longest ago are forgotten first.
const MAX_UNCACHEABLE_KEYS: NonZeroUsize = NonZeroUsize::new(65_536).expect("it is above zero");

/// How long that is remembered. A resource that becomes cacheable is found out by its next response, whatever is
/// remembered.
const UNCACHEABLE_MEMORY: Duration = Duration::from_secs(120);

/// Keys whose last response was of no use to others. Looked at by every request for one of them, from all threads at
/// once, so a look changes nothing.
#[derive(Debug)]
pub(super) struct Uncacheable {
    seen: ReadMostly<LruCache<CacheKey, Moment>>,
}

impl Uncacheable {
    pub(super) fn new() -> Self {
        Self {
            seen: ReadMostly::new(LruCache::new(MAX_UNCACHEABLE_KEYS)),
        }
    }

    pub(super) fn remember(&self, key: &CacheKey, now: Moment) {
        self.seen.write().put(key.clone(), now);
    }

    pub(super) fn forget(&self, key: &CacheKey) {
        // Seldom is there anything to forget, and looks do not wait for one another.
        if self.seen.read().contains(key) {
            self.seen.write().pop(key);
        }
    }

    pub(super) fn contains(&self, key: &CacheKey, now: Moment) -> bool {
        let seen = self.seen.read();
        let since = seen.peek(key);
        since.is_some_and(|since| now.since(*since) < UNCACHEABLE_MEMORY)
    }
}
