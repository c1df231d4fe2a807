//! Owns whether an origin gets requests: failures in a row eject it, a probe brings it back, and its share grows slowly then.
//! Detecting failures is left to `exchange` and `checks`, choosing among origins to `balancer`.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::limits::{EJECTIONS_FORGOTTEN, MAX_EJECTION, MIN_EJECTION, SLOW_START};
use super::moment::{AtomicMoment, Moment};

/// The least share of requests that an origin in slow start gets.
const LEAST_SHARE: f64 = 0.1;

/// The circuit breaker of one origin. Requests read it without a lock; only its changes take one.
#[derive(Debug)]
pub(super) struct Health {
    /// Failures in a row that eject the origin.
    threshold: u32,
    failures: AtomicU32,
    /// While the origin is ejected: when it may be probed.
    probed_from: AtomicMoment,
    /// Whether a request probes it now.
    is_probed: AtomicBool,
    /// When it came or came back; absent if it was there from the beginning.
    came: AtomicMoment,
    /// How often in short time it was ejected. Whoever changes the state holds this lock.
    ejections: Mutex<u32>,
}

/// The state of an origin, as metrics and pages name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It gets requests.
    Healthy,
    /// It gets none.
    Ejected,
    /// It gets one request or check at a time, which decides.
    Probed,
}

/// What an ending changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The origin gets no requests for this time.
    Ejected(Duration),
    /// The origin gets requests again.
    Returned,
}

impl Health {
    /// An origin that came at `came`, or was there from the beginning.
    pub(super) fn new(threshold: u32, came: Option<Moment>) -> Self {
        Self {
            threshold,
            failures: AtomicU32::new(0),
            probed_from: AtomicMoment::default(),
            is_probed: AtomicBool::new(false),
            came: AtomicMoment::new(came),
            ejections: Mutex::new(0),
        }
    }

    /// Whether it gets requests.
    pub(super) fn is_healthy(&self) -> bool {
        self.probed_from.get().is_none()
    }

    /// Its state at `now`.
    pub(super) fn state(&self, now: Moment) -> State {
        match self.probed_from.get() {
            None => State::Healthy,
            Some(from) if now < from => State::Ejected,
            Some(_) => State::Probed,
        }
    }

    /// When it may be probed, if it is ejected.
    pub(super) fn probed_from(&self) -> Option<Moment> {
        self.probed_from.get()
    }

    /// The part of its share of requests that it gets at `now`.
    pub(super) fn share(&self, now: Moment) -> f64 {
        self.came.get().map_or(1.0, |came| {
            let grown = now.since(came).as_secs_f64() / SLOW_START.as_secs_f64();
            grown.clamp(LEAST_SHARE, 1.0)
        })
    }

    /// Takes the one probe that there may be at a time, until [`Self::end_probe`].
    pub(super) fn begin_probe(&self, now: Moment) -> bool {
        self.state(now) == State::Probed && !self.is_probed.swap(true, Ordering::Relaxed)
    }

    /// Gives the probe back.
    pub(super) fn end_probe(&self) {
        self.is_probed.store(false, Ordering::Relaxed);
    }

    /// A request that began at `begun` was answered.
    pub(super) fn succeeded(&self, begun: Moment, now: Moment) -> Option<Change> {
        if self.failures.load(Ordering::Relaxed) > 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
        // An answer to an earlier request says little about an origin that failed since.
        let is_probe = |from: Moment| from <= begun;
        if !self.probed_from.get().is_some_and(is_probe) {
            return None;
        }
        let _changing = self.ejections.lock();
        if !self.probed_from.get().is_some_and(is_probe) {
            return None;
        }
        self.came.set(Some(now));
        self.probed_from.set(None);
        Some(Change::Returned)
    }

    /// A request that began at `begun` failed. `random` spreads the returns of several origins and edges.
    pub(super) fn failed(&self, begun: Moment, now: Moment, random: u64) -> Option<Change> {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if self.is_healthy() && failures < self.threshold {
            return None;
        }
        self.eject(begun, now, random)
    }

    /// Ejects the origin, or ejects it again if a probe that began at `begun` failed.
    pub(super) fn eject(&self, begun: Moment, now: Moment, random: u64) -> Option<Change> {
        let mut ejections = self.ejections.lock();
        match self.probed_from.get() {
            // Another one was first, and this was sent before.
            Some(from) if begun < from => return None,
            Some(_) => *ejections = ejections.saturating_add(1),
            None => {
                let served = self.came.get().map(|came| now.since(came));
                let is_forgotten = served.is_none_or(|served| served >= EJECTIONS_FORGOTTEN);
                *ejections = if is_forgotten {
                    1
                } else {
                    ejections.saturating_add(1)
                };
            }
        }
        let time = ejection(*ejections, random);
        self.failures.store(0, Ordering::Relaxed);
        self.probed_from.set(Some(now.plus(time)));
        Some(Change::Ejected(time))
    }
}

