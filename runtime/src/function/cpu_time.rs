//! Measures the CPU time of a guest with the clock of its thread, so that a guest does not pay for other threads.
//! [`super::watch`] compares it with the limit.
//!
//! Reading that clock is a system call, which is expensive compared with a small request. So only long polls read it. A
//! short poll counts by the wall clock, which is never less.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::clock;
use crate::limits::CPU_CLOCK_INTERVAL_MICROSECONDS;

const INTERVAL: Duration = Duration::from_micros(CPU_CLOCK_INTERVAL_MICROSECONDS);

thread_local! {
    /// The last reading of this thread's clock.
    static LAST: Cell<Option<Reading>> = const { Cell::new(None) };
}

#[derive(Clone, Copy)]
struct Reading {
    at: Instant,
    cpu: Duration,
}

impl Reading {
    fn take(at: Instant) -> Self {
        let reading = Self {
            at,
            cpu: clock::thread_cpu_time(),
        };
        LAST.set(Some(reading));
        reading
    }
}

/// Measures one poll of a guest. A poll begins and ends on the same thread.
pub(super) struct Stopwatch {
    started: Instant,
    /// At most [`INTERVAL`] old at the start, so that a long poll is charged for at most this much of other work.
    last: Reading,
}

impl Stopwatch {
    pub(super) fn start() -> Self {
        let started = clock::now();
        let recent = |last: &Reading| started.saturating_duration_since(last.at) < INTERVAL;
        let last = LAST.get().filter(recent);
        Self {
            started,
            last: last.unwrap_or_else(|| Reading::take(started)),
        }
    }

    /// The time now, and the CPU time since the start.
    pub(super) fn stop(self) -> (Instant, Duration) {
        let now = clock::now();
        let elapsed = now.saturating_duration_since(self.started);
        if elapsed < INTERVAL {
            return (now, elapsed);
        }
        let spent = Reading::take(now).cpu.saturating_sub(self.last.cpu);
        (now, spent.min(elapsed))
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::time::Duration;

    use super::Stopwatch;
    use crate::clock;

    /// Keeps the processor of this thread busy for so long.
    fn compute(time: Duration) {
        let start = clock::thread_cpu_time();
        while clock::thread_cpu_time() - start < time {
            black_box(());
        }
    }

    #[test]
    fn time_in_which_others_have_the_processor_is_not_charged() {
        let stopwatch = Stopwatch::start();
        let other = std::thread::spawn(|| compute(Duration::from_millis(50)));
        other.join().unwrap();
        let (_, spent) = stopwatch.stop();
        assert!(spent < Duration::from_millis(10), "{spent:?} were charged");
    }

    #[test]
    fn time_on_the_processor_is_charged() {
        for time in [Duration::from_millis(1), Duration::from_millis(20)] {
            let stopwatch = Stopwatch::start();
            compute(time);
            let (_, spent) = stopwatch.stop();
            assert!(spent >= time, "{spent:?} were charged for {time:?}");
        }
    }
}
