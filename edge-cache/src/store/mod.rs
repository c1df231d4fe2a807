//! Where responses are kept: bounded in bytes, sharded, and purged by URL, prefix, group or altogether.
//!
//! Left to others: whether a response may be stored or reused ([`crate::rules`]), and when to ask.
//!
//! # Locks
//!
//! A shard has two: `index`, which purges use, and `lists`, which is all that [`Store::get`] takes. Whoever takes both
//! takes `index` first; nobody holds locks of two shards; and the log of invalidations has a lock of its own that is
//! held while no other is taken. A change holds `index` from its look at the log to its end. A purge writes to the log
//! before it takes the first `index`. So either the change sees the purge in the log, or the purge finds the change done.

mod config;
mod index;
mod lists;
mod log;
mod purge;
mod shared_level;
mod statistics;
mod variants;
mod weight;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use parking_lot::Mutex;

pub use config::{DEFAULT_MAX_VARIANTS, StoreConfig};
pub use log::Generation;
pub use purge::{Purge, PurgeMode};
pub use shared_level::{SharedFuture, SharedLevel, SharedLevelError, SharedLookup, SharedResponse};
pub use statistics::StoreStatistics;
pub use variants::Variants;

use self::index::Index;
use self::lists::{Evicted, Lists};
use self::log::InvalidationLog;
use self::purge::origin;
use crate::StoredResponse;
use crate::rules::groups::CacheGroup;
use crate::rules::key::CacheKey;

/// How many entries a purge visits before it lets others at the shard.
const PURGE_BATCH: usize = 256;

/// The stored responses of a process, shared by all who serve it.
#[derive(Debug)]
pub struct Store {
    shards: Box<[Shard]>,
    log: InvalidationLog,
    /// Seeded, so that nobody can choose URLs that collide.
    hasher: RandomState,
    config: StoreConfig,
}

/// What became of a response that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is stored, for as long as there is room.
    Stored,
    /// It was asked for before something that invalidates it, or too much was invalidated since to tell.
    Invalidated,
    /// It is larger than one response may be.
    TooLarge,
    /// What would have to leave for it is used more.
    NotAdmitted,
    /// What it was to replace is not there any more.
    Absent,
}

/// A part of the store with locks of its own, kept apart from its neighbours so that they share no cache line.
#[derive(Debug)]
#[repr(align(128))]
struct Shard {
    index: Mutex<Index>,
    lists: Mutex<Lists<Slot>>,
}

/// All that is stored under one key.
#[derive(Debug)]
struct Slot {
    key: CacheKey,
    variants: Variants,
}

impl Store {
    /// An empty store.
    #[must_use]
    pub fn new(config: StoreConfig) -> Self {
        let shards = config.shards.get().next_power_of_two();
        let capacity = config.capacity_bytes / shards as u64;
        let shard = || Shard {
            index: Mutex::new(Index::default()),
            lists: Mutex::new(Lists::new(capacity)),
        };
        Self {
            shards: std::iter::repeat_with(shard).take(shards).collect(),
            log: InvalidationLog::default(),
            hasher: RandomState::new(),
            config,
        }
    }

    /// What is stored under a key, and counts that it was asked for.
    #[must_use]
    pub fn get(&self, key: &CacheKey) -> Option<Variants> {
        let hash = self.hash(key.as_str());
        let mut lists = self.shard(hash).lists.lock();
        let slot = lists.get(hash)?;
        (slot.key == *key).then(|| slot.variants.clone())
    }

