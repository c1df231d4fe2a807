//! Owns the metrics of the rate limits, which are read when the metrics are asked for.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use serde::Serialize;

use super::source::Figures;

/// What the rate limits tell about themselves.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RateFigures {
    /// Refused requests by kind of limit.
    pub refused: BTreeMap<&'static str, u64>,
    /// Buckets of clients in memory.
    pub buckets: usize,
    /// Whether Redis did not count the last request; absent if it counts none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_out: Option<bool>,
}

impl Figures for RateFigures {
    fn encode(self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (name, help) = ("rate_limited", "Requests that a rate limit refused");
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (limit, count) in self.refused {
            ConstCounter::new(count).encode(family.encode_family(&[("limit", limit)])?)?;
        }
        let (name, help) = ("rate_buckets", "Buckets of clients in memory");
        let buckets = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        ConstGauge::new(i64::try_from(self.buckets).unwrap_or(i64::MAX)).encode(buckets)?;
        let Some(is_out) = self.shared_out else {
            return Ok(());
        };
        let help = "1 while requests are not counted together with those of other nodes";
        let out = encoder.encode_descriptor("rate_shared_out", help, None, MetricType::Gauge)?;
        ConstGauge::new(i64::from(is_out)).encode(out)
    }
}