/// How long an origin is ejected that was ejected so many times: twice as long each time, three quarters to all of it.
fn ejection(ejections: u32, random: u64) -> Duration {
    let doubled = 1_u32.checked_shl(ejections.saturating_sub(1));
    let longest = MIN_EJECTION.saturating_mul(doubled.unwrap_or(u32::MAX));
    let longest = longest.min(MAX_EJECTION);
    let jitter = u32::try_from(random % 1_024).unwrap_or(0);
    longest - longest / 4 * jitter / 1_024
}

#[cfg(test)]
mod tests {
    use super::super::moment::start;
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ejected() -> (Health, Moment) {
        let (health, (_, now)) = (Health::new(1, None), start());
        health.failed(now, now, 0);
        (health, now)
    }

    #[test]
    fn failures_in_a_row_eject() {
        let (health, (_, now)) = (Health::new(3, None), start());
        for _ in 0..2 {
            assert_eq!(health.failed(now, now, 0), None);
            assert_eq!(health.failed(now, now, 0), None);
            assert_eq!(health.succeeded(now, now), None);
        }
        assert!(health.is_healthy());
        health.failed(now, now, 0);
        health.failed(now, now, 0);
        let change = health.failed(now, now, 0);
        assert_eq!(change, Some(Change::Ejected(MIN_EJECTION)));
        assert_eq!(health.state(now), State::Ejected);
    }

    #[test]
    fn one_probe_at_a_time_brings_it_back() {
        let (health, now) = ejected();
        assert!(!health.begin_probe(now), "too early");
        let later = now.plus(MIN_EJECTION);
        assert_eq!(health.state(later), State::Probed);
        assert!(health.begin_probe(later) && !health.begin_probe(later));
        health.end_probe();
        assert!(health.begin_probe(later));
        assert_eq!(health.succeeded(later, later), Some(Change::Returned));
        assert!(health.is_healthy());
    }

    #[test]
    fn answers_and_failures_from_before_the_ejection_change_nothing() {
        let (health, now) = ejected();
        assert_eq!(health.succeeded(now, now.plus(SECOND)), None);
        assert_eq!(health.failed(now, now.plus(SECOND), 0), None);
        assert_eq!(health.state(now.plus(MIN_EJECTION)), State::Probed);
    }

    #[test]
    fn each_failed_probe_doubles_the_time_up_to_the_longest() {
        let (health, mut now) = ejected();
        for seconds in [2, 4, 8, 10, 10] {
            now = now.plus(MAX_EJECTION);
            let change = health.failed(now, now, 0);
            assert_eq!(change, Some(Change::Ejected(SECOND * seconds)));
        }
        now = now.plus(MAX_EJECTION);
        health.succeeded(now, now);
        let again = now.plus(SECOND);
        let change = health.failed(again, again, 0);
        assert_eq!(change, Some(Change::Ejected(MAX_EJECTION)), "too soon");
        now = again.plus(MAX_EJECTION);
        health.succeeded(now, now);
        let long_after = now.plus(EJECTIONS_FORGOTTEN);
        let change = health.failed(long_after, long_after, 0);
        assert_eq!(change, Some(Change::Ejected(MIN_EJECTION)), "forgotten");
    }

    #[test]
    fn returns_are_spread() {
        assert_eq!(ejection(1, 0), MIN_EJECTION);
        let earliest = ejection(1, 1_023);
        assert!(earliest < MIN_EJECTION && earliest > MIN_EJECTION * 3 / 4);
        assert_eq!(ejection(u32::MAX, 0), MAX_EJECTION);
    }

    #[test]
    fn the_share_of_an_origin_that_came_grows() {
        let (_, now) = start();
        let share = |health: &Health, passed| health.share(now.plus(passed));
        assert!((share(&Health::new(1, None), SECOND) - 1.0).abs() < f64::EPSILON);
        let new = Health::new(1, Some(now));
        assert!((share(&new, Duration::ZERO) - LEAST_SHARE).abs() < f64::EPSILON);
        assert!((share(&new, SLOW_START / 2) - 0.5).abs() < f64::EPSILON);
        assert!((share(&new, SLOW_START * 2) - 1.0).abs() < f64::EPSILON);
    }
}
