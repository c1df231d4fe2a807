//! How long the calls of one shape took, in buckets of a fixed size each, so that it takes the same memory for any
//! number of calls.

use std::time::Duration;

/// Buckets for each doubling of the time. A percentile is then at most a quarter too large.
const BUCKETS_OF_A_DOUBLING: usize = 4;

/// Doublings from a microsecond to half a minute, the longest time of a statement. The last bucket takes all the rest.
const DOUBLINGS: usize = 25;

const BUCKETS: usize = BUCKETS_OF_A_DOUBLING * DOUBLINGS;

/// Counts of durations.
#[derive(Clone, Debug)]
pub(super) struct Histogram([u32; BUCKETS]);

impl Default for Histogram {
    fn default() -> Self {
        Self([0; BUCKETS])
    }
}

impl Histogram {
    pub(super) fn count(&mut self, duration: Duration) {
        let bucket = &mut self.0[bucket(duration)];
        *bucket = bucket.saturating_add(1);
    }

    /// The time that `percent` of the calls did not exceed, to the upper end of its bucket.
    pub(super) fn percentile(&self, percent: u64) -> Duration {
        let total: u64 = self.0.iter().copied().map(u64::from).sum();
        let mut left = (total * percent).div_ceil(100);
        for (index, count) in self.0.iter().enumerate() {
            left = left.saturating_sub(u64::from(*count));
            if left == 0 && total > 0 {
                return end(index);
            }
        }
        Duration::ZERO
    }
}

/// The bucket by the highest bits of the microseconds.
fn bucket(duration: Duration) -> usize {
    let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    // Four steps below the first doubling, so that all have the same number of bits behind their highest one.
    let scaled = microseconds.saturating_mul(4).max(4);
    let doubling = scaled.ilog2() as usize - 2;
    let step = (scaled >> doubling) as usize & (BUCKETS_OF_A_DOUBLING - 1);
    (doubling * BUCKETS_OF_A_DOUBLING + step).min(BUCKETS - 1)
}

/// The upper end of a bucket.
fn end(bucket: usize) -> Duration {
    let (doubling, step) = (
        bucket / BUCKETS_OF_A_DOUBLING,
        bucket % BUCKETS_OF_A_DOUBLING,
    );
    let nanoseconds = ((5 + step as u64) * 250) << doubling;
    Duration::from_nanos(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_at_most_a_quarter_too_large() {
        let mut histogram = Histogram::default();
        for milliseconds in 1..=100 {
            histogram.count(Duration::from_millis(milliseconds));
        }
        for percent in [50, 95, 99, 100] {
            let exact = Duration::from_millis(percent);
            let found = histogram.percentile(percent);
            assert!(
                found >= exact && found <= exact * 5 / 4,
                "{percent}: {found:?}"
            );
        }
    }

    #[test]
    fn shortest_and_longest_times_have_a_bucket() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(99), Duration::ZERO);
        histogram.count(Duration::ZERO);
        assert_eq!(histogram.percentile(99), Duration::from_nanos(1_250));
        histogram.count(Duration::from_secs(1_000_000));
        assert!(histogram.percentile(100) > Duration::from_secs(30));
    }
}
