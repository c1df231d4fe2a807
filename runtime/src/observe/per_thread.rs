//! Owns numbers that all workers add to with every request. Each thread has a number in a cache line of its own; a reader
//! adds them up. If cores wrote to one line, each write would take a tenth of a microsecond, and a request makes many.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_utils::CachePadded;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::{counter, gauge};
use thread_local::ThreadLocal;

/// A counter that every request increments.
pub(super) type RequestCounter = Counter<u64, PerThread<AtomicU64>>;

/// A gauge that every request increments and decrements.
pub(super) type RequestGauge = Gauge<i64, PerThread<AtomicU64>>;

/// A value for each thread.
#[derive(Debug)]
pub(crate) struct PerThread<T: Send>(ThreadLocal<CachePadded<T>>);

impl<T: Send> Default for PerThread<T> {
    fn default() -> Self {
        Self(ThreadLocal::new())
    }
}

impl<T: Default + Send + Sync> PerThread<T> {
    /// That of this thread.
    pub(crate) fn own(&self) -> &T {
        self.0.get_or_default()
    }

    /// Those of all threads, also of such as have ended.
    pub(crate) fn all(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|value| &**value)
    }
}

impl PerThread<AtomicU64> {
    /// Adds to the number, round its end: so a number of threads that add and take away has the right sum.
    fn add(&self, number: u64) {
        add(self.own(), number);
    }

    fn sum(&self) -> u64 {
        let numbers = self.all().map(|number| number.load(Ordering::Relaxed));
        numbers.fold(0, u64::wrapping_add)
    }
}

/// Adds to a number that only this thread writes, so that it needs no atomic addition, which takes five times as long.
pub(super) fn add(own: &AtomicU64, number: u64) {
    let sum = own.load(Ordering::Relaxed).wrapping_add(number);
    own.store(sum, Ordering::Relaxed);
}

/// Returns the increment and not the number before, which would need a sum over all threads that no caller uses.
impl counter::Atomic<u64> for PerThread<AtomicU64> {
    fn inc(&self) -> u64 {
        self.inc_by(1)
    }

    fn inc_by(&self, number: u64) -> u64 {
        self.add(number);
        number
    }

    fn get(&self) -> u64 {
        self.sum()
    }
}

/// Counts seconds, in nanoseconds.
impl counter::Atomic<f64> for PerThread<AtomicU64> {
    fn inc(&self) -> f64 {
        self.inc_by(1.0)
    }

    fn inc_by(&self, seconds: f64) -> f64 {
        let nanoseconds = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        self.add(u64::try_from(nanoseconds.as_nanos()).unwrap_or(u64::MAX));
        seconds
    }

    fn get(&self) -> f64 {
        Duration::from_nanos(self.sum()).as_secs_f64()
    }
}

/// Goes up and down.
impl gauge::Atomic<i64> for PerThread<AtomicU64> {
    fn inc(&self) -> i64 {
        self.inc_by(1)
    }

    fn inc_by(&self, number: i64) -> i64 {
        self.add(number.cast_unsigned());
        number
    }

    fn dec(&self) -> i64 {
        self.dec_by(1)
    }

    fn dec_by(&self, number: i64) -> i64 {
        self.inc_by(-number)
    }

    fn set(&self, number: i64) -> i64 {
        self.inc_by(number.wrapping_sub(gauge::Atomic::get(self)))
    }

    fn get(&self) -> i64 {
        self.sum().cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn all_threads_add_to_one_number() {
        let counter = Counter::<u64, PerThread<AtomicU64>>::default();
        let gauge = Gauge::<i64, PerThread<AtomicU64>>::default();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        counter.inc();
                        gauge.inc();
                    }
                });
            }
        });
        assert_eq!((counter.get(), gauge.get()), (4000, 4000));
        // What one thread has begun another one may end.
        for _ in 0..4001 {
            gauge.dec();
        }
        assert_eq!(gauge.get(), -1);
        gauge.set(7);
        assert_eq!(gauge.get(), 7);
    }
}
