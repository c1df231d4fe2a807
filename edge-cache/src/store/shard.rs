//! A part of the store with its own locks: the stored responses of its keys, and the index by which purges find them.
//!
//! See [`super`] for the order of the locks. Removed responses are dropped when both are free, since that can take long.

use std::hash::{BuildHasher, RandomState};
use std::iter;
use std::sync::Arc;

use parking_lot::Mutex;

use super::index::Index;
use super::s3_fifo::{Evicted, S3Fifo};
use super::{PurgeMode, StoreStatistics, Variants, weight};
use crate::StoredResponse;
use crate::limits::PURGE_BATCH;
use crate::read_mostly::ReadMostly;
use crate::rules::groups::{CacheGroup, Groups};
use crate::rules::key::CacheKey;

/// A part of the store. It is aligned so that two shards share no cache line.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Shard {
    index: Mutex<Index>,
    /// Lookups share it, so that none waits for a thread that has lost its core.
    slots: ReadMostly<S3Fifo<Slot>>,
}

/// All that is stored under one key.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) key: CacheKey,
    pub(super) variants: Variants,
}

/// The outcome of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Made,
    NotMade,
    NotAdmitted,
}

impl Slot {
    /// What it takes in memory, in bytes.
    fn weight(&self) -> u64 {
        weight::of_key(&self.key, &self.variants)
    }
}

impl Shard {
    pub(super) fn new(capacity: u64) -> Self {
        Self {
            index: Mutex::new(Index::default()),
            slots: ReadMostly::new(S3Fifo::new(capacity)),
        }
    }

    pub(super) fn look<R>(
        &self,
        hash: u64,
        key: &CacheKey,
        look: impl FnOnce(Option<&Variants>) -> R,
    ) -> R {
        let slots = self.slots.read();
        let slot = slots.get(hash).filter(|slot| slot.key == *key);
        look(slot.map(|slot| &slot.variants))
    }

    /// Replaces the variants under a key by the result of `changed`, which runs while nobody else changes or purges the
    /// shard.
    pub(super) fn change(
        &self,
        hash: u64,
        key: &CacheKey,
        changed: impl FnOnce(Option<&Variants>) -> Option<Variants>,
    ) -> Change {
        let mut index = self.index.lock();
        let old = self.variants(hash, key);
        let Some(variants) = changed(old.as_ref()) else {
            return Change::NotMade;
        };
        let slot = Slot {
            key: key.clone(),
            variants: variants.clone(),
        };
        let weight = slot.weight();
        let (replaced, evicted) = self.slots.write().insert(hash, slot, weight);
        let is_listed = replaced.as_ref().is_some_and(|replaced| {
            replaced.key == *key && groups(&replaced.variants).eq(groups(&variants))
        });
        if !is_listed {
            // Another key with the same hash had the slot.
            if let Some(replaced) = &replaced {
                index.remove(hash, &replaced.key, &replaced.variants);
            }
            index.insert(hash, key, &variants);
        }
        forget(&mut index, &evicted);
        drop(index);
        if evicted.iter().any(|(evicted, _)| *evicted == hash) {
            Change::NotAdmitted
        } else {
            Change::Made
        }
    }

    /// Keeps the variants under a key for which `keep` holds, and weighs them again. Returns how many it removed.
    pub(super) fn retain(
        &self,
        hash: u64,
        key: &CacheKey,
        keep: impl Fn(&Arc<StoredResponse>) -> bool,
    ) -> u64 {
        let mut index = self.index.lock();
        if self.variants(hash, key).is_none() {
            return 0;
        }
        let (count, removed) = self.retain_in(&mut index, hash, |_, stored| keep(stored));
        let mut evicted = Vec::new();
        let mut slots = self.slots.write();
        if let Some(weight) = slots.peek(hash).map(Slot::weight) {
            evicted = slots.set_weight(hash, weight);
        }
        drop(slots);
        forget(&mut index, &evicted);
        drop(index);
        drop((removed, evicted));
        count
    }

    pub(super) fn purge(&self, hash: u64, key: &CacheKey, mode: PurgeMode) -> u64 {
        let mut index = self.index.lock();
        let meant = |stored: &CacheKey, _: &StoredResponse| stored == key;
        let (count, removed) = self.purge_slot(&mut index, hash, mode, meant);
        drop(index);
        drop(removed);
        count
    }

