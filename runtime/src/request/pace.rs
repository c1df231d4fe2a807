//! Owns the least pace at which a client sends its request or reads its response. Ending a request that is too slow is left
//! to its content and to the socket.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep_until};

use crate::clock;

/// The time that a client may keep the server waiting. Waiting uses it up; bytes that move earn it back, at the least rate
/// that is asked for. So a client may pause, but none goes on for ever at a byte now and then.
#[derive(Debug)]
pub(crate) struct Pace {
    patience: Duration,
    /// Bytes per second; 0 if any byte earns back all of the patience.
    min_rate: u64,
    left: Duration,
    waiting_since: Option<Instant>,
    /// Kept between waits, since making one costs an allocation.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    pub(crate) fn new(patience: Duration, min_rate: u64) -> Self {
        Self {
            patience,
            min_rate,
            left: patience,
            waiting_since: None,
            timer: None,
        }
    }

    /// Waits for the client. Ready when it was too slow.
    pub(crate) fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_begun = self.waiting_since.is_some();
        let since = *self.waiting_since.get_or_insert_with(clock::now);
        let due = (since + self.left).into();
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if !is_begun {
            timer.as_mut().reset(due);
        }
        timer.as_mut().poll(cx)
    }

    /// Notes that `bytes` moved. Returns when, if the server was waiting for them.
    pub(crate) fn moved(&mut self, bytes: usize) -> Option<Instant> {
        let since = self.waiting_since.take();
        if since.is_none() && self.left == self.patience {
            return None;
        }
        let now = since.map(|since| (since, clock::now()));
        let waited = now.map_or(Duration::ZERO, |(since, now)| {
            now.saturating_duration_since(since)
        });
        let rest = self.left.saturating_sub(waited);
        self.left = self.patience.min(rest.saturating_add(self.earned(bytes)));
        now.map(|(_, now)| now)
    }

    fn earned(&self, bytes: usize) -> Duration {
        match (bytes as u64)
            .saturating_mul(1_000_000)
            .checked_div(self.min_rate)
        {
            Some(microseconds) => Duration::from_micros(microseconds),
            None => self.patience,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// A pace that has waited for `waited` before `bytes` came.
    fn waited(min_rate: u64, waited: Duration, bytes: usize) -> Duration {
        let mut pace = Pace::new(PATIENCE, min_rate);
        pace.waiting_since = Some(clock::now() - waited);
        pace.moved(bytes);
        pace.left
    }

    #[test]
    fn bytes_earn_back_time_at_the_least_rate() {
        let ten = Duration::from_secs(10);
        let second = Duration::from_secs(1);
        assert!(waited(100, ten, 0) <= ten);
        let left = waited(100, ten, 500);
        assert!(left <= 15 * second && left > 14 * second, "{left:?}");
        assert_eq!(waited(100, ten, 5000), PATIENCE, "no more than at first");
        assert_eq!(waited(0, ten, 1), PATIENCE, "any byte is enough");
    }

    #[test]
    fn who_was_not_waited_for_loses_nothing() {
        let mut pace = Pace::new(PATIENCE, 1);
        assert_eq!(pace.moved(0), None);
        assert_eq!(pace.left, PATIENCE);
    }

    #[tokio::test]
    async fn waiting_for_too_long_ends() {
        let mut pace = Pace::new(Duration::ZERO, 1);
        std::future::poll_fn(|cx| pace.poll_overdue(cx)).await;
        let mut patient = Pace::new(PATIENCE, 1);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(patient.poll_overdue(&mut cx).is_pending());
    }
}
