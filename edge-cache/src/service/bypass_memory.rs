//! The memory of bypasses: URLs and routes whose last response was not cacheable. Requests for them bypass the cache, or are
//! forwarded without waiting for each other. What makes a response uncacheable is in `rules::storing`.
//!
//! Each takes 64 bits in a table of fixed size. Two that collide count as one, which costs a request that could have
//! collapsed a forward of its own. Its response is judged all the same.

use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::quality::RandomState;

use crate::limits::{MAX_UNCACHEABLE, UNCACHEABLE_MEMORY};
use crate::time::Moment;

/// Places for a hash: one cache line.
const PLACES: usize = 8;

/// How far the clocks that two threads have read may differ, in seconds.
const CLOCK_DISTANCE_SECONDS: u64 = 60;

/// Every thread reads it for every request without a stored response, so a read changes nothing.
#[derive(Debug)]
pub(super) struct BypassMemory {
    places: Box<[AtomicU64]>,
    /// Seeded, so that nobody can choose URLs that push out others.
    hasher: RandomState,
}

/// Why a URL or route is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// The head of a response.
    Head,
    /// Content that became too large while it arrived. Only a response with a known length disproves it.
    TooLarge,
}

/// One place. From the left: 39 bits of the hash, one bit for [`Finding::TooLarge`], 24 bits for the time in seconds, from 1
/// on. Zero is a free place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Note(u64);

impl Note {
    const TIME_BITS: u32 = 24;
    const TIME_MASK: u64 = (1 << Self::TIME_BITS) - 1;
    const TOO_LARGE: u64 = 1 << Self::TIME_BITS;
    const HASH_MASK: u64 = !(Self::TOO_LARGE | Self::TIME_MASK);

    fn new(hash: u64, finding: Finding, now: Moment) -> Self {
        let flag = match finding {
            Finding::Head => 0,
            Finding::TooLarge => Self::TOO_LARGE,
        };
        Self(hash & Self::HASH_MASK | flag | Self::time(now))
    }

    fn time(now: Moment) -> u64 {
        (now.monotonic.as_secs() & Self::TIME_MASK).max(1)
    }

    fn is_of(self, hash: u64) -> bool {
        self.0 != 0 && self.0 & Self::HASH_MASK == hash & Self::HASH_MASK
    }

    fn age_in_seconds(self, now: Moment) -> u64 {
        if self.0 == 0 {
            return u64::MAX;
        }
        let age = Self::time(now).wrapping_sub(self.0) & Self::TIME_MASK;
        // Another thread may have looked at the clock a moment later.
        if age > Self::TIME_MASK - CLOCK_DISTANCE_SECONDS {
            0
        } else {
            age
        }
    }

    fn is_recent(self, now: Moment) -> bool {
        self.age_in_seconds(now) < UNCACHEABLE_MEMORY.as_secs()
    }

    fn is_too_large(self) -> bool {
        self.0 & Self::TOO_LARGE != 0
    }
}

impl BypassMemory {
    pub(super) fn new() -> Self {
        Self {
            places: (0..MAX_UNCACHEABLE).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::default(),
        }
    }

    pub(super) fn remember(&self, what: &impl Hash, finding: Finding, now: Moment) {
        let hash = self.hasher.hash_one(what);
        let places = self.places(hash);
        let notes = places.iter().map(|place| (place, read(place)));
        let Some((place, old)) =
            notes.max_by_key(|(_, note)| (note.is_of(hash), note.age_in_seconds(now)))
        else {
            return;
        };
        let note = Note::new(hash, finding, now);
        // Others look at the place: it is written to only for something new.
        if note != old {
            place.store(note.0, Ordering::Relaxed);
        }
    }

    /// Forgets what a cacheable response disproves.
    pub(super) fn forget(&self, what: &impl Hash, length_is_known: bool) {
        let hash = self.hasher.hash_one(what);
        for place in self.places(hash) {
            let note = read(place);
            if note.is_of(hash) && (length_is_known || !note.is_too_large()) {
                place.store(0, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn contains(&self, what: &impl Hash, now: Moment) -> bool {
        let hash = self.hasher.hash_one(what);
        let mut notes = self.places(hash).iter().map(read);
        notes.any(|note| note.is_of(hash) && note.is_recent(now))
    }

    /// The places of a hash, by bits that are not kept in them.
    fn places(&self, hash: u64) -> &[AtomicU64] {
        let sets = self.places.len() / PLACES;
        let first = hash as usize % sets * PLACES;
        &self.places[first..first + PLACES]
    }
}

fn read(place: &AtomicU64) -> Note {
    Note(place.load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::moment;

    #[test]
    fn a_million_different_urls_take_no_more_memory_than_the_first() {
        let memory = BypassMemory::new();
        for number in 0..1_000_000_u32 {
            memory.remember(&number, Finding::Head, moment(0));
        }
        assert_eq!(size_of_val(&*memory.places), 512 * 1024);
    }

    #[test]
    fn the_latest_are_remembered_for_two_minutes() {
        let memory = BypassMemory::new();
        for number in 0..1_000_u32 {
            memory.remember(&number, Finding::Head, moment(1));
        }
        let remembered = |now| {
            (0..1_000_u32)
                .filter(|number| memory.contains(number, moment(now)))
                .count()
        };
        assert_eq!(
            (remembered(1), remembered(120), remembered(121)),
            (1_000, 1_000, 0)
        );
    }

    #[test]
    fn older_ones_make_room_for_newer_ones() {
        let memory = BypassMemory::new();
        for number in 0..200_000_u32 {
            memory.remember(&number, Finding::Head, moment(u64::from(number / 2_000)));
        }
        let latest = (190_000..200_000_u32).filter(|number| memory.contains(number, moment(99)));
        assert!(latest.count() > 9_900);
    }

    #[test]
    fn what_was_too_large_is_forgotten_only_for_a_length() {
        let memory = BypassMemory::new();
        memory.remember(&"a", Finding::TooLarge, moment(5));
        memory.forget(&"a", false);
        assert!(memory.contains(&"a", moment(5)));
        memory.forget(&"a", true);
        assert!(!memory.contains(&"a", moment(5)));
    }
}
