//! Owns the metrics of the cluster, which are read when the metrics are asked for: whether the registry answers, and the nodes in it.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use serde::Serialize;

use super::source::Figures;

/// What a node or an edge tells about the cluster.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ClusterFigures {
    /// Whether the registry did not answer when it was asked last.
    pub registry_out: bool,
    /// The app of the node, or the one whose nodes an edge uses; absent if it is not known yet.
    pub app: Option<String>,
    /// The nodes that an edge finds in the registry; on a node that node.
    pub nodes: Vec<NodeFigures>,
    /// Announcements in the registry that are none of a node.
    pub unreadable: u64,
}

/// What a node said of itself last.
#[derive(Clone, Debug, Serialize)]
pub struct NodeFigures {
    /// Where edges reach it, as a URL.
    pub address: String,
    /// The name of its app.
    pub app: String,
    /// The digest of the app's manifest and code.
    pub digest: String,
    /// Its version of Terrace.
    pub version: String,
    /// Requests that its components work on.
    pub in_flight: u64,
    /// Processors that it kept busy.
    pub processors: f64,
    /// What became of it: one of the constants below.
    pub state: &'static str,
}

impl NodeFigures {
    /// This node, which announces itself.
    pub const ANNOUNCED: &str = "announced";
    /// The edge uses it.
    pub const USED: &str = "used";
    /// The edge uses it although the registry does not have it.
    pub const MISSING: &str = "missing";
    /// It has another app than the edge serves.
    pub const OTHER_APP: &str = "other-app";
    /// Its version of Terrace does not fit that of the edge.
    pub const OTHER_VERSION: &str = "other-version";

    const ALL: [&str; 5] = [
        Self::ANNOUNCED,
        Self::USED,
        Self::MISSING,
        Self::OTHER_APP,
        Self::OTHER_VERSION,
    ];
}

/// The state of announcements that are none of a node, in metrics.
const UNREADABLE: &str = "unreadable";

impl Figures for ClusterFigures {
    fn encode(self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let gauge = MetricType::Gauge;
        let help = "1 while the registry of nodes does not answer";
        let out = encoder.encode_descriptor("cluster_registry_out", help, None, gauge)?;
        ConstGauge::new(i64::from(self.registry_out)).encode(out)?;
        let help = "Nodes in the registry, by what became of them";
        let mut family = encoder.encode_descriptor("cluster_nodes", help, None, gauge)?;
        let counts = NodeFigures::ALL.map(|state| {
            let nodes = self.nodes.iter();
            let count = nodes.filter(|node| node.state == state).count();
            (state, u64::try_from(count).unwrap_or(u64::MAX))
        });
        for (state, count) in counts.into_iter().chain([(UNREADABLE, self.unreadable)]) {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            ConstGauge::new(count).encode(family.encode_family(&[("state", state)])?)?;
        }
        Ok(())
    }
}
