//! Owns the figures of two versions of an app that serve side by side, and the judgement whether the new one is worse.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::limits::{
    MAX_LATENCY_RATIO, MAX_MEMORY_RATIO, MIN_FAILURES, MIN_GROWTHS, MIN_LATENCY_GAP,
    MIN_MEMORY_GAP_BYTES, MIN_TIMED_REQUESTS, OVERDUE_AFTER,
};
use crate::clock;

/// Buckets of durations: four for each doubling, from a microsecond to more than a minute.
const BUCKETS: usize = 108;
const BUCKETS_PER_DOUBLING: f64 = 4.0;

/// The figure that a standard normal variable exceeds once in a hundred times.
const ONE_PERCENT: f64 = 2.33;

/// The share of failures that is no reason to go back, however few the other version has.
const TOLERATED: f64 = 0.01;

/// What one version did with its requests.
#[derive(Debug)]
pub(crate) struct Figures {
    requests: AtomicU64,
    failures: AtomicU64,
    durations: [AtomicU64; BUCKETS],
    open: Mutex<Open>,
}

/// The requests without an answer, by their number.
#[derive(Debug, Default)]
struct Open {
    last: u64,
    begun: BTreeMap<u64, Instant>,
}

/// A request that is being answered. One whose client leaves before that counts with the time so far.
#[derive(Debug)]
pub(crate) struct Counted {
    figures: Arc<Figures>,
    begun: Instant,
    number: Option<u64>,
    is_ended: bool,
}

/// The same at one moment.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Seen {
    /// Requests that its functions have answered.
    pub(crate) requests: u64,
    /// Those of them that failed: by a fault of the function, or with a status of 500 and above.
    pub(crate) failures: u64,
    /// Further requests that have waited for an answer for longer than `OVERDUE_AFTER`.
    #[serde(default)]
    pub(crate) overdue: u64,
    /// The time to the response's head of one request in two, in milliseconds; absent before the first request.
    pub(crate) p50_ms: Option<f64>,
    /// The same for nine in ten.
    pub(crate) p90_ms: Option<f64>,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            requests: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            durations: std::array::from_fn(|_| AtomicU64::new(0)),
            open: Mutex::default(),
        }
    }
}

impl Figures {
    /// Counts a request that has `begun`. If it is `watched`, it counts as overdue once it waits for too long.
    pub(crate) fn begin(self: &Arc<Self>, begun: Instant, watched: bool) -> Counted {
        let number = watched.then(|| {
            let mut open = self.open.lock();
            open.last += 1;
            let number = open.last;
            open.begun.insert(number, begun);
            number
        });
        Counted {
            figures: Arc::clone(self),
            begun,
            number,
            is_ended: false,
        }
    }

    /// Counts what was so far as half as much, so that what comes counts more.
    pub(crate) fn fade(&self) {
        let counters = [&self.requests, &self.failures].into_iter();
        for counter in counters.chain(&self.durations) {
            let half = counter.load(Ordering::Relaxed) / 2;
            counter.fetch_sub(half, Ordering::Relaxed);
        }
    }

    /// The requests that wait for an answer for too long.
    fn overdue(&self) -> u64 {
        let now = clock::now();
        let open = self.open.lock();
        let mut begun = open.begun.values();
        let is_overdue = |begun: &&Instant| **begun + OVERDUE_AFTER <= now;
        begun.by_ref().take_while(is_overdue).count() as u64
    }

    fn record(&self, has_failed: bool, taken: Duration) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.failures
            .fetch_add(has_failed.into(), Ordering::Relaxed);
        let doublings = (taken.as_secs_f64() * 1e6).max(1.0).log2();
        let bucket = (doublings * BUCKETS_PER_DOUBLING) as usize;
        self.durations[bucket.min(BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
    }

    /// What it counted so far.
    pub(crate) fn seen(&self) -> Seen {
        let durations = self.durations.each_ref();
        let durations = durations.map(|count| count.load(Ordering::Relaxed));
        Seen {
            requests: self.requests.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            overdue: self.overdue(),
            p50_ms: quantile(&durations, 0.5),
            p90_ms: quantile(&durations, 0.9),
        }
    }
}

impl Counted {
    /// Notes the answer, and whether it is a failure; `None` if it says nothing of the version.
    pub(crate) fn end(mut self, has_failed: Option<bool>) {
        self.is_ended = true;
        if let Some(has_failed) = has_failed {
            self.figures.record(has_failed, self.taken());
        }
    }

