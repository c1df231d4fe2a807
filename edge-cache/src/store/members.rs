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

type Table<V> = HashMap<u64, V, BuildHasherDefault<Hashed>>;
type Entries = HashSet<u64, BuildHasherDefault<Hashed>>;

/// The members of all groups.
///
/// Names are hashed with a seed of their own by a fast function, since a response may have hundreds. Origins name groups,
/// not clients, and whoever can make names collide makes members of both be looked at when one group is purged.
#[derive(Debug, Default)]
pub(super) struct Members {
    groups: Table<Group>,
    hasher: RandomState,
}

/// An entry that is in a group. Groups of different origins are different ones (RFC 9875 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) group: u64,
    pub(super) origin: u64,
    pub(super) entry: u64,
}

/// The members of the groups of one name. Most groups have a single member, and nearly all others are of one origin.
#[derive(Debug)]
enum Group {
    One { origin: u64, entry: u64 },
    OfOneOrigin { origin: u64, entries: Box<Entries> },
    OfMany(Box<Table<Entries>>),
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

    /// The hash of the name of a group, or of an origin.
    pub(super) fn hash(&self, name: &str) -> u64 {
        self.hasher.hash_one(name)
    }

    /// The entries in a group: that of one origin, or those of all.
    pub(super) fn of(&self, group: &str, origin: Option<&str>) -> Vec<u64> {
        let origin = origin.map(|origin| self.hash(origin));
        self.of_hashes(self.hash(group), origin)
    }

    fn of_hashes(&self, group: u64, origin: Option<u64>) -> Vec<u64> {
        let group = self.groups.get(&group);
        group.map_or_else(Vec::new, |group| group.entries(origin))
    }
}

impl Group {
    /// Those of one origin, or those of all.
    fn entries(&self, wanted: Option<u64>) -> Vec<u64> {
        let is_wanted = |origin: &u64| wanted.is_none_or(|wanted| wanted == *origin);
        match self {
            Self::One { origin, entry } if is_wanted(origin) => vec![*entry],
            Self::OfOneOrigin { origin, entries } if is_wanted(origin) => {
                entries.iter().copied().collect()
            }
            Self::One { .. } | Self::OfOneOrigin { .. } => Vec::new(),
            Self::OfMany(origins) => match wanted {
                Some(origin) => origins
                    .get(&origin)
                    .into_iter()
                    .flatten()
                    .copied()
                    .collect(),
                None => origins.values().flatten().copied().collect(),
            },
        }
    }

    fn insert(&mut self, new_origin: u64, new_entry: u64) {
        match self {
            Self::One { origin, entry } => {
                let (origin, entry) = (*origin, *entry);
                if (origin, entry) != (new_origin, new_entry) {
                    let entries = Box::new(Entries::from_iter([entry]));
                    *self = Self::OfOneOrigin { origin, entries };
                    self.insert(new_origin, new_entry);
                }
            }
            Self::OfOneOrigin { origin, entries } if *origin == new_origin => {
                entries.insert(new_entry);
            }
            Self::OfOneOrigin { origin, entries } => {
                let mut origins = Table::default();
                origins.insert(*origin, std::mem::take(&mut **entries));
                origins.insert(new_origin, Entries::from_iter([new_entry]));
                *self = Self::OfMany(Box::new(origins));
            }
            Self::OfMany(origins) => {
                origins.entry(new_origin).or_default().insert(new_entry);
            }
        }
    }

    /// Removes a member; whether none is left.
    fn is_empty_without(&mut self, member: Member) -> bool {
        match self {
            Self::One { origin, entry } => (*origin, *entry) == (member.origin, member.entry),
            Self::OfOneOrigin { origin, entries } => {
                if *origin == member.origin {
                    entries.remove(&member.entry);
                }
                entries.is_empty()
            }
            Self::OfMany(origins) => {
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
