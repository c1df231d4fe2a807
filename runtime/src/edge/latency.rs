//! Owns the latency of an origin as the balancer sees it: an average that follows a rise at once and a fall slowly (peak EWMA).
//! Comparing origins is left to `balancer`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::limits::{FAILURE_LATENCY, LATENCY_DECAY, MAX_FAILURE_LATENCY};
use super::moment::{AtomicMoment, Moment, nanoseconds};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// With a response.
    Response,
    /// With a response whose status is 5xx.
    ServerError,
    /// Without a response.
    Failure,
}

/// The latency of one origin. If two workers note a request at once, one of the two may be lost, which changes little in an
/// average of many.
#[derive(Debug, Default)]
pub(super) struct Latency {
    nanoseconds: AtomicU64,
    noted: AtomicMoment,
}

impl Latency {
    /// Notes a request that ended at `now` after `taken`.
    pub(super) fn note(&self, ending: Ending, taken: Duration, now: Moment) {
        let known = self.nanoseconds.load(Ordering::Relaxed);
        let taken = nanoseconds(taken);
        let most = nanoseconds(MAX_FAILURE_LATENCY);
        let taken = match ending {
            Ending::Response => taken,
            // A function that fails on some requests is no reason to leave the origin. If it fails always, this adds up.
            Ending::ServerError => taken.max(known.saturating_mul(2).min(most)),
            Ending::Failure => {
                let least = nanoseconds(FAILURE_LATENCY);
                taken.max(known.saturating_mul(4).clamp(least, most))
            }
        };
        let noted = self.noted.get();
        let value = match noted {
            Some(noted) if taken < known => {
                let kept = kept(noted, now);
                weighted(known, kept) + weighted(taken, 1.0 - kept)
            }
            _ => taken,
        };
        self.nanoseconds.store(value, Ordering::Relaxed);
        self.noted.set(Some(now));
    }

    /// Forgets all requests.
    pub(super) fn forget(&self) {
        self.nanoseconds.store(0, Ordering::Relaxed);
        self.noted.set(None);
    }

    /// The latency at `now`. Without requests it falls, so that an origin that was slow once is tried again.
    pub(super) fn at(&self, now: Moment) -> Duration {
        let known = self.nanoseconds.load(Ordering::Relaxed);
        let kept = self.noted.get().map_or(0.0, |noted| kept(noted, now));
        Duration::from_nanos(weighted(known, kept))
    }
}

/// The part of a value from `noted` that counts at `now`.
fn kept(noted: Moment, now: Moment) -> f64 {
    (-now.since(noted).as_secs_f64() / LATENCY_DECAY.as_secs_f64()).exp()
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "nanoseconds below a day, times a part of one"
)]
fn weighted(nanoseconds: u64, part: f64) -> u64 {
    (nanoseconds as f64 * part) as u64
}

#[cfg(test)]
mod tests {
    use super::super::moment::start;
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// The latency after these requests: how each ended, after how many milliseconds, so many milliseconds after the one before.
    fn latency(requests: &[(Ending, u32, u32)]) -> Duration {
        let (latency, (_, mut now)) = (Latency::default(), start());
        for (ending, taken, passed) in requests {
            now = now.plus(MS * *passed);
            latency.note(*ending, MS * *taken, now);
        }
        latency.at(now)
    }

    #[test]
    fn a_rise_counts_at_once_and_a_fall_slowly() {
        let (slow, fast) = ((Ending::Response, 100, 0), (Ending::Response, 10, 100));
        assert_eq!(latency(&[(Ending::Response, 10, 0), slow]), MS * 100);
        let fallen = latency(&[slow, fast]);
        assert!(fallen > MS * 95 && fallen < MS * 100, "{fallen:?}");
        let long_after = latency(&[slow, (Ending::Response, 10, 60_000)]);
        assert!(long_after < MS * 11, "{long_after:?}");
    }

    #[test]
    fn a_failure_that_comes_fast_is_slow() {
        let (answered, failed) = ((Ending::Response, 10, 0), (Ending::Failure, 0, 0));
        assert_eq!(latency(&[answered, failed]), FAILURE_LATENCY);
        assert_eq!(latency(&[answered, failed, failed]), FAILURE_LATENCY * 4);
        assert_eq!(
            latency(&[answered, failed, failed, failed]),
            MAX_FAILURE_LATENCY
        );
        let late = latency(&[(Ending::Failure, 5_000, 0)]);
        assert_eq!(late, MS * 5_000);
    }

    #[test]
    fn server_errors_that_come_fast_add_up() {
        let one = latency(&[(Ending::Response, 10, 0), (Ending::ServerError, 1, 1)]);
        assert_eq!(one, MS * 20);
        let mut always = vec![(Ending::Response, 10, 0)];
        always.extend([(Ending::ServerError, 1, 1); 20]);
        assert!(latency(&always) > MAX_FAILURE_LATENCY / 2);
    }

    #[test]
    fn an_origin_without_requests_is_forgiven() {
        let (latency, (_, now)) = (Latency::default(), start());
        latency.note(Ending::Failure, MS, now);
        assert!(latency.at(now.plus(LATENCY_DECAY * 10)) < MS);
        latency.forget();
        assert_eq!(latency.at(now), Duration::ZERO);
    }
}
