//! The store: it keeps responses in memory, bounded in bytes and sharded, and purges them by URL, prefix, group or
//! altogether. Whether a response may be stored or reused is in [`crate::rules`].
//!
//! # Locks
//!
//! A shard has two: `index` for purges, and `slots`, the only one that [`Store::get`] takes. A thread that takes both
//! takes `index` first. A thread never holds locks of two shards, nor any lock beside that of the invalidation log.
//!
//! A change reads the log while it holds `index`, and a purge writes to the log before it takes the first `index`. So
//! either the change sees the purge in the log, or the purge finds the change done.

mod compact;
mod config;
mod encoding;
mod evicted_keys;
mod group_index;
mod index;
mod invalidation_log;
mod purge;
mod s3_fifo;
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
pub use config::StoreConfig;
pub use encoding::NotAStoredResponse;
pub use invalidation_log::Generation;
pub use purge::{Purge, PurgeMode};
#[cfg(test)]
pub(crate) use shared_level::memory::{MemoryLevel, Mood};
pub use shared_level::{
    LogPosition, SharedFuture, SharedLevel, SharedLevelError, SharedLookup, SharedPurges,
    SharedResponse,
};
pub use statistics::StoreStatistics;
pub use variants::Variants;

use self::invalidation_log::InvalidationLog;
use self::shard::{Change, Shard};
use crate::StoredResponse;
use crate::rules::groups::Groups;
use crate::rules::key::CacheKey;

/// The stored responses of a process, for all of its threads.
#[derive(Debug)]
pub struct Store {
    shards: Box<[Shard]>,
    log: InvalidationLog,
    /// Seeded, so that nobody can choose URLs that collide.
    hasher: RandomState,
    config: StoreConfig,
}

/// The outcome of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is stored, for as long as there is room.
    Stored,
    /// It was invalidated after its request was forwarded, or the log has forgotten whether it was.
    Invalidated,
    /// It is larger than one response may be.
    TooLarge,
    /// The responses that it would evict are used more.
    NotAdmitted,
    /// The response that it was to replace is gone.
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

    /// The responses under a key. It counts a use.
    #[must_use]
    pub fn get(&self, key: &CacheKey) -> Option<Variants> {
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the method alone has one lifetime"
        )]
        self.look(key, |variants| variants.cloned())
    }

    /// Calls `look` with the responses under a key, without a reference to them. It counts a use. Puts and purges wait for
    /// it.
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

    /// Weighs the responses under a key again: to be called when content has grown, ended, or was compressed. Broken and too
    /// large responses are removed, and others are evicted for those that grew.
    pub fn reweigh(&self, key: &CacheKey) {
        self.retain(key, |stored| {
            !weight::is_broken(stored) && !self.is_too_large(stored)
        });
    }

    /// Whether a response with this key and these groups was invalidated between two generations. `true` if the log has
    /// forgotten.
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

    /// Removes responses, or marks them stale; returns how many. A response whose request is under way is not stored.
    ///
    /// The time it takes grows with the responses that it purges, not with those that it leaves.
    pub fn purge(&self, what: &Purge, mode: PurgeMode) -> u64 {
        self.purge_in_steps(what, mode).sum()
    }

    /// The same in steps. A step visits [`PURGE_BATCH`](crate::limits::PURGE_BATCH) keys at most, or a whole shard in a hard
    /// purge of everything, and gives how many responses it purged.
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

    /// The shard of a hash, by bits that its tables do not use.
    fn shard(&self, hash: u64) -> &Shard {
        let index = (hash >> 32) as usize & (self.shards.len() - 1);
        &self.shards[index]
    }

    fn is_too_large(&self, response: &StoredResponse) -> bool {
        weight::of_response(response) > self.config.max_response_bytes
    }

    /// Replaces the variants under a key by the result of `changed`, unless `response` was invalidated.
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

    /// Keeps the variants under a key for which `keep` holds, and weighs them. Returns how many it removed.
    fn retain(&self, key: &CacheKey, keep: impl Fn(&Arc<StoredResponse>) -> bool) -> u64 {
        let hash = self.hash(key);
        self.shard(hash).retain(hash, key, keep)
    }
}

#[cfg(test)]
mod tests;
