//! Owns the buckets of this process. A bucket empties at a constant rate, and a request that it has no room for is refused (the generic
//! cell rate algorithm). They are bounded: the one that was used longest ago is forgotten.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use lru::LruCache;
use parking_lot::Mutex;
use storage::rate::Taken;

use super::limits::MAX_BUCKETS;
use crate::settings::Quota;

/// Parts that do not wait for each other.
const SHARDS: usize = 16;

/// A limit, by its index, and a client.
pub(super) type Key = (usize, IpAddr);

/// The buckets, each with the time at which it will be empty, in nanoseconds.
pub(super) struct Buckets {
    shards: [Mutex<LruCache<Key, u64>>; SHARDS],
    hasher: RandomState,
    begun: Instant,
}

impl Buckets {
    /// No buckets yet. Times are counted from `now`.
    pub(super) fn new(now: Instant) -> Self {
        let capacity = NonZeroUsize::new(MAX_BUCKETS / SHARDS);
        let capacity = capacity.expect("there are more buckets than shards");
        Self {
            shards: std::array::from_fn(|_| Mutex::new(LruCache::new(capacity))),
            hasher: RandomState::new(),
            begun: now,
        }
    }

    /// Puts one request into a bucket, if there is room.
    pub(super) fn take(&self, key: Key, quota: Quota, now: Instant) -> Taken {
        let now = nanoseconds(now.saturating_duration_since(self.begun));
        let window = nanoseconds(quota.window);
        let shard = usize::try_from(self.hasher.hash_one(key)).unwrap_or(0) % SHARDS;
        let mut shard = self.shards[shard].lock();
        let empty = shard.get_or_insert_mut(key, || now);
        let since = (*empty).max(now);
        let after = since + window / u64::from(quota.requests);
        let is_allowed = after - now <= window;
        if is_allowed {
            *empty = after;
        }
        let until_empty = if is_allowed { after } else { since } - now;
        Taken {
            is_allowed,
            until_empty: Duration::from_nanos(until_empty),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const SECOND: Duration = Duration::from_secs(1);

    fn client(number: u32) -> Key {
        (0, IpAddr::from(number.to_be_bytes()))
    }

    fn quota(requests: u32, window: Duration) -> Quota {
        Quota { requests, window }
    }

    #[test]
    fn as_many_requests_as_the_quota_come_at_once_and_then_at_its_rate() {
        let now = clock::now();
        let (buckets, quota) = (Buckets::new(now), quota(10, SECOND));
        let allowed = |at: Duration| {
            let times = (0..100).map(|_| buckets.take(client(1), quota, now + at));
            times.filter(|taken| taken.is_allowed).count()
        };
        assert_eq!(allowed(Duration::ZERO), 10);
        assert_eq!(allowed(SECOND / 10), 1);
        assert_eq!(allowed(SECOND / 5), 1);
        assert_eq!(allowed(SECOND * 60), 10);
        let denied = buckets.take(client(1), quota, now + SECOND * 60);
        assert_eq!((denied.is_allowed, denied.until_empty), (false, SECOND));
    }

    #[test]
    fn clients_and_limits_have_buckets_of_their_own() {
        let now = clock::now();
        let (buckets, quota) = (Buckets::new(now), quota(1, SECOND));
        let (one, other) = (client(1), client(2));
        for key in [one, other, (1, one.1)] {
            assert!(buckets.take(key, quota, now).is_allowed);
            assert!(!buckets.take(key, quota, now).is_allowed);
        }
        assert_eq!(buckets.len(), 3);
    }

    #[test]
    fn ten_thousand_clients_are_counted_and_the_memory_for_more_has_a_bound() {
        let now = clock::now();
        let (buckets, quota) = (Buckets::new(now), quota(1, SECOND));
        for number in 0..10_000 {
            assert!(buckets.take(client(number), quota, now).is_allowed);
        }
        for number in 0..10_000 {
            assert!(!buckets.take(client(number), quota, now).is_allowed);
        }
        for number in 0..300_000 {
            buckets.take(client(number), quota, now);
        }
        assert!(buckets.len() <= MAX_BUCKETS);
        assert!(!buckets.take(client(299_999), quota, now).is_allowed);
    }
}
