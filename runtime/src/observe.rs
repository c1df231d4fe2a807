//! Owns what an operator sees: the access log, the guests' output and the metrics.
//! Deciding what happened to a request is left to `server` and the dispatcher.

mod histogram;
mod metrics;
mod observer;

pub use metrics::{ComponentMetrics, Metrics, RouteMetrics};
pub(crate) use observer::AccessEntry;
pub use observer::Observer;
