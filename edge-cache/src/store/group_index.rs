//! The keys of a shard by group and origin, for purges. Groups, origins and keys are hashes.
//!
//! A response can be in hundreds of groups, each of which is looked up when it is stored. So it is a hash table of hash
//! tables: an ordered tree of all members takes several times as long, and a purge visits the members of its group only.

use std::collections::hash_map::{Entry, HashMap};
use std::collections::hash_set::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault};

use foldhash::quality::RandomState;

use super::s3_fifo::Hashed;
#[cfg(test)]
use super::s3_fifo::table_bytes;

type Table<V> = HashMap<u64, V, BuildHasherDefault<Hashed>>;
type Keys = HashSet<u64, BuildHasherDefault<Hashed>>;

/// The members of all groups.
///
/// Names are hashed by a fast, seeded function, since a response may have hundreds of groups. Group names come from
/// origins, not clients. A collision only makes a purge look at the members of both groups.
#[derive(Debug, Default)]
pub(super) struct GroupIndex {
    groups: Table<Group>,
    hasher: RandomState,
}

/// A key with a response in a group. Groups of different origins are different groups (RFC 9875 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) group: u64,
    pub(super) origin: u64,
    pub(super) key: u64,
}

/// The members of the groups of one name. Most groups have one member, and nearly all others have one origin.
#[derive(Debug)]
enum Group {
    One { origin: u64, key: u64 },
    OfOneOrigin { origin: u64, keys: Box<Keys> },
    OfMany(Box<Table<Keys>>),
}

impl GroupIndex {
    pub(super) fn insert(&mut self, member: Member) {
        let Member { group, origin, key } = member;
        match self.groups.entry(group) {
            Entry::Vacant(place) => {
                place.insert(Group::One { origin, key });
            }
            Entry::Occupied(mut place) => place.get_mut().insert(origin, key),
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

    /// The keys in a group of one origin, or of all origins.
    pub(super) fn of(&self, group: &str, origin: Option<&str>) -> Vec<u64> {
        let origin = origin.map(|origin| self.hash(origin));
        self.of_hashes(self.hash(group), origin)
    }

    /// What it takes in memory, in bytes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let groups = self.groups.values().map(Group::bytes);
        table_bytes::<(u64, Group)>(self.groups.capacity()) + groups.sum::<usize>()
    }

    fn of_hashes(&self, group: u64, origin: Option<u64>) -> Vec<u64> {
        let group = self.groups.get(&group);
        group.map_or_else(Vec::new, |group| group.keys(origin))
    }
}

impl Group {
    /// What it takes in memory beside itself, in bytes.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        let of_keys = |keys: &Keys| table_bytes::<u64>(keys.capacity());
        match self {
            Self::One { .. } => 0,
            Self::OfOneOrigin { keys, .. } => size_of::<Keys>() + of_keys(keys),
            Self::OfMany(origins) => {
                let keys: usize = origins.values().map(of_keys).sum();
                table_bytes::<(u64, Keys)>(origins.capacity()) + keys
            }
        }
    }

    /// The keys of one origin, or of all origins.
    fn keys(&self, wanted: Option<u64>) -> Vec<u64> {
        let is_wanted = |origin: &u64| wanted.is_none_or(|wanted| wanted == *origin);
        match self {
            Self::One { origin, key } if is_wanted(origin) => vec![*key],
            Self::OfOneOrigin { origin, keys } if is_wanted(origin) => {
                keys.iter().copied().collect()
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

    fn insert(&mut self, new_origin: u64, new_key: u64) {
        match self {
            Self::One { origin, key } => {
                let (origin, key) = (*origin, *key);
                if (origin, key) != (new_origin, new_key) {
                    let keys = Box::new(Keys::from_iter([key]));
                    *self = Self::OfOneOrigin { origin, keys };
                    self.insert(new_origin, new_key);
                }
            }
            Self::OfOneOrigin { origin, keys } if *origin == new_origin => {
                keys.insert(new_key);
            }
            Self::OfOneOrigin { origin, keys } => {
                let mut origins = Table::default();
                origins.insert(*origin, std::mem::take(&mut **keys));
                origins.insert(new_origin, Keys::from_iter([new_key]));
                *self = Self::OfMany(Box::new(origins));
            }
            Self::OfMany(origins) => {
                origins.entry(new_origin).or_default().insert(new_key);
            }
        }
    }

    /// Removes a member; returns whether none is left.
    fn is_empty_without(&mut self, member: Member) -> bool {
        match self {
            Self::One { origin, key } => (*origin, *key) == (member.origin, member.key),
            Self::OfOneOrigin { origin, keys } => {
                if *origin == member.origin {
                    keys.remove(&member.key);
                }
                keys.is_empty()
            }
            Self::OfMany(origins) => {
                if let Entry::Occupied(mut keys) = origins.entry(member.origin) {
                    keys.get_mut().remove(&member.key);
                    if keys.get().is_empty() {
                        keys.remove();
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
        (0..3_u64, 0..3_u64, 0..6_u64).prop_map(|(group, origin, key)| Member {
            group,
            origin,
            key,
        })
    }

    proptest! {
        #[test]
        fn what_was_inserted_and_not_removed_is_a_member(
            steps in prop::collection::vec((any::<bool>(), member()), 0..60)
        ) {
            let mut members = GroupIndex::default();
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
                        expected.iter().filter(is_meant).map(|member| member.key).collect();
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