    /// Purges all keys with a prefix, [`PURGE_BATCH`] with each step. A step gives how many responses it purged.
    pub(super) fn purge_prefix<'a>(
        &'a self,
        hasher: &'a RandomState,
        prefix: &'a str,
        mode: PurgeMode,
    ) -> impl Iterator<Item = u64> + 'a {
        let mut after: Option<CacheKey> = None;
        let mut is_done = false;
        iter::from_fn(move || {
            if is_done {
                return None;
            }
            let mut index = self.index.lock();
            let keys = index.keys_with_prefix(prefix, after.as_ref(), PURGE_BATCH);
            let hashes = keys.iter().map(|key| hasher.hash_one(key.as_str()));
            let done = self.purge_slots(&mut index, hashes, mode, |_, _| true);
            drop(index);
            is_done = keys.len() < PURGE_BATCH;
            after = keys.last().cloned();
            Some(done.0)
        })
    }

    /// Purges the members of a group of one origin, or of all origins, in the same way. A response that joins the group
    /// during the steps is newer than the purge, and stays.
    pub(super) fn purge_group<'a>(
        &'a self,
        origin: Option<&'a str>,
        group: &'a CacheGroup,
        mode: PurgeMode,
    ) -> impl Iterator<Item = u64> + 'a {
        let members = move || self.index.lock().of_group(group, origin);
        self.purge_found(members, mode, |_, stored| stored.groups.contains(group))
    }

    /// Purges a path and query of all origins, in the same way.
    pub(super) fn purge_path<'a>(
        &'a self,
        path: &'a str,
        mode: PurgeMode,
    ) -> impl Iterator<Item = u64> + 'a {
        let found = move || self.index.lock().of_path(path);
        self.purge_found(found, mode, move |key, _| key.path_and_query() == path)
    }

    fn purge_found<'a>(
        &'a self,
        found: impl FnOnce() -> Vec<u64> + 'a,
        mode: PurgeMode,
        meant: impl Fn(&CacheKey, &StoredResponse) -> bool + 'a,
    ) -> impl Iterator<Item = u64> + 'a {
        let mut found = iter::once_with(found).flatten();
        iter::from_fn(move || {
            let batch: Vec<u64> = found.by_ref().take(PURGE_BATCH).collect();
            if batch.is_empty() {
                return None;
            }
            let mut index = self.index.lock();
            let done = self.purge_slots(&mut index, batch.into_iter(), mode, &meant);
            drop(index);
            Some(done.0)
        })
    }

    /// Removes everything.
    pub(super) fn clear(&self) -> u64 {
        let mut index = self.index.lock();
        let removed = self.slots.write().take();
        let listed = index.take();
        drop(index);
        let count = removed.iter().map(|slot| slot.variants.len() as u64).sum();
        self.index.lock().purged += count;
        drop((listed, removed));
        count
    }

    pub(super) fn add_statistics(&self, sum: &mut StoreStatistics) {
        sum.purged += self.index.lock().purged;
        sum.add(self.slots.read().statistics());
    }

    /// What its structures take in memory beside keys and responses, in bytes.
    #[cfg(test)]
    pub(super) fn structure_bytes(&self) -> usize {
        self.index.lock().bytes() + self.slots.read().bytes()
    }

    /// The variants under a key. It counts no use.
    fn variants(&self, hash: u64, key: &CacheKey) -> Option<Variants> {
        let slots = self.slots.read();
        let slot = slots.peek(hash).filter(|slot| slot.key == *key);
        slot.map(|slot| slot.variants.clone())
    }

    /// Purges the responses of several slots that are `meant`. Returns how many, and what is to be dropped.
    fn purge_slots(
        &self,
        index: &mut Index,
        hashes: impl Iterator<Item = u64>,
        mode: PurgeMode,
        meant: impl Fn(&CacheKey, &StoredResponse) -> bool,
    ) -> (u64, Vec<Slot>) {
        let mut removed = Vec::new();
        let mut count = 0;
        for hash in hashes {
            let done = self.purge_slot(index, hash, mode, &meant);
            count += done.0;
            removed.extend(done.1);
        }
        (count, removed)
    }

    fn purge_slot(
        &self,
        index: &mut Index,
        hash: u64,
        mode: PurgeMode,
        meant: impl Fn(&CacheKey, &StoredResponse) -> bool,
    ) -> (u64, Option<Slot>) {
        let done = match mode {
            PurgeMode::Hard => self.retain_in(index, hash, |key, stored| !meant(key, stored)),
            PurgeMode::Soft => (self.mark_stale(hash, meant), None),
        };
        index.purged += done.0;
        done
    }

    fn mark_stale(&self, hash: u64, meant: impl Fn(&CacheKey, &StoredResponse) -> bool) -> u64 {
        let Some((key, variants)) = self.slot(hash) else {
            return 0;
        };
        let meant = variants.iter().filter(|stored| meant(&key, stored));
        meant.map(|stored| stored.mark_stale()).count() as u64
    }

    /// The content of a slot. It counts no use.
    fn slot(&self, hash: u64) -> Option<(CacheKey, Variants)> {
        let slots = self.slots.read();
        let slot = slots.peek(hash)?;
        Some((slot.key.clone(), slot.variants.clone()))
    }

    /// Keeps the variants for which `keep` holds. Returns how many it removed, and what is to be dropped.
    fn retain_in(
        &self,
        index: &mut Index,
        hash: u64,
        keep: impl Fn(&CacheKey, &Arc<StoredResponse>) -> bool,
    ) -> (u64, Option<Slot>) {
        let Some((key, old)) = self.slot(hash) else {
            return (0, None);
        };
        let left = old.retaining(|stored| keep(&key, stored));
        let count = old.len() - left.as_ref().map_or(0, |left| left.len());
        if count == 0 {
            return (0, None);
        }
        let removed = match &left {
            None => self.slots.write().remove(hash),
            Some(variants) => {
                let slot = Slot {
                    key: key.clone(),
                    variants: variants.clone(),
                };
                let weight = slot.weight();
                self.slots.write().swap(hash, slot, weight).ok()
            }
        };
        if let Some(removed) = &removed {
            index.remove(hash, &removed.key, &removed.variants);
        }
        if let Some(variants) = &left {
            index.insert(hash, &key, variants);
        }
        (count as u64, removed)
    }
}

fn forget(index: &mut Index, evicted: &Evicted<Slot>) {
    for (hash, slot) in evicted {
        index.remove(*hash, &slot.key, &slot.variants);
    }
}

fn groups(variants: &Variants) -> impl Iterator<Item = &Groups> {
    variants.iter().map(|stored| &stored.groups)
}
