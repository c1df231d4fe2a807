//! What purges find entries by: keys in order, paths, and members of groups.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::ops::Bound;

use super::Variants;
use super::members::{Member, Members};
use crate::rules::groups::CacheGroup;
use crate::rules::key::CacheKey;

/// The keys of a shard in order, its paths and its groups.
#[derive(Debug, Default)]
pub(super) struct Index {
    keys: BTreeSet<InOrder>,
    /// Who looks here compares the group itself, so hashes that collide do no harm.
    members: Members,
    /// The keys of each path and query, whatever their origins. Who looks here compares the path itself.
    paths: Members,
    /// Responses that purges have removed or marked.
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
    /// Has purges find what is stored under a key.
    pub(super) fn insert(&mut self, entry: u64, key: &CacheKey, variants: &Variants) {
        self.keys.insert(InOrder(key.clone()));
        self.each_member(entry, key, variants, Members::insert);
    }

    /// Has them find it no longer.
    pub(super) fn remove(&mut self, entry: u64, key: &CacheKey, variants: &Variants) {
        self.keys.remove(key.as_str());
        self.each_member(entry, key, variants, Members::remove);
    }

    fn each_member(
        &mut self,
        entry: u64,
        key: &CacheKey,
        variants: &Variants,
        act: impl Fn(&mut Members, Member),
    ) {
        let place = Member {
            group: self.paths.hash(key.path_and_query()),
            origin: self.paths.hash(key.origin()),
            entry,
        };
        act(&mut self.paths, place);
        let origin = self.members.hash(key.origin());
        for name in variants.iter().flat_map(|stored| stored.groups.iter()) {
            let group = self.members.hash(name);
            let member = Member {
                group,
                origin,
                entry,
            };
            act(&mut self.members, member);
        }
    }

    /// Keys that begin so, in order, after the one given.
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

    /// The entries in a group: that of one origin, or those of all.
    pub(super) fn members(&self, group: &CacheGroup, origin: Option<&str>) -> Vec<u64> {
        self.members.of(group.as_str(), origin)
    }

    /// The entries with a path and query, of all origins.
    pub(super) fn of_path(&self, path: &str) -> Vec<u64> {
        self.paths.of(path, None)
    }

    /// Empties it and returns what was in it.
    pub(super) fn take(&mut self) -> impl Sized + use<> {
        (
            std::mem::take(&mut self.keys),
            std::mem::take(&mut self.members),
            std::mem::take(&mut self.paths),
        )
    }
}
