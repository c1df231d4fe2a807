//! Where responses are kept: bounded in bytes, sharded, and purged by URL, prefix, group or altogether.
//!
//! Left to others: whether a response may be stored or reused ([`crate::rules`]), and when to ask.
//!
//! # Locks
//!
//! A shard has two: `index`, which purges use, and `lists`, which is all that [`Store::get`] takes. Whoever takes both
//! takes `index` first; nobody holds locks of two shards; and while someone has the lock of the log of invalidations
//! they take no other. A change holds `index` from its look at the log to its end. A purge writes to the log
//! before it takes the first `index`. So either the change sees the purge in the log, or the purge finds the change done.

mod compact;
mod config;
mod encoding;
mod ghosts;
mod index;
mod lists;
mod log;
mod members;
mod purge;
mod shard;
mod shared_level;
mod statistics;
mod variants;
mod weight;

use std::hash::{BuildHasher as _, RandomState};
use std::iter;
use std::sync::Arc;

pub use compact::compact_fields;
pub(crate) use compact::copied_fields;
pub use config::{DEFAULT_MAX_VARIANTS, StoreConfig};
pub use encoding::NotAStoredResponse;
pub use log::Generation;
pub use purge::{Purge, PurgeMode};
#[cfg(test)]
pub(crate) use shared_level::memory::{MemoryLevel, Mood};
pub use shared_level::{
    SharedFuture, SharedLevel, SharedLevelError, SharedLookup, SharedPurges, SharedResponse,
};
pub use statistics::StoreStatistics;
pub use variants::Variants;

use self::log::InvalidationLog;
pub(crate) use self::shard::PURGE_BATCH;
use self::shard::{Change, Shard};
use crate::StoredResponse;
use crate::rules::groups::Groups;
use crate::rules::key::CacheKey;

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

impl Store {
    /// An empty store.
    #[must_use]
    pub fn new(mut config: StoreConfig) -> Self {
        let shards = config.shards.get().next_power_of_two();
        let capacity = config.capacity_bytes / shards as u64;
        config.max_response_bytes = config.max_response_bytes.min(capacity);
        Self {
            shards: iter::repeat_with(|| Shard::new(capacity))
                .take(shards)
                .collect(),
            log: InvalidationLog::default(),
            hasher: RandomState::new(),
            config,
        }
    }

    /// What is stored under a key, and counts that it was asked for.
    #[must_use]
    pub fn get(&self, key: &CacheKey) -> Option<Variants> {
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the method alone has one lifetime"
        )]
        self.look(key, |variants| variants.cloned())
    }

    /// Looks at what is stored under a key without taking a reference, and counts that it was asked for. Whoever stores or
    /// purges waits meanwhile.
    pub(crate) fn look<R>(&self, key: &CacheKey, look: impl FnOnce(Option<&Variants>) -> R) -> R {
        let hash = self.hash(key);
        self.shard(hash).look(hash, key, look)
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
            !weight::is_broken(stored) && !self.is_too_large(stored)
        });
    }

    /// Whether anything between the two generations has invalidated a response with this key and these groups, or may
    /// have.
    #[must_use]
    pub fn was_invalidated(
        &self,
        key: &CacheKey,
        groups: &Groups,
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
        self.purge_in_steps(what, mode).sum()
    }

    /// The same in steps. Each visits [`PURGE_BATCH`] entries at most, but for a hard purge of everything, and gives how many
    /// responses it has met. What is under way is kept from being stored from the beginning.
    pub(crate) fn purge_in_steps<'a>(
        &'a self,
        what: &'a Purge,
        mode: PurgeMode,
    ) -> Box<dyn Iterator<Item = u64> + Send + 'a> {
        self.log.record(what.clone());
        let shards = self.shards.iter();
        let hasher = &self.hasher;
        match (what, mode) {
            (Purge::Url(key), _) => {
                let hash = self.hash(key);
                let purge = move || self.shard(hash).purge(hash, key, mode);
                Box::new(iter::once_with(purge))
            }
            (Purge::Group { origin, group }, _) => {
                let origin = origin.as_deref();
                Box::new(shards.flat_map(move |shard| shard.purge_group(origin, group, mode)))
            }
            (Purge::Path(path), _) => {
                Box::new(shards.flat_map(move |shard| shard.purge_path(path, mode)))
            }
            (Purge::All, PurgeMode::Hard) => Box::new(shards.map(Shard::clear)),
            (Purge::All, PurgeMode::Soft) => {
                Box::new(shards.flat_map(move |shard| shard.purge_prefix(hasher, "", mode)))
            }
            (Purge::Prefix(prefix), _) => {
                Box::new(shards.flat_map(move |shard| shard.purge_prefix(hasher, prefix, mode)))
            }
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
            shard.add_statistics(&mut sum);
        }
        sum
    }

    fn hash(&self, key: &CacheKey) -> u64 {
        self.hasher.hash_one(key.as_str())
    }

    /// The shard of a hash, by bits that tables do not use.
    fn shard(&self, hash: u64) -> &Shard {
        let index = (hash >> 32) as usize & (self.shards.len() - 1);
        &self.shards[index]
    }

    fn is_too_large(&self, response: &StoredResponse) -> bool {
        weight::of_response(response) > self.config.max_response_bytes
    }

    /// Puts what `changed` makes of the variants under a key in their place, unless `response` was invalidated.
    fn change(
        &self,
        key: &CacheKey,
        response: &StoredResponse,
        since: Generation,
        changed: impl FnOnce(Option<&Variants>) -> Option<Variants>,
    ) -> Put {
        if self.is_too_large(response) {
            return Put::TooLarge;
        }
        let hash = self.hash(key);
        let mut was_invalidated = false;
        let change = self.shard(hash).change(hash, key, |old| {
            let now = self.log.generation();
            was_invalidated = self.log.was_invalidated(key, &response.groups, since, now);
            if was_invalidated { None } else { changed(old) }
        });
        match change {
            Change::Made => Put::Stored,
            Change::NotAdmitted => Put::NotAdmitted,
            Change::NotMade if was_invalidated => Put::Invalidated,
            Change::NotMade => Put::Absent,
        }
    }

    /// Keeps only those variants under a key for which `keep` holds, and weighs them; returns how many left.
    fn retain(&self, key: &CacheKey, keep: impl Fn(&Arc<StoredResponse>) -> bool) -> u64 {
        let hash = self.hash(key);
        self.shard(hash).retain(hash, key, keep)
    }
}

#[cfg(test)]
mod tests;
