//! Owns what an operator sees: the access log, the guests' output and the metrics.
//! Reporting is left to the modules that serve requests.

mod cache;
mod cluster;
mod databases;
mod functions;
mod guest;
mod handshakes;
mod histogram;
mod key_value;
pub mod limits;
mod log;
mod metrics;
mod observer;
mod origins;
mod per_thread;
mod queues;
mod rates;
mod sink;
mod source;
mod stage;
mod timestamp;

pub use cache::{CacheFigures, SharedFigures};
pub use cluster::{ClusterFigures, NodeFigures};
pub use databases::{ConnectionFigures, DatabaseFigures};
pub use functions::{ComponentMetrics, RouteMetrics};
pub use guest::{GuestLog, GuestStream};
pub(crate) use handshakes::HandshakeMetrics;
pub use key_value::KeyValueMetrics;
pub(crate) use key_value::Operation;
pub use log::{Log, LogFormat, LogWriter};
pub use metrics::Metrics;
pub use observer::Observer;
pub(crate) use observer::Outcome;
pub use origins::{BalancerFigures, OriginFigures};
pub use queues::QueueMetrics;
pub(crate) use queues::{Delivered, Fired};
pub use rates::RateFigures;
pub use stage::{Stage, StageTimes};
