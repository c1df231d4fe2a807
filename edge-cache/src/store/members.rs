//! Which entries of a shard are in which groups; groups, origins and entries by their hashes.
//!
//! A response can be in hundreds of groups, and each is a place to be found and changed when it is stored: hence tables,
//! where an ordered tree of all members would be slower by a multiple, and tables in tables, so that a purge touches
//! nothing but what it removes.

use std::collections::hash_map::{Entry, HashMap};
use std::collections::hash_set::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault};

use foldhash::quality::RandomState;

use super::lists::Hashed;
use crate::rules::groups::CacheGroup;

type Table<V> = HashMap<u64, V, BuildHasherDefault<Hashed>>;
type Entries = HashSet<u64, BuildHasherDefault<Hashed>>;

/// The members of all groups.
#[derive(Debug, Default)]
pub(super) struct Members {
    groups: Table<Group>,
    hasher: GroupHasher,
}

/// Hashes names of groups and origins, with a seed of its own and a fast function: a miss may hash hundreds. Origins name
/// groups, not clients, and who can make names collide makes members of both be looked at when one group is purged.
#[derive(Clone, Debug, Default)]
pub(super) struct GroupHasher(RandomState);

impl GroupHasher {
    pub(super) fn group(&self, group: &CacheGroup) -> u64 {
        self.0.hash_one(group.as_str())
    }

    pub(super) fn origin(&self, origin: &str) -> u64 {
        self.0.hash_one(origin)
    }
}

/// An entry that is in a group. Groups of different origins are different ones (RFC 9875 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) group: u64,
    pub(super) origin: u64,
    pub(super) entry: u64,
}

/// The members of the groups of one name. Most have a single one, for which a table would be wasted.
#[derive(Debug)]
enum Group {
    One { origin: u64, entry: u64 },
    Many(Box<Table<Entries>>),
}

impl Members {
    pub(super) fn insert(&mut self, member: Member) {
        let Member {
            group,
            origin,
            entry,
        } = member;
        match self.groups.entry(group) {
            Entry::Vacant(place) => {
                place.insert(Group::One { origin, entry });
            }
            Entry::Occupied(mut place) => place.get_mut().insert(origin, entry),
        }
    }

    pub(super) fn remove(&mut self, member: Member) {
        let Entry::Occupied(mut place) = self.groups.entry(member.group) else {
            return;
        };
        if place.get_mut().is_empty_without(member) {
            place.remove();
        }
    }

    /// What members are hashed with.
    pub(super) fn hasher(&self) -> GroupHasher {
        self.hasher.clone()
    }

    /// The entries in a group: that of one origin, or those of all.
    pub(super) fn of(&self, group: &CacheGroup, origin: Option<&str>) -> Vec<u64> {
        let origin = origin.map(|origin| self.hasher.origin(origin));
        self.of_hashes(self.hasher.group(group), origin)
    }

    fn of_hashes(&self, group: u64, origin: Option<u64>) -> Vec<u64> {
        let is_wanted = |its: u64| origin.is_none_or(|origin| origin == its);
        match (self.groups.get(&group), origin) {
            (None, _) => Vec::new(),
            (Some(Group::One { origin, entry }), _) => {
                is_wanted(*origin).then_some(*entry).into_iter().collect()
            }
            (Some(Group::Many(origins)), Some(origin)) => {
                let entries = origins.get(&origin);
                entries.into_iter().flatten().copied().collect()
            }
            (Some(Group::Many(origins)), None) => origins.values().flatten().copied().collect(),
        }
    }
}

impl Group {
    fn insert(&mut self, origin: u64, entry: u64) {
        match self {
            Self::One {
                origin: first_origin,
                entry: first,
            } => {
                if (*first_origin, *first) == (origin, entry) {
                    return;
                }
                let mut origins = Table::default();
                origins.insert(*first_origin, Entries::from_iter([*first]));
                origins.entry(origin).or_default().insert(entry);
                *self = Self::Many(Box::new(origins));
            }
            Self::Many(origins) => {
                origins.entry(origin).or_default().insert(entry);
            }
        }
    }

    /// Removes a member; whether none is left.
    fn is_empty_without(&mut self, member: Member) -> bool {
        match self {
            Self::One { origin, entry } => (*origin, *entry) == (member.origin, member.entry),
            Self::Many(origins) => {
                if let Entry::Occupied(mut entries) = origins.entry(member.origin) {
                    entries.get_mut().remove(&member.entry);
                    if entries.get().is_empty() {
                        entries.remove();
                    }
                }
                origins.is_empty()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn member() -> impl Strategy<Value = Member> {
        (0..3_u64, 0..3_u64, 0..6_u64).prop_map(|(group, origin, entry)| Member {
            group,
            origin,
            entry,
        })
    }

    proptest! {
        #[test]
        fn what_was_inserted_and_not_removed_is_a_member(
            steps in prop::collection::vec((any::<bool>(), member()), 0..60)
        ) {
            let mut members = Members::default();
            let mut expected: Vec<Member> = Vec::new();
            for (inserts, member) in steps {
                expected.retain(|other| *other != member);
                if inserts {
                    members.insert(member);
                    expected.push(member);
                } else {
                    members.remove(member);
                }
            }
            for group in 0..3 {
                for origin in [None, Some(0), Some(1), Some(2)] {
                    let is_meant = |member: &&Member| {
                        member.group == group && origin.is_none_or(|origin| origin == member.origin)
                    };
                    let mut wanted: Vec<_> =
                        expected.iter().filter(is_meant).map(|member| member.entry).collect();
                    let mut found = members.of_hashes(group, origin);
                    wanted.sort_unstable();
                    found.sort_unstable();
                    prop_assert_eq!(found, wanted);
                }
            }
            for member in expected {
                members.remove(member);
            }
            prop_assert!(members.groups.is_empty());
        }
    }
}