    /// The present generation, to be taken when a request is forwarded.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.log.generation()
    }

    /// The most bytes of content that a response may have to be stored.
    #[must_use]
    pub fn max_content_bytes(&self) -> u64 {
        self.config.max_response_bytes
    }

    /// Stores the response to a request that was forwarded at `since`, in the place of the variant with an equal
    /// [`VaryKey`](crate::rules::vary::VaryKey).
    ///
    /// Its content may still be arriving: see [`Self::reweigh`].
    pub fn put(&self, key: &CacheKey, response: &Arc<StoredResponse>, since: Generation) -> Put {
        let max_variants = self.config.max_variants.get();
        self.change(key, response, since, |old| {
            Some(match old {
                Some(old) => old.with(response, max_variants),
                None => Variants::one(Arc::clone(response)),
            })
        })
    }

    /// Stores `new` in the place of `old`, if that is still there: a validated response in the place of the one that it
    /// freshens (RFC 9111 §4.3.4). `since` is when the request was forwarded that validated it.
    pub fn replace(
        &self,
        key: &CacheKey,
        old: &Arc<StoredResponse>,
        new: &Arc<StoredResponse>,
        since: Generation,
    ) -> Put {
        self.change(key, new, since, |variants| variants?.replacing(old, new))
    }

    /// Removes a response, if it is still there.
    pub fn remove(&self, key: &CacheKey, response: &Arc<StoredResponse>) -> bool {
        self.retain(key, |stored| !Arc::ptr_eq(stored, response)) > 0
    }

    /// Weighs what is stored under a key again: to be called when content has grown, ended or got a further form. What
    /// turned out broken or too large leaves, and others leave for what has grown.
    pub fn reweigh(&self, key: &CacheKey) {
        self.retain(key, |stored| {
            !weight::is_broken(stored)
                && weight::of_response(stored) <= self.config.max_response_bytes
        });
        let hash = self.hash(key.as_str());
        let shard = self.shard(hash);
        let mut index = shard.index.lock();
        let mut lists = shard.lists.lock();
        let Some(slot) = lists.peek(hash).filter(|slot| slot.key == *key) else {
            return;
        };
        let weight = weight::of_slot(slot);
        let evicted = lists.set_weight(hash, weight);
        drop(lists);
        self.forget(&mut index, &evicted);
        drop(index);
    }

    /// Whether anything between the two generations has invalidated a response with this key and these groups, or may
    /// have.
    #[must_use]
    pub fn was_invalidated(
        &self,
        key: &CacheKey,
        groups: &[CacheGroup],
        from: Generation,
        to: Generation,
    ) -> bool {
        self.log.was_invalidated(key, groups, from, to)
    }

    /// Removes what is stored, or marks it stale, and keeps what is still under way from being stored. Returns how many
    /// responses that were.
    ///
    /// The time it takes grows with what it removes, not with what else there is.
    pub fn purge(&self, what: &Purge, mode: PurgeMode) -> u64 {
        self.log.record(what.clone());
        match (what, mode) {
            (Purge::Url(key), _) => self.purge_url(key, mode),
            (Purge::Group { origin, group }, _) => {
                let shards = self.shards.iter();
                shards
                    .map(|shard| self.purge_group(shard, origin.as_deref(), group, mode))
                    .sum()
            }
            (Purge::Prefix(prefix), _) => self.purge_prefix(prefix, mode),
            (Purge::All, PurgeMode::Soft) => self.purge_prefix("", mode),
            (Purge::All, PurgeMode::Hard) => self.shards.iter().map(Shard::clear).sum(),
        }
    }

    /// Figures of the whole store.
    #[must_use]
    pub fn statistics(&self) -> StoreStatistics {
        let mut sum = StoreStatistics {
            capacity_bytes: self.config.capacity_bytes,
            ..StoreStatistics::default()
        };
        for shard in &self.shards {
            sum.purged += shard.index.lock().purged;
            sum.add(shard.lists.lock().statistics());
        }
        sum
    }

    fn hash(&self, text: &str) -> u64 {
        self.hasher.hash_one(text)
    }

    /// The shard of a hash, by bits that tables do not use.
    fn shard(&self, hash: u64) -> &Shard {
        let index = (hash >> 32) as usize & (self.shards.len() - 1);
        &self.shards[index]
    }

    /// Puts what `changed` makes of the variants under a key in their place, unless `response` was invalidated.
    fn change(
        &self,
        key: &CacheKey,
        response: &StoredResponse,
        since: Generation,
        changed: impl FnOnce(Option<&Variants>) -> Option<Variants>,
    ) -> Put {
        if weight::of_response(response) > self.config.max_response_bytes {
            return Put::TooLarge;
        }
        let hash = self.hash(key.as_str());
        let shard = self.shard(hash);
        let mut index = shard.index.lock();
        let now = self.log.generation();
        if self.log.was_invalidated(key, &response.groups, since, now) {
            return Put::Invalidated;
        }
        let mut lists = shard.lists.lock();
        let old = lists.peek(hash).filter(|slot| slot.key == *key);
        let old = old.map(|slot| slot.variants.clone());
        let Some(variants) = changed(old.as_ref()) else {
            return Put::Absent;
        };
        let slot = Slot {
            key: key.clone(),
            variants: variants.clone(),
        };
        let weight = weight::of_slot(&slot);
        let (replaced, evicted) = lists.insert(hash, slot, weight);
        drop(lists);
        if let Some(replaced) = &replaced {
            self.unlist(&mut index, hash, replaced);
        }
        self.list(&mut index, hash, key, &variants);
        self.forget(&mut index, &evicted);
        drop(index);
        if evicted.iter().any(|(evicted, _)| *evicted == hash) {
            Put::NotAdmitted
        } else {
            Put::Stored
        }
    }

    /// Keeps only those variants under a key for which `keep` holds; returns how many left.
    fn retain(&self, key: &CacheKey, keep: impl Fn(&Arc<StoredResponse>) -> bool) -> u64 {
        let hash = self.hash(key.as_str());
        let shard = self.shard(hash);
        let mut index = shard.index.lock();
        self.retain_in(shard, &mut index, hash, keep).0
    }

    /// As [`Self::retain`], by hash; returns what left besides, to be dropped without a lock.
    fn retain_in(
        &self,
        shard: &Shard,
        index: &mut Index,
        hash: u64,
        keep: impl Fn(&Arc<StoredResponse>) -> bool,
    ) -> (u64, Option<Slot>) {
        let mut lists = shard.lists.lock();
        let Some(slot) = lists.peek(hash) else {
            return (0, None);
        };
        let before = slot.variants.len();
        let kept = slot.variants.iter().filter(|stored| keep(stored)).count();
        if kept == before {
            return (0, None);
        }
        let left = slot.variants.retaining(keep);
        let key = slot.key.clone();
        let removed = match left {
            None => lists.remove(hash),
            Some(variants) => {
                let slot = Slot { key, variants };
                let weight = weight::of_slot(&slot);
                lists.swap(hash, slot, weight)
            }
        };
        let variants = lists.peek(hash).map(|slot| slot.variants.clone());
        drop(lists);
        if let Some(removed) = &removed {
            self.unlist(index, hash, removed);
            if let Some(variants) = variants {
                self.list(index, hash, &removed.key, &variants);
            }
        }
        ((before - kept) as u64, removed)
    }

    fn list(&self, index: &mut Index, hash: u64, key: &CacheKey, variants: &Variants) {
        index.insert_key(key.clone());
        let origin = self.hash(origin(key.as_str()));
        for group in variants.iter().flat_map(|stored| &stored.groups) {
            index.insert_group(self.hash(group.as_str()), origin, hash);
        }
    }

    fn unlist(&self, index: &mut Index, hash: u64, slot: &Slot) {
        index.remove_key(&slot.key);
        let origin = self.hash(origin(slot.key.as_str()));
        for group in slot.variants.iter().flat_map(|stored| &stored.groups) {
            index.remove_group(self.hash(group.as_str()), origin, hash);
        }
    }

    fn forget(&self, index: &mut Index, evicted: &Evicted<Slot>) {
        for (hash, slot) in evicted {
            self.unlist(index, *hash, slot);
        }
    }

    fn purge_url(&self, key: &CacheKey, mode: PurgeMode) -> u64 {
        let hash = self.hash(key.as_str());
        let shard = self.shard(hash);
        let mut index = shard.index.lock();
        let (count, _removed) = self.purge_slot(shard, &mut index, hash, mode, |_| true);
        drop(index);
        count
    }

    fn purge_prefix(&self, prefix: &str, mode: PurgeMode) -> u64 {
        let mut count = 0;
        for shard in &self.shards {
            let mut after: Option<CacheKey> = None;
            loop {
                let mut index = shard.index.lock();
                let keys = index.keys_with_prefix(prefix, after.as_ref(), PURGE_BATCH);
                let mut removed = Vec::new();
                for key in &keys {
                    let hash = self.hash(key.as_str());
                    let done = self.purge_slot(shard, &mut index, hash, mode, |_| true);
                    count += done.0;
                    removed.extend(done.1);
                }
                drop(index);
                if keys.len() < PURGE_BATCH {
                    break;
                }
                after = keys.last().cloned();
            }
        }
        count
    }

    fn purge_group(
        &self,
        shard: &Shard,
        origin: Option<&str>,
        group: &CacheGroup,
        mode: PurgeMode,
    ) -> u64 {
        let group_hash = self.hash(group.as_str());
        let origin = origin.map(|origin| self.hash(origin));
        let mut after = None;
        let mut count = 0;
        loop {
            let mut index = shard.index.lock();
            let members = index.members(group_hash, origin, after, PURGE_BATCH);
            let mut removed = Vec::new();
            for (_, hash) in &members {
                let belongs = |stored: &StoredResponse| stored.groups.contains(group);
                let done = self.purge_slot(shard, &mut index, *hash, mode, belongs);
                count += done.0;
                removed.extend(done.1);
            }
            drop(index);
            if members.len() < PURGE_BATCH {
                return count;
            }
            after = members.last().copied();
        }
    }

    /// Purges those variants of a slot that are `meant`.
    fn purge_slot(
        &self,
        shard: &Shard,
        index: &mut Index,
        hash: u64,
        mode: PurgeMode,
        meant: impl Fn(&StoredResponse) -> bool,
    ) -> (u64, Option<Slot>) {
        let done = match mode {
            PurgeMode::Hard => self.retain_in(shard, index, hash, |stored| !meant(stored)),
            PurgeMode::Soft => (shard.mark_stale(hash, meant), None),
        };
        index.purged += done.0;
        done
    }
}

impl Shard {
    fn mark_stale(&self, hash: u64, meant: impl Fn(&StoredResponse) -> bool) -> u64 {
        let lists = self.lists.lock();
        let variants = lists
            .peek(hash)
            .into_iter()
            .flat_map(|slot| &*slot.variants);
        let meant = variants.filter(|stored| meant(stored));
        meant.map(|stored| stored.mark_stale()).count() as u64
    }

    /// Removes everything. It is dropped after both locks are free, since that takes a while.
    fn clear(&self) -> u64 {
        let mut index = self.index.lock();
        let mut lists = self.lists.lock();
        let removed = lists.take();
        drop(lists);
        let count = removed.iter().map(|slot| slot.variants.len() as u64).sum();
        let listed = index.take();
        index.purged += count;
        drop(index);
        drop((listed, removed));
        count
    }
}

#[cfg(test)]
mod tests;
