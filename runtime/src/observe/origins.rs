//! Owns the metrics of the origins of an edge, which are read from its balancer when the metrics are asked for.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use serde::Serialize;

use super::cluster::ClusterFigures;
use super::source::Figures;

/// The states of an origin.
const STATES: [&str; 3] = ["healthy", "ejected", "probed"];

/// What the balancer of an edge tells about itself.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BalancerFigures {
    /// The servers behind the edge.
    pub origins: Vec<OriginFigures>,
    /// Requests that were sent again.
    pub retries: u64,
    /// Requests that were not, because the budget was used up.
    pub retries_refused: u64,
    /// Retries that are saved up.
    pub retries_left: u64,
    /// Requests that were sent to a second origin because the first one took long.
    pub hedges: u64,
    /// The nodes in the registry, if the edge follows it. Their metrics are of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterFigures>,
}

/// What the balancer tells about one server.
#[derive(Clone, Debug, Default, Serialize)]
pub struct OriginFigures {
    /// Its host and port.
    pub origin: String,
    /// `healthy`, `ejected`, or `probed` while it may come back.
    pub state: &'static str,
    /// Requests that were sent to it.
    pub requests: u64,
    /// Those without a response, or with one that broke off.
    pub failures: u64,
    /// How often it was ejected.
    pub ejections: u64,
    /// Requests that are under way.
    pub in_flight: u64,
    /// The latency that the balancer counts with.
    pub latency_seconds: f64,
}

/// A family of counters by origin: its name, what it is, and its value.
type Family = (&'static str, &'static str, fn(&OriginFigures) -> u64);

/// A family of one counter: its name, what it is, and its value.
type Total = (&'static str, &'static str, fn(&BalancerFigures) -> u64);

#[rustfmt::skip]
const BY_ORIGIN: [Family; 3] = [
    ("origin_requests", "Requests that were sent to the origin", |of| of.requests),
    ("origin_failures", "Requests to the origin without a whole response", |of| of.failures),
    ("origin_ejections", "How often the origin was ejected", |of| of.ejections),
];

#[rustfmt::skip]
const TOTALS: [Total; 3] = [
    ("retries", "Requests that were sent to another origin", |of| of.retries),
    ("retries_refused", "Requests that were not, because the budget of retries was used up", |of| of.retries_refused),
    ("hedges", "Requests that were sent to a second origin because the first one took long", |of| of.hedges),
];

impl Figures for BalancerFigures {
    fn encode(self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, value) in BY_ORIGIN {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for of in &self.origins {
                let labels = [("origin", of.origin.as_str())];
                ConstCounter::new(value(of)).encode(family.encode_family(&labels)?)?;
            }
        }
        for (name, help, value) in TOTALS {
            let total = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            ConstCounter::new(value(&self)).encode(total)?;
        }
        encode_gauges(&mut encoder, &self)
    }
}

fn encode_gauges(encoder: &mut DescriptorEncoder<'_>, figures: &BalancerFigures) -> fmt::Result {
    let gauge = MetricType::Gauge;
    let help = "Requests to the origin that are under way";
    let mut family = encoder.encode_descriptor("origin_in_flight", help, None, gauge)?;
    for of in &figures.origins {
        let labels = [("origin", of.origin.as_str())];
        ConstGauge::new(whole(of.in_flight)).encode(family.encode_family(&labels)?)?;
    }
    let help = "The latency that the balancer counts with";
    let mut family = encoder.encode_descriptor("origin_latency_seconds", help, None, gauge)?;
    for of in &figures.origins {
        let labels = [("origin", of.origin.as_str())];
        ConstGauge::new(of.latency_seconds).encode(family.encode_family(&labels)?)?;
    }
    let help = "1 for the state that the origin is in";
    let mut family = encoder.encode_descriptor("origin_state", help, None, gauge)?;
    for (of, state) in figures
        .origins
        .iter()
        .flat_map(|of| STATES.map(|state| (of, state)))
    {
        let labels = [("origin", of.origin.as_str()), ("state", state)];
        let is_in = i64::from(of.state == state);
        ConstGauge::new(is_in).encode(family.encode_family(&labels)?)?;
    }
    let help = "Retries that are saved up";
    let left = encoder.encode_descriptor("retries_left", help, None, gauge)?;
    ConstGauge::new(whole(figures.retries_left)).encode(left)
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
