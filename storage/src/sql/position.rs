//! Places in the history of databases on servers with replicas: where a write is, and how much of the history a read must see.
//! Asking the servers for theirs is left to the engine.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use super::limits::MAX_POSITIONS;

/// A place in the history of a server. A later timeline, which begins when a replica is promoted, has all of the earlier ones
/// that is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) timeline: u32,
    /// The number of bytes of the log before it.
    pub(crate) lsn: u64,
}

impl Place {
    /// Reads the columns of a row: the timeline, and the bytes before the place.
    pub(crate) fn of_row(timeline: &str, lsn: &str) -> Option<Self> {
        Some(Self {
            timeline: timeline.parse().ok()?,
            lsn: lsn.parse().ok()?,
        })
    }
}

/// Places in the histories of several servers, by the identifiers that their data have: of the same databases they are the same on
/// each node. As text: `SYSTEM-TIMELINE-LSN` in hexadecimal digits, joined with `+`, or `primary`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    places: Vec<(u64, Place)>,
    /// No place is far enough: some writes are nobody knows where.
    is_beyond: bool,
}

/// The text of positions that only a primary has reached.
const BEYOND: &str = "primary";

impl Positions {
    /// Those that only a primary has reached.
    #[must_use]
    pub fn beyond() -> Self {
        Self {
            places: Vec::new(),
            is_beyond: true,
        }
    }

    /// Whether any server has reached them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty() && !self.is_beyond
    }

    /// Those that have reached both.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.is_beyond |= other.is_beyond;
        for &(system, place) in &other.places {
            self.add(system, place);
        }
        self
    }

    pub(crate) fn add(&mut self, system: u64, place: Place) {
        let known = self.places.iter().position(|(known, _)| *known == system);
        match known {
            Some(at) => self.places[at].1 = place.max(self.places[at].1),
            None if self.places.len() < MAX_POSITIONS => self.places.push((system, place)),
            None => self.is_beyond = true,
        }
    }

    /// The place in the history of one server; `None` if only its primary is far enough.
    fn of(&self, system: u64) -> Option<Place> {
        let mut places = self.places.iter();
        let known = places.find(|(known, _)| *known == system);
        let place = known.map_or_else(Place::default, |(_, place)| *place);
        (!self.is_beyond).then_some(place)
    }

    /// Reads the text of positions; `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" => return Some(Self::default()),
            BEYOND => return Some(Self::beyond()),
            _ => {}
        }
        let mut positions = Self::default();
        for place in text.split('+') {
            let mut parts = place.split('-');
            let mut part = || u64::from_str_radix(parts.next()?, 16).ok();
            let (system, timeline, lsn) = (part()?, part()?, part()?);
            let timeline = u32::try_from(timeline).ok()?;
            positions.add(system, Place { timeline, lsn });
        }
        Some(positions)
    }
}

impl fmt::Display for Positions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_beyond {
            return formatter.write_str(BEYOND);
        }
        for (at, (system, Place { timeline, lsn })) in self.places.iter().enumerate() {
            let before = if at == 0 { "" } else { "+" };
            write!(formatter, "{before}{system:x}-{timeline:x}-{lsn:x}")?;
        }
        Ok(())
    }
}

/// What the reads of a request must see: the writes up to these positions, and its own. They run on a replica that has that.
#[derive(Debug, Default)]
pub struct Needs {
    positions: Positions,
    has_written: AtomicBool,
}

impl Needs {
    /// Those of a request that has written nothing yet.
    #[must_use]
    pub fn new(positions: Positions) -> Self {
        Self {
            positions,
            has_written: AtomicBool::new(false),
        }
    }

    /// Has the rest of the request read what it changes.
    pub(crate) fn note_write(&self) {
        self.has_written.store(true, Ordering::Relaxed);
    }

    /// The place that a replica of a server must have reached; `None` if none is far enough.
    pub(crate) fn of(&self, system: u64) -> Option<Place> {
        let has_written = self.has_written.load(Ordering::Relaxed);
        self.positions.of(system).filter(|_| !has_written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(timeline: u32, lsn: u64) -> Place {
        Place { timeline, lsn }
    }

    #[test]
    fn positions_come_back_as_they_went_and_others_are_none() {
        let mut positions = Positions::default();
        assert_eq!(Positions::parse(""), Some(Positions::default()));
        for (system, lsn) in [(7, 0x16_B374_D848), (u64::MAX, u64::MAX)] {
            positions.add(system, place(u32::MAX, lsn));
            assert_eq!(
                Positions::parse(&positions.to_string()),
                Some(positions.clone())
            );
        }
        assert_eq!(Positions::parse("primary"), Some(Positions::beyond()));
        for wrong in ["7", "7-1", "7-1-x", "7-1-2+", "7-100000000-2", "-"] {
            assert_eq!(Positions::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_later_timeline_has_what_is_kept_of_the_earlier_ones() {
        let mut positions = Positions::default();
        for (next, newest) in [
            (place(1, 90), place(1, 90)),
            (place(2, 50), place(2, 50)),
            (place(1, 99), place(2, 50)),
            (place(2, 60), place(2, 60)),
        ] {
            positions.add(1, next);
            assert_eq!(positions.of(1), Some(newest));
        }
        assert_eq!(positions.of(2), Some(Place::default()));
        let both = positions.and(&Positions::beyond());
        assert_eq!(both.of(1), None);
    }

    #[test]
    fn many_servers_take_bounded_room() {
        let mut positions = Positions::default();
        for system in 0..100 {
            positions.add(system, place(1, system));
        }
        assert_eq!(
            (positions.places.len(), positions.of(0)),
            (MAX_POSITIONS, None)
        );
    }

    #[test]
    fn who_has_written_reads_from_the_primary() {
        let needs = Needs::default();
        assert_eq!(needs.of(1), Some(Place::default()));
        needs.note_write();
        assert_eq!(needs.of(1), None);
    }
}
