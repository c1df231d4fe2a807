//! Owns the end of each request's story: where log and metrics learn of it.
//! How it is written down is left to them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use storage::EngineFailure;

use super::functions::RouteMetrics;
use super::log::{AccessLine, Log};
use super::metrics::Metrics;
use super::stage::StageDurations;
use crate::failure::Failure;

/// The result of a request.
#[derive(Debug)]
pub(crate) struct Outcome<'a> {
    pub(crate) request_id: &'a str,
    /// In hexadecimal digits.
    pub(crate) trace_id: &'a [u8; 32],
    pub(crate) client: IpAddr,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    /// `None` when none was found.
    pub(crate) route: Option<&'a Arc<RouteMetrics>>,
    /// `None` when the client left before there was a response.
    pub(crate) status: Option<StatusCode>,
    pub(crate) sent_bytes: u64,
    pub(crate) duration: Duration,
    pub(crate) stages: StageDurations,
    /// CPU time of the guest.
    pub(crate) cpu: Duration,
    /// `None` when no instance took part.
    pub(crate) instance_reused: Option<bool>,
    /// `None` where there is no cache.
    pub(crate) cache_result: Option<&'static str>,
    /// How a database or a store failed; `None` if none did.
    pub(crate) storage_failure: Option<&'a EngineFailure>,
    pub(crate) failure: Option<&'a Failure>,
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
        let route = outcome.route.unwrap_or_else(|| self.metrics.unrouted());
        let component = route.component();
        component.count_request(outcome.duration, outcome.cpu);
        component.count_stages(&outcome.stages);
        if let Some(status) = outcome.status {
            route.count_response(outcome.method, status);
        }
        if let Some(failure) = outcome.failure {
            self.metrics.count_failure(component.component(), failure);
        }
        if let Some(log) = &self.access_log {
            log.access(&access_line(outcome));
        }
    }

    /// Records a request that was refused before its head could be read, under the id that `peer` was told.
    pub(crate) fn refuse(&self, peer: SocketAddr, request_id: &str, failure: &Failure) {
        let unrouted = self.metrics.unrouted().component().component();
        self.metrics.count_failure(unrouted, failure);
        if let Some(log) = &self.access_log {
            log.access(&refusal_line(peer, request_id, failure));
        }
    }
}

fn access_line<'a>(outcome: &Outcome<'a>) -> AccessLine<'a> {
    let route = outcome.route;
    let storage_problem = || Some(Failure::of_storage(outcome.storage_failure?).problem());
    let problem = outcome.failure.map(Failure::problem);
    let problem = problem.or_else(storage_problem);
    AccessLine {
        request_id: Some(outcome.request_id),
        trace_id: std::str::from_utf8(outcome.trace_id).ok(),
        client: outcome.client,
        method: Some(outcome.method.as_str()),
        path: Some(outcome.path),
        route: route.map(|route| &**route.route()),
        component: route.map(|route| &**route.component().component()),
        status: outcome.status.map(|status| status.as_u16()),
        bytes: outcome.sent_bytes,
        duration_us: microseconds(outcome.duration),
        stages_us: Some(outcome.stages),
        cpu_us: microseconds(outcome.cpu),
        reused: outcome.instance_reused,
        cache: outcome.cache_result,
        storage: outcome.storage_failure.map(EngineFailure::name),
        blame: problem.map(|problem| problem.blame.name()),
        retry: problem.map(|problem| problem.retry.name()),
        failure: outcome.failure.map(Failure::name),
        detail: outcome.failure.map(ToString::to_string),
    }
}

fn refusal_line<'a>(peer: SocketAddr, request_id: &'a str, failure: &Failure) -> AccessLine<'a> {
    let problem = failure.problem();
    AccessLine {
        request_id: Some(request_id),
        trace_id: None,
        client: peer.ip(),
        method: None,
        path: None,
        route: None,
        component: None,
        status: Some(problem.status.as_u16()),
        bytes: 0,
        duration_us: 0,
        stages_us: None,
        cpu_us: 0,
        reused: None,
        cache: None,
        storage: None,
        blame: Some(problem.blame.name()),
        retry: Some(problem.retry.name()),
        failure: Some(problem.name),
        detail: Some(failure.to_string()),
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