    fn taken(&self) -> Duration {
        clock::now().saturating_duration_since(self.begun)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.figures.open.lock().begun.remove(&number);
        }
        if !self.is_ended {
            self.figures.record(false, self.taken());
        }
    }
}

impl Seen {
    /// Those without an answer as requests that failed.
    fn with_overdue(self) -> Self {
        Self {
            requests: self.requests + self.overdue,
            failures: self.failures + self.overdue,
            ..self
        }
    }

    /// Both together, without durations.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            failures: self.failures + other.failures,
            ..Self::default()
        }
    }

    fn failure_rate(self) -> f64 {
        self.failures as f64 / self.requests.max(1) as f64
    }
}

/// The upper bound of the bucket with this part of all durations below or in it, in milliseconds.
fn quantile(counts: &[u64; BUCKETS], part: f64) -> Option<f64> {
    let all: u64 = counts.iter().sum();
    let wanted = (all as f64 * part).ceil();
    let mut below = 0;
    let found = counts.iter().position(|count| {
        below += count;
        below as f64 >= wanted
    });
    let bucket = found.filter(|_| all > 0)?;
    let bound = ((bucket + 1) as f64 / BUCKETS_PER_DOUBLING).exp2() / 1e3;
    // Three digits are more than a bucket tells.
    Some((bound * 1e3).round() / 1e3)
}

/// Why a `new` version is worse than the `old` one by its failures.
pub(crate) fn worse_by_failures(new: Seen, old: Seen) -> Option<String> {
    let (new, old) = (new.with_overdue(), old.with_overdue());
    if new.failures < MIN_FAILURES {
        return None;
    }
    let (rate, before) = (new.failure_rate(), old.failure_rate());
    // The difference of two shares, against the chance that both versions are alike (a z-test of two proportions).
    let all = new.and(old).failure_rate();
    let spread = 1.0 / new.requests.max(1) as f64 + 1.0 / old.requests.max(1) as f64;
    let error = (all * (1.0 - all) * spread).sqrt();
    let is_chance = rate - before < ONE_PERCENT * error;
    if is_chance || rate < TOLERATED + 2.0 * before {
        return None;
    }
    Some(format!(
        "{} of its {} requests failed or got no answer ({:.1} %), and {} of {} of the version before ({:.1} %)",
        new.failures,
        new.requests,
        rate * 100.0,
        old.failures,
        old.requests,
        before * 100.0
    ))
}

/// Why a `new` version is worse than the `old` one by the time that its functions take.
pub(crate) fn worse_by_latency(new: Seen, old: Seen) -> Option<String> {
    if new.requests.min(old.requests) < MIN_TIMED_REQUESTS {
        return None;
    }
    let quantiles = [
        ("half", new.p50_ms, old.p50_ms),
        ("nine in ten", new.p90_ms, old.p90_ms),
    ];
    quantiles.into_iter().find_map(|(part, new, old)| {
        let (new, old) = (new?, old?);
        let is_slow = new > old * f64::from(MAX_LATENCY_RATIO) && new > old + MIN_LATENCY_GAP.as_secs_f64() * 1e3;
        is_slow.then(|| {
            format!("{part} of its requests took up to {new:.1} ms, and up to {old:.1} ms in the version before")
        })
    })
}

/// The most memory that an instance of a component took, look by look.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Growth {
    bytes: u64,
    /// How often it was more than at the look before.
    steps: u32,
}

impl Growth {
    /// Notes the most memory that an instance took so far, in bytes.
    pub(crate) fn note(&mut self, bytes: u64) {
        self.steps += u32::from(bytes > self.bytes);
        self.bytes = self.bytes.max(bytes);
    }

