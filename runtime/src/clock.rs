//! Owns every reading of the clock, so that a search for a clock ends here.
//! What a span of time means is left to the callers.

use std::time::{Duration, Instant, SystemTime};

use rustix::time::ClockId;

/// The monotonic time, for durations and deadlines.
#[must_use]
#[allow(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// The time of day, for timestamps that people read. It may jump; never measure with it.
#[must_use]
#[allow(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock"
)]
pub fn time_of_day() -> SystemTime {
    SystemTime::now()
}

/// The time since 1970 by the time of day. Before that, all times are as old as each other.
#[must_use]
pub fn since_1970() -> Duration {
    let since = time_of_day().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default()
}

/// How long this thread has had the processor.
#[must_use]
pub fn thread_cpu_time() -> Duration {
    cpu_time(ClockId::ThreadCPUTime)
}

/// How long all threads of this process have had processors.
#[must_use]
pub fn process_cpu_time() -> Duration {
    cpu_time(ClockId::ProcessCPUTime)
}

fn cpu_time(clock: ClockId) -> Duration {
    let time = rustix::time::clock_gettime(clock);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}
