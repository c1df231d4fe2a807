//! Owns the metrics of the cache, which are read from it when the metrics are asked for: a request counts only once.

use std::fmt;
use std::sync::{Arc, OnceLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// What a cache tells about itself. All but the first three sizes only grow.
#[derive(Clone, Debug)]
pub struct CacheFigures {
    /// Keys under which something is stored.
    pub entries: u64,
    /// What all of it takes, in bytes.
    pub stored_bytes: u64,
    /// The most that it may take, in bytes.
    pub capacity_bytes: u64,
    /// Requests by how they were answered.
    pub requests: [(&'static str, u64); 6],
    /// Responses that were stored.
    pub insertions: u64,
    /// Responses that were not kept because others are used more.
    pub refused: u64,
    /// Entries that left for others.
    pub evictions: u64,
    /// Responses that a purge has met.
    pub purged: u64,
}

type Read = Box<dyn Fn() -> CacheFigures + Send + Sync>;

/// Where the figures come from, once there is a cache.
#[derive(Clone, Default)]
pub(super) struct CacheMetrics(Arc<OnceLock<Read>>);

impl CacheMetrics {
    /// Has the figures read so. Only the first source counts: a process has one cache.
    pub(super) fn read_from(&self, figures: impl Fn() -> CacheFigures + Send + Sync + 'static) {
        let _ = self.0.set(Box::new(figures));
    }
}

impl fmt::Debug for CacheMetrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("CacheMetrics")
            .finish_non_exhaustive()
    }
}

impl Collector for CacheMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(read) = self.0.get() else {
            return Ok(());
        };
        let figures = read();
        #[rustfmt::skip]
        let gauges = [
            ("cache_entries", "Cache keys with stored responses", figures.entries),
            ("cache_stored_bytes", "Memory of stored responses", figures.stored_bytes),
            ("cache_capacity_bytes", "The most memory that stored responses may use", figures.capacity_bytes),
        ];
        #[rustfmt::skip]
        let counters = [
            ("cache_insertions", "Responses stored", figures.insertions),
            ("cache_refused", "Responses not stored because others are used more", figures.refused),
            ("cache_evictions", "Stored responses removed to make room", figures.evictions),
            ("cache_purged", "Responses removed or marked stale by a purge or an invalidation", figures.purged),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        for (name, help, value) in counters {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        let help = "Requests by the part that the cache took";
        let mut family =
            encoder.encode_descriptor("cache_requests", help, None, MetricType::Counter)?;
        for (result, count) in figures.requests {
            let labels = [("result", result)];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
