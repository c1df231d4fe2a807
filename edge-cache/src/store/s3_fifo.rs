//! The eviction policy of a shard: S3-FIFO (Yang et al., SOSP 2023), by bytes, on lists of the crate `lru`.
//!
//! A new entry enters the small list. At its end, an entry that was used meanwhile moves to the main list, and any other
//! is evicted, so a scan passes through the small list only. Evicted keys are remembered for a while, and enter the main
//! list if they come back. At the end of the main list, an entry that was used since it was there last starts again. A
//! use only counts: lists change when something is stored.

use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU8, Ordering};

use lru::LruCache;

use super::StoreStatistics;
use super::evicted_keys::EvictedKeys;
use crate::limits::{ENTRIES_PER_EVICTED_KEY, MAX_USES, SMALL_LIST_DIVISOR};

/// Evicted values, with the hashes of their keys.
pub(super) type Evicted<V> = Vec<(u64, V)>;

/// Values with weights. Their sum never exceeds the capacity.
#[derive(Debug)]
pub(super) struct S3Fifo<V> {
    capacity: u64,
    small: List<V>,
    main: List<V>,
    evicted_keys: EvictedKeys,
    insertions: u64,
    refused: u64,
    evictions: u64,
}

/// A list, and the sum of its weights.
#[derive(Debug)]
struct List<V> {
    entries: LruCache<u64, Entry<V>, BuildHasherDefault<Hashed>>,
    weight: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    weight: u64,
    uses: AtomicU8,
}

/// The hasher for keys that are hashes already.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hashed(u64);

impl<V> S3Fifo<V> {
    pub(super) fn new(capacity: u64) -> Self {
        Self {
            capacity,
            small: List::new(),
            main: List::new(),
            evicted_keys: EvictedKeys::default(),
            insertions: 0,
            refused: 0,
            evictions: 0,
        }
    }

    /// The value of a hash; counts its use.
    pub(super) fn get(&self, hash: u64) -> Option<&V> {
        let entry = self.entry(hash)?;
        let uses = entry.uses.load(Ordering::Relaxed);
        // A popular entry is only read, so threads do not contend on it.
        if uses < MAX_USES {
            entry.uses.store(uses + 1, Ordering::Relaxed);
        }
        Some(&entry.value)
    }

    /// The value of a hash; counts nothing.
    pub(super) fn peek(&self, hash: u64) -> Option<&V> {
        self.entry(hash).map(|entry| &entry.value)
    }

    /// Inserts a value. Returns the value that it replaces, and what is evicted for it, which may be itself.
    pub(super) fn insert(&mut self, hash: u64, value: V, weight: u64) -> (Option<V>, Evicted<V>) {
        self.insertions += 1;
        let entry = match self.swap(hash, value, weight) {
            Ok(replaced) => return (Some(replaced), self.make_room(hash)),
            Err(value) => Entry {
                value,
                weight,
                uses: AtomicU8::new(0),
            },
        };
        if self.evicted_keys.recall(hash) {
            self.main.push(hash, entry);
        } else {
            self.small.push(hash, entry);
        }
        (None, self.make_room(hash))
    }

    /// Replaces a value by one that is not heavier. `Err` is the new value if there is no old one.
    pub(super) fn swap(&mut self, hash: u64, value: V, weight: u64) -> Result<V, V> {
        let Some(list) = self.list_of(hash) else {
            return Err(value);
        };
        list.set_weight(hash, weight);
        match list.entries.peek_mut(&hash) {
            Some(entry) => Ok(std::mem::replace(&mut entry.value, value)),
            None => Err(value),
        }
    }

    /// Changes the weight of an entry. Returns what is evicted for it, which may be itself.
    pub(super) fn set_weight(&mut self, hash: u64, weight: u64) -> Evicted<V> {
        if let Some(list) = self.list_of(hash) {
            list.set_weight(hash, weight);
        }
        self.make_room(hash)
    }

    pub(super) fn remove(&mut self, hash: u64) -> Option<V> {
        let list = self.list_of(hash)?;
        list.remove(hash).map(|entry| entry.value)
    }

    /// Empties it. Returns its content, which takes long to drop.
    pub(super) fn take(&mut self) -> Taken<V> {
        let small = std::mem::replace(&mut self.small, List::new());
        let main = std::mem::replace(&mut self.main, List::new());
        Taken([small, main])
    }

    pub(super) fn statistics(&self) -> StoreStatistics {
        StoreStatistics {
            entries: (self.small.entries.len() + self.main.entries.len()) as u64,
            stored_bytes: self.weight(),
            insertions: self.insertions,
            refused: self.refused,
            evictions: self.evictions,
            ..StoreStatistics::default()
        }
    }

