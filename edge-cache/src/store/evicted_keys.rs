//! Recently evicted keys, by hash: the ghost queue of S3-FIFO. A key that comes back soon goes to the main list.

/// Places in a bucket: one cache line.
const BUCKET: usize = 8;

/// The hashes of the last evicted keys, up to a capacity.
///
/// It is a filter, not a set: a full bucket forgets its oldest key, and only 32 bits of a hash are compared. An error costs
/// one wrong admission.
#[derive(Debug, Default)]
pub(super) struct EvictedKeys {
    buckets: Vec<[EvictedKey; BUCKET]>,
    /// How many keys were remembered so far.
    now: u32,
    /// How many of the last keys count.
    capacity: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct EvictedKey {
    hash: u32,
    /// When it was remembered, from 1 on; 0 stands for a free place.
    since: u32,
}

impl EvictedKeys {
    /// Remembers a key, among at most `capacity`.
    pub(super) fn remember(&mut self, hash: u64, capacity: usize) {
        self.capacity = u32::try_from(capacity).unwrap_or(u32::MAX);
        // Half full at most, so that buckets seldom overflow. Growing loses what it held, which happens only while the shard
        // fills for the first time, or when its entries become much smaller.
        let buckets = (capacity / (BUCKET / 2)).next_power_of_two();
        if buckets > self.buckets.len() {
            self.buckets = vec![Default::default(); buckets];
        }
        self.now = self.now.wrapping_add(1).max(1);
        let now = self.now;
        let bucket = self.bucket(hash);
        let place = self.buckets[bucket].iter_mut().max_by_key(|place| {
            if place.since == 0 {
                u32::MAX
            } else {
                now.wrapping_sub(place.since)
            }
        });
        if let Some(place) = place {
            *place = EvictedKey {
                hash: hash as u32,
                since: now,
            };
        }
    }

    /// Whether a key is remembered; forgets it.
    pub(super) fn recall(&mut self, hash: u64) -> bool {
        if self.buckets.is_empty() {
            return false;
        }
        let (now, capacity) = (self.now, self.capacity);
        let bucket = self.bucket(hash);
        let known = self.buckets[bucket].iter_mut().find(|place| {
            place.since != 0
                && place.hash == hash as u32
                && now.wrapping_sub(place.since) < capacity
        });
        known.map(std::mem::take).is_some()
    }

    /// What it takes in memory, in bytes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.buckets.capacity() * size_of::<[EvictedKey; BUCKET]>()
    }

    fn bucket(&self, hash: u64) -> usize {
        hash as u32 as usize & (self.buckets.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::EvictedKeys;

    /// Hashes that are spread as those of keys are.
    fn hash(number: u64) -> u64 {
        number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32)
    }

    #[test]
    fn the_last_that_left_are_recalled_once() {
        let mut evicted = EvictedKeys::default();
        for number in 0..1000 {
            evicted.remember(hash(number), 100);
        }
        let recalled = (900..1000).filter(|number| evicted.recall(hash(*number)));
        assert!(recalled.count() > 90);
        assert!(!(0..1000).any(|number| evicted.recall(hash(number))));
    }

    #[test]
    fn a_million_evicted_keys_take_no_more_memory_than_the_capacity() {
        let mut evicted = EvictedKeys::default();
        for number in 0..1_000_000 {
            evicted.remember(hash(number), 1_000);
        }
        assert_eq!(evicted.bytes(), 256 * 64);
    }

    #[test]
    fn nothing_is_recalled_before_anything_left() {
        assert!(!EvictedKeys::default().recall(7));
    }
}
