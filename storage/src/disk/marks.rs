//! The purges so far: the number of the last one of each tag and prefix. An entry is out of date if one of them came after it.

use std::collections::HashMap;

use super::Purged;
use super::limits::{MAX_PREFIXES, MAX_TAGS};

/// The last purges, bounded. What is forgotten puts more out of date, never less.
#[derive(Debug, Default)]
pub(super) struct Marks {
    count: u64,
    /// Entries from before this purge are out of date.
    floor: u64,
    /// By the hash of the tag: if two tags have one, a purge of one is a purge of both.
    tags: HashMap<u64, u64>,
    prefixes: Vec<(String, u64)>,
}

/// A purge as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    Tag(u64, u64),
    Prefix(u64, String),
    Floor(u64),
}

impl Marks {
    /// How many purges there were.
    pub(super) fn generation(&self) -> u64 {
        self.count
    }

    /// Adds purges, and returns their records.
    pub(super) fn add(&mut self, purges: &[Purged]) -> Vec<Record> {
        let records = purges.iter().map(|purged| {
            self.count += 1;
            match purged {
                Purged::Tag(tag) => Record::Tag(self.count, hash(tag)),
                Purged::Prefix(prefix) => Record::Prefix(self.count, prefix.clone()),
                Purged::All => Record::Floor(self.count),
            }
        });
        let records: Vec<Record> = records.collect();
        records.iter().for_each(|record| self.apply(record));
        records
    }

    /// Takes a purge over from the log.
    pub(super) fn apply(&mut self, record: &Record) {
        let number = match record {
            Record::Tag(number, tag) => {
                self.tags.insert(*tag, *number);
                if self.tags.len() > MAX_TAGS {
                    self.forget_half();
                }
                number
            }
            Record::Prefix(number, prefix) => {
                self.prefixes.retain(|(other, _)| other != prefix);
                self.prefixes.push((prefix.clone(), *number));
                if self.prefixes.len() > MAX_PREFIXES {
                    self.raise(*number);
                }
                number
            }
            Record::Floor(number) => {
                self.raise(*number);
                number
            }
        };
        self.count = self.count.max(*number);
    }

    /// All that still counts.
    pub(super) fn records(&self) -> Vec<Record> {
        let tags = self
            .tags
            .iter()
            .map(|(tag, number)| Record::Tag(*number, *tag));
        let prefixes = self.prefixes.iter();
        let prefixes = prefixes.map(|(prefix, number)| Record::Prefix(*number, prefix.clone()));
        let floor = std::iter::once(Record::Floor(self.floor));
        floor.chain(tags).chain(prefixes).collect()
    }

    /// Whether an entry is out of date that was fetched after so many purges.
    pub(super) fn mean<'t>(
        &self,
        number: u64,
        key: &str,
        mut tags: impl Iterator<Item = &'t str>,
    ) -> bool {
        // An entry from the future is of a log that is lost.
        let is_unknown = number < self.floor || number > self.count;
        is_unknown
            || tags.any(|tag| self.tags.get(&hash(tag)).is_some_and(|last| *last > number))
            || self
                .prefixes
                .iter()
                .any(|(prefix, last)| *last > number && key.starts_with(prefix.as_str()))
    }

    /// Puts everything before a purge out of date, for which no more need be remembered.
    fn raise(&mut self, floor: u64) {
        self.floor = self.floor.max(floor);
        self.tags.retain(|_, number| *number > floor);
        self.prefixes.retain(|(_, number)| *number > floor);
    }

    fn forget_half(&mut self) {
        let mut numbers: Vec<u64> = self.tags.values().copied().collect();
        let middle = numbers.len() / 2;
        let (_, median, _) = numbers.select_nth_unstable(middle);
        let median = *median;
        self.raise(median);
    }
}

fn hash(tag: &str) -> u64 {
    let hash = blake3::hash(tag.as_bytes());
    let beginning = hash.as_bytes().first_chunk();
    u64::from_be_bytes(*beginning.expect("a hash has 32 bytes"))
}
