//! Which entries of a shard stay and which leave, by bytes.

use std::hash::{BuildHasherDefault, Hasher};

use lru::LruCache;

use super::StoreStatistics;

/// Entries that have left, with the hashes of their keys.
pub(super) type Evicted<V> = Vec<(u64, V)>;

/// Values with weights in the order of their use, of which the sum never exceeds the capacity.
#[derive(Debug)]
pub(super) struct Lists<V> {
    capacity: u64,
    weight: u64,
    entries: List<V>,
    insertions: u64,
    evictions: u64,
}

type List<V> = LruCache<u64, Weighed<V>, BuildHasherDefault<Hashed>>;

#[derive(Debug)]
struct Weighed<V> {
    value: V,
    weight: u64,
}

/// The hasher of keys that are hashes already.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl<V> Lists<V> {
    pub(super) fn new(capacity: u64) -> Self {
        Self {
            capacity,
            weight: 0,
            entries: LruCache::unbounded_with_hasher(BuildHasherDefault::default()),
            insertions: 0,
            evictions: 0,
        }
    }

    /// The value of a hash; counts its use.
    pub(super) fn get(&mut self, hash: u64) -> Option<&V> {
        self.entries.get(&hash).map(|entry| &entry.value)
    }

    /// The value of a hash; counts nothing.
    pub(super) fn peek(&self, hash: u64) -> Option<&V> {
        self.entries.peek(&hash).map(|entry| &entry.value)
    }

    /// Takes a value in; returns what it replaces and what leaves for it, which may be itself.
    pub(super) fn insert(&mut self, hash: u64, value: V, weight: u64) -> (Option<V>, Evicted<V>) {
        self.insertions += 1;
        self.weight += weight;
        let replaced = self.entries.put(hash, Weighed { value, weight });
        let replaced = replaced.map(|replaced| {
            self.weight -= replaced.weight;
            replaced.value
        });
        (replaced, self.evict())
    }

    /// Puts a value in the place of another without counting a use; it must not be heavier.
    pub(super) fn swap(&mut self, hash: u64, value: V, weight: u64) -> Option<V> {
        let entry = self.entries.peek_mut(&hash)?;
        self.weight = self.weight - entry.weight + weight;
        entry.weight = weight;
        Some(std::mem::replace(&mut entry.value, value))
    }

    /// Gives an entry another weight; returns what leaves for it, which may be itself.
    pub(super) fn set_weight(&mut self, hash: u64, weight: u64) -> Evicted<V> {
        let Some(entry) = self.entries.peek_mut(&hash) else {
            return Vec::new();
        };
        self.weight = self.weight - entry.weight + weight;
        entry.weight = weight;
        self.evict()
    }

    pub(super) fn remove(&mut self, hash: u64) -> Option<V> {
        let removed = self.entries.pop(&hash)?;
        self.weight -= removed.weight;
        Some(removed.value)
    }

    /// Empties it and returns what was in it.
    pub(super) fn take(&mut self) -> Taken<V> {
        self.weight = 0;
        let empty = LruCache::unbounded_with_hasher(BuildHasherDefault::default());
        Taken(std::mem::replace(&mut self.entries, empty))
    }

    pub(super) fn statistics(&self) -> StoreStatistics {
        StoreStatistics {
            entries: self.entries.len() as u64,
            stored_bytes: self.weight,
            insertions: self.insertions,
            evictions: self.evictions,
            ..StoreStatistics::default()
        }
    }

    fn evict(&mut self) -> Evicted<V> {
        let mut evicted = Vec::new();
        while self.weight > self.capacity
            && let Some((hash, entry)) = self.entries.pop_lru()
        {
            self.weight -= entry.weight;
            self.evictions += 1;
            evicted.push((hash, entry.value));
        }
        evicted
    }
}

/// What was in lists that were emptied.
#[derive(Debug)]
pub(super) struct Taken<V>(List<V>);

impl<V> Taken<V> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, entry)| &entry.value)
    }
}
