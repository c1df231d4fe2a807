//! Owns the histogram of durations: fixed buckets of plain atomics for each thread, so that recording never waits.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

use super::per_thread::{PerThread, add};

/// Upper bounds of the buckets in nanoseconds: from the quickest function that was measured (50 µs) in steps of
/// about 2 to the default timeout (30 s). The last bucket takes all the rest.
const BOUNDS_NANOSECONDS: [u64; 14] = [
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    100_000_000,
    500_000_000,
    2_000_000_000,
    10_000_000_000,
    30_000_000_000,
];

const NANOSECONDS_PER_SECOND: f64 = 1e9;

/// How long things took. Clones record into the same buckets.
#[derive(Clone, Debug, Default)]
pub(crate) struct DurationHistogram(Arc<PerThread<Buckets>>);

#[derive(Debug, Default)]
struct Buckets {
    counts: [AtomicU64; BOUNDS_NANOSECONDS.len() + 1],
    sum_nanoseconds: AtomicU64,
}

impl DurationHistogram {
    /// Counts one `duration`.
    pub(crate) fn observe(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_NANOSECONDS.partition_point(|bound| *bound < nanoseconds);
        let own = self.0.own();
        add(&own.counts[bucket], 1);
        add(&own.sum_nanoseconds, nanoseconds);
    }
}

impl TypedMetric for DurationHistogram {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for DurationHistogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let bounds = BOUNDS_NANOSECONDS
            .iter()
            .map(|bound| seconds(*bound))
            .chain([f64::INFINITY]);
        let sum_of = |number: &dyn Fn(&Buckets) -> &AtomicU64| -> u64 {
            let numbers = self.0.all();
            numbers
                .map(|buckets| number(buckets).load(Ordering::Relaxed))
                .sum()
        };
        let counts = (0..=BOUNDS_NANOSECONDS.len())
            .map(|bucket| sum_of(&|buckets: &Buckets| &buckets.counts[bucket]));
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = seconds(sum_of(&|buckets: &Buckets| &buckets.sum_nanoseconds));
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a sum of 104 days is still exact, and rounded beyond"
)]
fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / NANOSECONDS_PER_SECOND
}
