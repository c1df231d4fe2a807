//! Owns the end of each request's story: where log and metrics learn of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};

use super::metrics::Metrics;
use crate::failure::Failure;
use crate::server::RequestContext;

/// What is told about a request when it ends.
#[derive(Debug)]
pub(crate) struct AccessEntry<'a> {
    pub(crate) context: &'a RequestContext,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    /// `None` when the client left before there was a response.
    pub(crate) status: Option<StatusCode>,
    pub(crate) sent_bytes: u64,
    pub(crate) duration: Duration,
}

/// Receives the outcome of every request.
#[derive(Debug)]
pub struct Observer {
    metrics: Arc<Metrics>,
}

impl Observer {
    /// Records into `metrics`.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics }
    }

    /// The metrics that are recorded into.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Records the end of a request.
    pub(crate) fn end(&self, entry: &AccessEntry<'_>) {
        let context = entry.context;
        let route = context.route().unwrap_or_else(|| self.metrics.unrouted());
        let component = route.component();
        component.count_request(entry.duration, context.cpu());
        if context.route().is_some() {
            component.end_request();
        }
        if let Some(status) = entry.status {
            route.count_response(entry.method, status);
        }
        if let Some(failure) = context.failure() {
            self.metrics
                .count_failure(component.component(), failure);
        }
    }

    /// Records a connection that was refused before a request could be read from it.
    pub(crate) fn refuse(&self, _peer: SocketAddr, failure: &Failure) {
        let component = self.metrics.unrouted().component().component();
        self.metrics.count_failure(component, failure);
    }
}
