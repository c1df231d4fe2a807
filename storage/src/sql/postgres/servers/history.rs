//! Where the primary was at which time, as far as that matters: how far its replicas may lag behind.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::sql::limits::{MAX_NOTED_PLACES, MAX_REPLICA_LAG};
use crate::sql::position::Place;

/// The places of a primary, the oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Each with the time before it was asked for.
    places: VecDeque<(Instant, Place)>,
    /// The version of the schema, and since when it is used.
    schema: (i64, Option<Instant>),
    /// A place at which the schema had that version.
    of_schema: Option<Place>,
}

impl History {
    /// Notes the place of an answer to a question of then.
    pub(super) fn note(&mut self, place: Place, asked: Instant) {
        if self.places.len() == MAX_NOTED_PLACES {
            self.places.pop_front();
        }
        self.places.push_back((asked, place));
        if self.schema.1.is_none_or(|since| since <= asked) {
            self.of_schema.get_or_insert(place);
        }
    }

    /// The newest place.
    pub(super) fn newest(&self) -> Place {
        self.places
            .back()
            .map_or(Place::default(), |(_, place)| *place)
    }

    /// The place that all must have reached now; `None` if that is not known.
    pub(super) fn least(&self, now: Instant) -> Option<Place> {
        let mut places = self.places.iter();
        let recent = places.find(|(asked, _)| now < *asked + MAX_REPLICA_LAG);
        recent.map(|(_, place)| *place)
    }

    /// A place at which the schema had this version; `None` if that is not known yet.
    pub(super) fn of_schema(&mut self, version: i64, now: Instant) -> Option<Place> {
        if self.schema.1.is_none() || self.schema.0 != version {
            self.schema = (version, Some(now));
            self.of_schema = None;
        }
        self.of_schema
    }

    /// How far a server at a place lagged behind then, about: it did at least since the oldest place that it has not reached.
    pub(super) fn lag(&self, place: Place, now: Instant) -> Duration {
        let mut places = self.places.iter();
        let missed = places.find(|(_, noted)| *noted > place);
        missed.map_or(Duration::ZERO, |(asked, _)| now - *asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn at(lsn: u64) -> Place {
        Place { timeline: 1, lsn }
    }

    #[test]
    fn replicas_need_what_was_there_a_lag_ago() {
        let (mut history, begin) = (History::default(), clock::now());
        assert_eq!(history.least(begin), None);
        for step in 0..100 {
            let now = begin + MAX_REPLICA_LAG / 5 * step;
            history.note(at(step.into()), now);
            assert_eq!(history.least(now), Some(at(step.saturating_sub(4).into())));
            assert_eq!(history.lag(at(step.into()), now), Duration::ZERO);
        }
        assert_eq!(history.places.len(), MAX_NOTED_PLACES);
        let end = begin + MAX_REPLICA_LAG * 21;
        assert_eq!(history.least(end), None);
        assert_eq!(history.lag(at(94), end), end - begin - MAX_REPLICA_LAG * 19);
    }

    #[test]
    fn a_new_schema_needs_a_place_that_was_asked_for_after_it_was_known() {
        let (mut history, begin) = (History::default(), clock::now());
        let second = Duration::from_secs(1);
        history.note(at(1), begin);
        assert_eq!(history.of_schema(7, begin + second), None);
        history.note(at(2), begin);
        assert_eq!(history.of_schema(7, begin + second * 2), None);
        history.note(at(3), begin + second);
        history.note(at(4), begin + second * 2);
        assert_eq!(history.of_schema(7, begin + second * 3), Some(at(3)));
        assert_eq!(history.of_schema(8, begin + second * 3), None);
    }
}
