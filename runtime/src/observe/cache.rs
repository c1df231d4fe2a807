//! Owns the metrics of the cache, which are read from it when the metrics are asked for: a request counts only once.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::source::Figures;

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
    /// The level that several servers share, if there is one.
    pub shared: Option<SharedFigures>,
}

/// What a cache tells about the level that it shares with other servers.
#[derive(Clone, Copy, Debug)]
pub struct SharedFigures {
    /// Whether it knows what the others purge.
    pub is_followed: bool,
    /// Lookups that gave a response.
    pub hits: u64,
    /// Lookups that gave none.
    pub misses: u64,
    /// Calls that failed, or took too long.
    pub failures: u64,
    /// Reads with a bookmark: those that the cache might answer, and those that went past it.
    pub bookmarks: (u64, u64),
}

impl Figures for CacheFigures {
    fn encode(self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        #[rustfmt::skip]
        let gauges = [
            ("cache_entries", "Cache keys with stored responses", self.entries),
            ("cache_stored_bytes", "Memory of stored responses", self.stored_bytes),
            ("cache_capacity_bytes", "The most memory that stored responses may use", self.capacity_bytes),
        ];
        #[rustfmt::skip]
        let counters = [
            ("cache_insertions", "Responses stored", self.insertions),
            ("cache_refused", "Responses not stored because others are used more", self.refused),
            ("cache_evictions", "Stored responses removed to make room", self.evictions),
            ("cache_purged", "Responses removed or marked stale by a purge or an invalidation", self.purged),
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
        for (result, count) in self.requests {
            let labels = [("result", result)];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        self.shared
            .map_or(Ok(()), |shared| encode_shared(shared, &mut encoder))
    }
}

fn encode_shared(figures: SharedFigures, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let help = "1 while the purges of other servers are known, and stored responses count as fresh";
    let gauge = ConstGauge::new(i64::from(figures.is_followed));
    let name = "cache_shared_followed";
    gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
    let help = "Calls to the shared level of the cache by their outcome";
    let mut family =
        encoder.encode_descriptor("cache_shared_calls", help, None, MetricType::Counter)?;
    for (result, count) in [
        ("hit", figures.hits),
        ("miss", figures.misses),
        ("failed", figures.failures),
    ] {
        let labels = [("result", result)];
        ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
    }
    let help = "Reads of clients that wrote, by whether this server knew of the write";
    let name = "cache_bookmarks";
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (result, count) in [
        ("reached", figures.bookmarks.0),
        ("behind", figures.bookmarks.1),
    ] {
        let labels = [("result", result)];
        ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
