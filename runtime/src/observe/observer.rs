//! Owns the end of each request's story: where log and metrics learn of it.
//! How it is written down is left to them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};

use super::log::{AccessLine, Log};
use super::metrics::Metrics;
use crate::failure::Failure;
use crate::server::{Refusal, RequestContext};

/// What became of a request.
#[derive(Debug)]
pub(crate) struct Outcome<'a> {
    pub(crate) context: &'a RequestContext,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    /// `None` when the client left before there was a response.
    pub(crate) status: Option<StatusCode>,
    pub(crate) sent_bytes: u64,
    pub(crate) duration: Duration,
}

/// Receives the outcome of every request.
#[derive(Clone, Debug)]
pub struct Observer {
    metrics: Arc<Metrics>,
    access_log: Option<Log>,
}

impl Observer {
    /// Records into `metrics`, and into `access_log` if there is one.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, access_log: Option<Log>) -> Self {
        Self {
            metrics,
            access_log,
        }
    }

    /// The metrics that are recorded into.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Records the end of a request.
    pub(crate) fn end(&self, outcome: &Outcome<'_>) {
        let context = outcome.context;
        let route = context.end().unwrap_or_else(|| self.metrics.unrouted());
        let component = route.component();
        component.count_request(outcome.duration, context.cpu());
        if let Some(status) = outcome.status {
            route.count_response(outcome.method, status);
        }
        if let Some(failure) = context.failure() {
            self.metrics.count_failure(component.component(), failure);
        }
        if let Some(log) = &self.access_log {
            log.access(&access_line(outcome));
        }
    }

    /// Records a request that was refused before its head could be read.
    pub(crate) fn refuse(&self, peer: SocketAddr, refusal: &Refusal) {
        let unrouted = self.metrics.unrouted().component().component();
        self.metrics.count_failure(unrouted, &refusal.failure);
        if let Some(log) = &self.access_log {
            log.access(&refusal_line(peer, refusal));
        }
    }
}

fn access_line<'a>(outcome: &Outcome<'a>) -> AccessLine<'a> {
    let context = outcome.context;
    let route = context.route();
    AccessLine {
        request_id: Some(context.id.as_str()),
        trace_id: Some(context.trace.trace_id),
        client: context.client.ip(),
        method: Some(outcome.method.as_str()),
        path: Some(outcome.path),
        route: route.map(|route| &**route.route()),
        component: route.map(|route| &**route.component().component()),
        status: outcome.status.map(|status| status.as_u16()),
        bytes: outcome.sent_bytes,
        duration_us: microseconds(outcome.duration),
        cpu_us: microseconds(context.cpu()),
        reused: context.instance_reused(),
        cache: context.cache_result(),
        failure: context.failure().map(Failure::name),
        detail: context.failure().map(ToString::to_string),
    }
}

fn refusal_line(peer: SocketAddr, refusal: &Refusal) -> AccessLine<'_> {
    let problem = refusal.failure.problem();
    AccessLine {
        request_id: Some(refusal.id.as_str()),
        trace_id: None,
        client: peer.ip(),
        method: None,
        path: None,
        route: None,
        component: None,
        status: Some(problem.status.as_u16()),
        bytes: 0,
        duration_us: 0,
        cpu_us: 0,
        reused: None,
        cache: None,
        failure: Some(problem.name),
        detail: Some(refusal.failure.to_string()),
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
