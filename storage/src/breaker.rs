//! Decides whether a new connection is tried. While the server does not answer, requests fail at once instead of waiting for it.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;
use crate::failure::EngineFailure;
use crate::limits::{MAX_RECONNECT_PAUSE, MIN_RECONNECT_PAUSE};

/// A circuit breaker for connecting.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Failures since the last success. The breaker is closed without any.
    failures: u32,
    /// When one caller may probe again.
    retry_at: Option<Instant>,
    /// Whether one does, and its outcome is not known yet.
    is_probing: bool,
    /// The last failure.
    message: String,
}

impl Breaker {
    /// Admits an attempt to connect: any if the breaker is closed, one at a time after a pause if it is open.
    ///
    /// # Errors
    ///
    /// The last failure, while the breaker is open.
    pub(crate) fn admit(&self) -> Result<(), EngineFailure> {
        let mut state = self.state();
        match state.retry_at {
            None => Ok(()),
            Some(retry_at) if !state.is_probing && clock::now() >= retry_at => {
                state.is_probing = true;
                Ok(())
            }
            Some(_) => Err(EngineFailure::Unavailable {
                message: state.message.clone(),
            }),
        }
    }

    /// Whether the breaker is open.
    pub(crate) fn is_open(&self) -> bool {
        self.state().retry_at.is_some()
    }

    /// Closes the breaker: the server answered.
    pub(crate) fn succeed(&self) {
        *self.state() = State::default();
    }

    /// Opens the breaker, each time for longer. Attempts that began before it opened count as one.
    pub(crate) fn fail(&self, message: &str) {
        let mut state = self.state();
        if state.retry_at.is_some() && !state.is_probing {
            return;
        }
        state.is_probing = false;
        state.failures = state.failures.saturating_add(1);
        state.retry_at = Some(clock::now() + pause(state.failures));
        message.clone_into(&mut state.message);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pause after that many failures in a row, with jitter, so that nodes do not return all at once.
fn pause(failures: u32) -> Duration {
    let doubled = MIN_RECONNECT_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16));
    jittered(doubled.min(MAX_RECONNECT_PAUSE))
}

/// Between half and all of a pause.
pub(crate) fn jittered(pause: Duration) -> Duration {
    let part = u32::try_from(RandomState::new().hash_one(0_u8) % 1_000).unwrap_or(0);
    pause / 2 + pause / 2 * part / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_probe_at_a_time_is_admitted_while_the_server_fails() {
        let breaker = Breaker::default();
        breaker.admit().unwrap();
        breaker.fail("gone");
        let refused = breaker.admit();
        assert!(matches!(refused, Err(EngineFailure::Unavailable { .. })));
        breaker.state().retry_at = Some(clock::now());
        breaker.admit().unwrap();
        assert!(breaker.admit().is_err(), "the probe has no outcome yet");
        breaker.fail("still gone");
        assert!(breaker.admit().is_err() && breaker.is_open());
        breaker.state().retry_at = Some(clock::now());
        breaker.admit().unwrap();
        breaker.succeed();
        assert!(!breaker.is_open());
        breaker.admit().unwrap();
        breaker.admit().unwrap();
    }

    #[test]
    fn attempts_that_fail_together_count_once() {
        let breaker = Breaker::default();
        for _ in 0..16 {
            breaker.fail("gone");
        }
        assert_eq!(breaker.state().failures, 1);
    }

    #[test]
    fn pauses_grow_to_a_limit() {
        for failures in 0..100 {
            let pause = pause(failures);
            assert!(pause >= MIN_RECONNECT_PAUSE / 2 && pause <= MAX_RECONNECT_PAUSE);
        }
        assert!(pause(20) >= MAX_RECONNECT_PAUSE / 2);
    }
}
