//! What purges find entries by: keys in order, and members of groups.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::ops::Bound;

use super::members::Members;
use crate::rules::key::CacheKey;

/// The keys of a shard in order, and its groups.
#[derive(Debug, Default)]
pub(super) struct Index {
    keys: BTreeSet<InOrder>,
    /// Who looks here compares the group itself, so hashes that collide do no harm.
    pub(super) members: Members,
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
    pub(super) fn insert_key(&mut self, key: CacheKey) {
        self.keys.insert(InOrder(key));
    }

    pub(super) fn remove_key(&mut self, key: &CacheKey) {
        self.keys.remove(key.as_str());
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

    /// Empties it and returns what was in it.
    pub(super) fn take(&mut self) -> impl Sized + use<> {
        (
            std::mem::take(&mut self.keys),
            std::mem::take(&mut self.members),
        )
    }
}
