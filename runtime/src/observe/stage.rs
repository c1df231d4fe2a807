//! Owns the names of a request's stages, and how long a request was in each.
//! Noting that a stage begins is left to the module that does its work.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::ser::{Serialize, SerializeMap, Serializer};

/// The stages of a request, in the order of its way. Metrics, the log, pages and tests use their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The head was read: it is judged, cleaned and given an id.
    Accept,
    /// Its content is bounded, and it is handed to the services of its worker.
    Limit,
    /// The cache looks for a stored response.
    Cache,
    /// The route that answers it is found.
    Route,
    /// It waits for a place among the requests of its component.
    Admit,
    /// An instance works on it.
    Run,
    /// An edge has sent it to its origin.
    Forward,
    /// Its response goes to the client.
    Respond,
}

/// When a request came to each stage, counted from its arrival. Only the first time counts: a guest may call another one.
#[derive(Debug, Default)]
pub struct StageTimes([AtomicU64; Stage::ALL.len()]);

/// How long a request was in each of its stages, in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StageDurations([Option<Duration>; Stage::ALL.len()]);

impl Stage {
    /// All stages, in order.
    pub const ALL: [Self; 8] = [
        Self::Accept,
        Self::Limit,
        Self::Cache,
        Self::Route,
        Self::Admit,
        Self::Run,
        Self::Forward,
        Self::Respond,
    ];

    /// The name in metrics, log and pages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Limit => "limit",
            Self::Cache => "cache",
            Self::Route => "route",
            Self::Admit => "admit",
            Self::Run => "run",
            Self::Forward => "forward",
            Self::Respond => "respond",
        }
    }
}

impl StageTimes {
    /// Whether the request has come to `stage`.
    pub(crate) fn has(&self, stage: Stage) -> bool {
        self.0[stage as usize].load(Ordering::Relaxed) > 0
    }

    /// Notes that a request that arrived at `received` comes to `stage` at `now`.
    pub(crate) fn enter(&self, stage: Stage, received: Instant, now: Instant) {
        if !self.has(stage) {
            // Zero stands for a stage that was not reached.
            let offset = nanoseconds(now, received).max(1);
            self.0[stage as usize].store(offset, Ordering::Relaxed);
        }
    }

    /// How long it was in each stage, until it was over after `total`. The first stage begins with the arrival.
    pub(crate) fn durations(&self, total: Duration) -> StageDurations {
        let mut durations = [None; Stage::ALL.len()];
        let mut end = u64::try_from(total.as_nanos()).unwrap_or(u64::MAX);
        for (duration, offset) in durations.iter_mut().zip(&self.0).rev() {
            let offset = offset.load(Ordering::Relaxed);
            if offset > 0 {
                *duration = Some(Duration::from_nanos(end.saturating_sub(offset)));
                end = end.min(offset);
            }
        }
        durations[Stage::Accept as usize] = Some(Duration::from_nanos(end));
        StageDurations(durations)
    }
}

impl StageDurations {
    /// The stages that the request came to, each with the time in it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Stage, Duration)> {
        let durations = Stage::ALL.into_iter().zip(self.0);
        durations.filter_map(|(stage, duration)| Some((stage, duration?)))
    }
}

impl Serialize for StageDurations {
    /// Microseconds by the names of stages.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (stage, duration) in self.iter() {
            let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
            map.serialize_entry(stage.name(), &microseconds)?;
        }
        map.end()
    }
}

fn nanoseconds(later: Instant, earlier: Instant) -> u64 {
    let between = later.saturating_duration_since(earlier);
    u64::try_from(between.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn the_times_in_the_stages_are_the_time_of_the_request() {
        let (times, received) = (StageTimes::default(), clock::now());
        for (stage, microseconds) in [
            (Stage::Limit, 10),
            (Stage::Cache, 30),
            (Stage::Route, 60),
            (Stage::Respond, 100),
            // A component that the first one calls.
            (Stage::Route, 90),
        ] {
            times.enter(
                stage,
                received,
                received + Duration::from_micros(microseconds),
            );
        }
        let durations = times.durations(Duration::from_micros(150));
        let seen = serde_json::to_string(&durations).unwrap();
        assert_eq!(
            seen,
            r#"{"accept":10,"limit":20,"cache":30,"route":40,"respond":50}"#
        );
    }

    #[test]
    fn a_request_that_is_over_at_once_was_accepted() {
        let durations = StageTimes::default().durations(Duration::from_micros(7));
        let seen: Vec<_> = durations.iter().collect();
        assert_eq!(seen, [(Stage::Accept, Duration::from_micros(7))]);
    }
}
