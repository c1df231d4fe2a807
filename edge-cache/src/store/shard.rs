//! A part of the store with locks of its own: its entries, and the index that purges find them by.
//!
//! See [`super`] for the order of the locks. What leaves is dropped when both are free, since that can take a while.

use std::hash::{BuildHasher, RandomState};
use std::iter;
use std::sync::Arc;

use parking_lot::Mutex;

use super::index::Index;
use super::lists::{Evicted, Lists};
use super::{PurgeMode, StoreStatistics, Variants, weight};
use crate::StoredResponse;
use crate::read_mostly::ReadMostly;
use crate::rules::groups::{CacheGroup, Groups};
use crate::rules::key::CacheKey;

/// How many entries a purge visits before it lets others at the index, which is one step of it. Some 70 µs pass with it; an
/// executor such as tokio's looks only after 61 turns of those who are ready whether something has arrived for others.
pub(crate) const PURGE_BATCH: usize = 16;

/// A part of the store, kept apart from its neighbours so that they share no cache line.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Shard {
    index: Mutex<Index>,
    /// Those who look something up share it, so that none waits for one that has lost its core.
    lists: ReadMostly<Lists<Slot>>,
}

/// All that is stored under one key.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) key: CacheKey,
    pub(super) variants: Variants,
}

/// Why a change was not made, or that what it made was not kept.
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
            lists: ReadMostly::new(Lists::new(capacity)),
        }
    }

    pub(super) fn look<R>(
        &self,
        hash: u64,
        key: &CacheKey,
        look: impl FnOnce(Option<&Variants>) -> R,
    ) -> R {
        let lists = self.lists.read();
        let slot = lists.get(hash).filter(|slot| slot.key == *key);
        look(slot.map(|slot| &slot.variants))
    }

    /// Puts what `changed` makes of the variants under a key in their place. It is asked while nothing else changes the
    /// shard or is purged from it.
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
        let (replaced, evicted) = self.lists.write().insert(hash, slot, weight);
        let is_listed = replaced.as_ref().is_some_and(|replaced| {
            replaced.key == *key && groups(&replaced.variants).eq(groups(&variants))
        });
        if !is_listed {
            // It has the place of another key if their hashes are equal.
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

    /// Keeps only those variants under a key for which `keep` holds, and weighs them again; returns how many left.
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
        let mut lists = self.lists.write();
        if let Some(weight) = lists.peek(hash).map(Slot::weight) {
            evicted = lists.set_weight(hash, weight);
        }
        drop(lists);
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

    /// Purges all keys that begin so, some with each step; each gives how many responses that were.
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

    /// Purges the members of a group, of one origin or of all, in the same way. Who joins the group meanwhile has come
    /// after the purge.
    pub(super) fn purge_group<'a>(
        &'a self,
        origin: Option<&'a str>,
        group: &'a CacheGroup,
        mode: PurgeMode,
    ) -> impl Iterator<Item = u64> + 'a {
        let members = move || self.index.lock().members(group, origin);
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
        let removed = self.lists.write().take();
        let listed = index.take();
        drop(index);
        let count = removed.iter().map(|slot| slot.variants.len() as u64).sum();
        self.index.lock().purged += count;
        drop((listed, removed));
        count
    }

    pub(super) fn add_statistics(&self, sum: &mut StoreStatistics) {
        sum.purged += self.index.lock().purged;
        sum.add(self.lists.read().statistics());
    }

    /// What is stored under a key; counts nothing.
    fn variants(&self, hash: u64, key: &CacheKey) -> Option<Variants> {
        let lists = self.lists.read();
        let slot = lists.peek(hash).filter(|slot| slot.key == *key);
        slot.map(|slot| slot.variants.clone())
    }

    /// Purges in each of the slots what is `meant`. Returns how many responses, and what is to be dropped.
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

    /// What is in a slot; counts nothing.
    fn slot(&self, hash: u64) -> Option<(CacheKey, Variants)> {
        let lists = self.lists.read();
        let slot = lists.peek(hash)?;
        Some((slot.key.clone(), slot.variants.clone()))
    }

    /// Keeps only those variants for which `keep` holds. Returns how many left, and what is to be dropped.
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
            None => self.lists.write().remove(hash),
            Some(variants) => {
                let slot = Slot {
                    key: key.clone(),
                    variants: variants.clone(),
                };
                let weight = slot.weight();
                self.lists.write().swap(hash, slot, weight).ok()
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