    /// What nodes, tables and evicted keys take in memory, in bytes, without the values.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let node = size_of::<(u64, Entry<V>, *const (), *const ())>();
        let lists = [&self.small, &self.main].map(|list| {
            let len = list.entries.len();
            len * node + table_bytes::<(*const (), *const ())>(len)
        });
        lists.into_iter().sum::<usize>() + self.evicted_keys.bytes()
    }

    fn weight(&self) -> u64 {
        self.small.weight + self.main.weight
    }

    fn entry(&self, hash: u64) -> Option<&Entry<V>> {
        let main = self.main.entries.peek(&hash);
        main.or_else(|| self.small.entries.peek(&hash))
    }

    /// The list in which an entry is.
    fn list_of(&mut self, hash: u64) -> Option<&mut List<V>> {
        if self.main.entries.contains(&hash) {
            return Some(&mut self.main);
        }
        let is_small = self.small.entries.contains(&hash);
        is_small.then_some(&mut self.small)
    }

    /// Evicts entries until the rest fits. `cause` is the entry that came or grew.
    fn make_room(&mut self, cause: u64) -> Evicted<V> {
        let mut evicted = Vec::new();
        if self.weight() > self.capacity && self.is_large_and_new(cause) {
            let entry = self.small.remove(cause);
            evicted.extend(entry.map(|entry| self.refuse(cause, entry)));
        }
        while self.weight() > self.capacity {
            let from_small = self.small.weight > self.capacity / SMALL_LIST_DIVISOR;
            let left = if from_small || self.main.entries.is_empty() {
                self.end_of_small()
            } else {
                self.end_of_main()
            };
            evicted.extend(left);
        }
        evicted
    }

    /// Whether an entry fills half of the small list, so that it would evict the others there before they can be used
    /// again. It is admitted when it is asked for twice.
    fn is_large_and_new(&self, hash: u64) -> bool {
        let entry = self.small.entries.peek(&hash);
        entry.is_some_and(|entry| {
            entry.weight > self.capacity / SMALL_LIST_DIVISOR / 2
                && entry.uses.load(Ordering::Relaxed) == 0
        })
    }

    /// Moves the oldest of the small list to the main list, or evicts it.
    fn end_of_small(&mut self) -> Option<(u64, V)> {
        let (hash, entry) = self.small.pop()?;
        if entry.uses.load(Ordering::Relaxed) == 0 {
            return Some(self.refuse(hash, entry));
        }
        entry.uses.store(0, Ordering::Relaxed);
        self.main.push(hash, entry);
        None
    }

    /// Moves the oldest of the main list to its beginning, or evicts it.
    fn end_of_main(&mut self) -> Option<(u64, V)> {
        let (hash, entry) = self.main.pop()?;
        let uses = entry.uses.load(Ordering::Relaxed);
        if uses == 0 {
            self.evictions += 1;
            return Some((hash, entry.value));
        }
        entry.uses.store(uses - 1, Ordering::Relaxed);
        self.main.push(hash, entry);
        None
    }

    /// Evicts an entry that is not admitted to the main list, and remembers its key.
    fn refuse(&mut self, hash: u64, entry: Entry<V>) -> (u64, V) {
        let entries = self.small.entries.len() + self.main.entries.len();
        let capacity = (entries / ENTRIES_PER_EVICTED_KEY).max(1);
        self.evicted_keys.remember(hash, capacity);
        self.refused += 1;
        (hash, entry.value)
    }
}

impl<V> List<V> {
    fn new() -> Self {
        Self {
            entries: LruCache::unbounded_with_hasher(BuildHasherDefault::default()),
            weight: 0,
        }
    }

    /// Adds an entry that is in no list.
    fn push(&mut self, hash: u64, entry: Entry<V>) {
        self.weight += entry.weight;
        self.entries.push(hash, entry);
    }

    fn pop(&mut self) -> Option<(u64, Entry<V>)> {
        let (hash, entry) = self.entries.pop_lru()?;
        self.weight -= entry.weight;
        Some((hash, entry))
    }

    fn remove(&mut self, hash: u64) -> Option<Entry<V>> {
        let entry = self.entries.pop(&hash)?;
        self.weight -= entry.weight;
        Some(entry)
    }

    fn set_weight(&mut self, hash: u64, weight: u64) {
        if let Some(entry) = self.entries.peek_mut(&hash) {
            self.weight = self.weight - entry.weight + weight;
            entry.weight = weight;
        }
    }
}

/// What a hash table with room for so many places takes, in bytes: an eighth of them is free, and each has a control byte.
#[cfg(test)]
pub(super) fn table_bytes<T>(room: usize) -> usize {
    match room {
        0 => 0,
        room => (room * 8 / 7).next_power_of_two() * (size_of::<T>() + 1),
    }
}

/// The content of a policy that was emptied.
#[derive(Debug)]
pub(super) struct Taken<V>([List<V>; 2]);

impl<V> Taken<V> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &V> {
        let lists = self.0.iter();
        lists.flat_map(|list| list.entries.iter().map(|(_, entry)| &entry.value))
    }
}

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
