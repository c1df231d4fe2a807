//! The index of a shard, by which purges find keys: in order, by path, and by group.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::ops::Bound;

use super::Variants;
use super::group_index::{GroupIndex, Member};
use crate::rules::groups::CacheGroup;
use crate::rules::key::CacheKey;

/// The keys of a shard in order, its paths and its groups.
#[derive(Debug, Default)]
pub(super) struct Index {
    keys: BTreeSet<InOrder>,
    /// Hashes may collide: a purge compares the group of each response.
    groups: GroupIndex,
    /// The keys by path and query, of all origins. A purge compares the path of each key.
    paths: GroupIndex,
    /// Responses that purges have removed or marked stale.
    pub(super) purged: u64,
}

/// A key in the order of its text.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct InOrder(CacheKey);

impl Borrow<str> for InOrder {
    fn borrow(&self) -> &str {
        self.0.as_str()
    }
}

impl Index {
    /// Adds a key, its path and the groups of its responses.
    pub(super) fn insert(&mut self, hash: u64, key: &CacheKey, variants: &Variants) {
        self.keys.insert(InOrder(key.clone()));
        self.each_member(hash, key, variants, GroupIndex::insert);
    }

    /// Removes them.
    pub(super) fn remove(&mut self, hash: u64, key: &CacheKey, variants: &Variants) {
        self.keys.remove(key.as_str());
        self.each_member(hash, key, variants, GroupIndex::remove);
    }

    fn each_member(
        &mut self,
        hash: u64,
        key: &CacheKey,
        variants: &Variants,
        act: impl Fn(&mut GroupIndex, Member),
    ) {
        let place = Member {
            group: self.paths.hash(key.path_and_query()),
            origin: self.paths.hash(key.origin()),
            key: hash,
        };
        act(&mut self.paths, place);
        let origin = self.groups.hash(key.origin());
        for name in variants.iter().flat_map(|stored| stored.groups.iter()) {
            let group = self.groups.hash(name);
            let member = Member {
                group,
                origin,
                key: hash,
            };
            act(&mut self.groups, member);
        }
    }

    /// The first `most` keys with a prefix, in order, `after` the one given.
    pub(super) fn keys_with_prefix(
        &self,
        prefix: &str,
        after: Option<&CacheKey>,
        most: usize,
    ) -> Vec<CacheKey> {
        let from = after.map_or(Bound::Included(prefix), |key| Bound::Excluded(key.as_str()));
        let keys = self.keys.range::<str, _>((from, Bound::Unbounded));
        keys.take_while(|key| key.0.as_str().starts_with(prefix))
            .take(most)
            .map(|key| key.0.clone())
            .collect()
    }

    /// The hashes of keys in a group of one origin, or of all origins.
    pub(super) fn of_group(&self, group: &CacheGroup, origin: Option<&str>) -> Vec<u64> {
        self.groups.of(group.as_str(), origin)
    }

    /// The hashes of keys with a path and query, of all origins.
    pub(super) fn of_path(&self, path: &str) -> Vec<u64> {
        self.paths.of(path, None)
    }

    /// What it takes in memory without the text of the keys, in bytes. A node of the ordered keys is half full at least.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let keys = 2 * self.keys.len() * size_of::<InOrder>();
        keys + self.groups.bytes() + self.paths.bytes()
    }

    /// Empties it. Returns its content, which takes long to drop.
    pub(super) fn take(&mut self) -> impl Sized + use<> {
        (
            std::mem::take(&mut self.keys),
            std::mem::take(&mut self.groups),
            std::mem::take(&mut self.paths),
        )
    }
}