    /// Why a version is worse by it than the one before, of which an instance took at most `old` bytes. One large request is no leak:
    /// the memory has to grow again and again.
    pub(crate) fn worse_than(self, component: &str, old: u64) -> Option<String> {
        let Self { bytes, steps } = self;
        let is_large =
            bytes > old.saturating_mul(MAX_MEMORY_RATIO) && bytes > old + MIN_MEMORY_GAP_BYTES;
        let [new, old] = [bytes, old].map(|bytes| bytes.div_ceil(1 << 20));
        (is_large && steps >= MIN_GROWTHS).then(|| {
            format!("the memory of `{component}` grows: an instance took {new} MiB so far, and at most {old} MiB in the version before")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(requests: u64, failures: u64) -> Seen {
        Seen {
            requests,
            failures,
            ..Seen::default()
        }
    }

    fn timed(milliseconds: u64) -> Seen {
        let figures = Figures::default();
        for _ in 0..MIN_TIMED_REQUESTS {
            figures.record(false, Duration::from_millis(milliseconds));
        }
        figures.seen()
    }

    #[test]
    fn version_that_fails_more_often_is_worse_once_that_is_no_chance() {
        assert_eq!(worse_by_failures(seen(100, 0), seen(100, 0)), None);
        assert_eq!(
            worse_by_failures(seen(40, 2), seen(1000, 0)),
            None,
            "two are few"
        );
        assert!(worse_by_failures(seen(120, 6), seen(120, 0)).is_some());
        assert!(
            worse_by_failures(seen(60, 60), seen(0, 0)).is_some(),
            "no old version was asked"
        );
        assert_eq!(worse_by_failures(seen(1000, 50), seen(1000, 48)), None);
        assert_eq!(
            worse_by_failures(seen(100_000, 300), seen(100_000, 0)),
            None,
            "0.3 %"
        );
    }

    #[test]
    fn version_that_takes_twice_as_long_is_worse_if_somebody_notices() {
        assert!(worse_by_latency(timed(30), timed(10)).is_some());
        assert_eq!(worse_by_latency(timed(15), timed(10)), None);
        assert_eq!(
            worse_by_latency(timed(3), timed(1)),
            None,
            "2 ms are no harm"
        );
        assert_eq!(worse_by_latency(seen(1, 0), timed(1)), None);
    }

    #[test]
    fn version_whose_instances_grow_is_worse() {
        const MIB: u64 = 1 << 20;
        let grown = |to: &[u64]| {
            let mut growth = Growth::default();
            to.iter().for_each(|bytes| growth.note(bytes * MIB));
            growth
        };
        let leak: Vec<_> = (1..=60).collect();
        assert!(grown(&leak).worse_than("api", 8 * MIB).is_some());
        assert_eq!(grown(&leak).worse_than("api", 45 * MIB), None);
        assert_eq!(
            grown(&leak[..12]).worse_than("api", 4 * MIB),
            None,
            "8 MiB are few"
        );
        // A sign-in takes much memory for its hash.
        assert_eq!(grown(&[2, 2, 60, 60, 60]).worse_than("api", 2 * MIB), None);
    }

    #[test]
    fn requests_without_an_answer_count_once_they_are_overdue() {
        let figures = Arc::new(Figures::default());
        let now = clock::now();
        let late = now.checked_sub(2 * OVERDUE_AFTER).unwrap();
        let open: Vec<_> = (0..20).map(|_| figures.begin(late, true)).collect();
        let new = figures.begin(now, true);
        let seen = figures.seen();
        assert_eq!((seen.requests, seen.overdue), (0, 20));
        assert!(worse_by_failures(seen, Figures::default().seen()).is_some());
        // Clients that leave, an answer, and a request that says nothing.
        drop(open);
        new.end(Some(true));
        figures.begin(now, true).end(None);
        let seen = figures.seen();
        assert_eq!((seen.requests, seen.failures, seen.overdue), (21, 1, 0));
        figures.fade();
        assert_eq!(figures.seen().requests, 11);
    }

    #[test]
    fn quantiles_are_within_a_fifth_of_the_durations() {
        let figures = Figures::default();
        for milliseconds in 1..=100 {
            figures.record(milliseconds % 10 == 0, Duration::from_millis(milliseconds));
        }
        let seen = figures.seen();
        let is_near = |found: Option<f64>, real: f64| {
            found.is_some_and(|found| found >= real && found < real * 1.2)
        };
        assert!(
            is_near(seen.p50_ms, 50.0) && is_near(seen.p90_ms, 90.0),
            "{seen:?}"
        );
        assert_eq!((seen.requests, seen.failures), (100, 10));
        figures.record(false, Duration::from_secs(86_400));
        figures.record(false, Duration::ZERO);
    }
}
