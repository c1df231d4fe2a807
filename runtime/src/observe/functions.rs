//! Owns the metrics of functions: what a component, and each of its routes, did. They are looked up once, when the component is
//! loaded, so a record costs one addition.

use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::histogram::DurationHistogram;
use super::per_thread::{PerThread, RequestCounter, RequestGauge};
use super::source::register;
use super::stage::{Stage, StageDurations};
use crate::failure::Failure;

const METHOD_CLASSES: [&str; 3] = ["safe", "idempotent", "other"];
const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

type Seconds = Counter<f64, PerThread<AtomicU64>>;

/// The metrics of one component.
#[derive(Debug)]
pub struct ComponentMetrics {
    component: Arc<str>,
    durations: DurationHistogram,
    stages: Family<StageLabels, DurationHistogram>,
    /// By stage. Filled at the first use, so that only stages that occurred are exposed.
    stage_durations: [OnceLock<DurationHistogram>; Stage::ALL.len()],
    in_flight: RequestGauge,
    queue_length: Gauge,
    instances_created: RequestCounter,
    instances_reused: RequestCounter,
    instances_trapped: RequestCounter,
    cpu_seconds: Seconds,
    memory_high_water: Gauge<i64, AtomicI64>,
}

/// The metrics of one route, with its names for the log.
#[derive(Debug)]
pub struct RouteMetrics {
    route: Arc<str>,
    component: Arc<ComponentMetrics>,
    requests: Family<RequestLabels, RequestCounter>,
    /// By method class and status class. Filled at the first use, so that only combinations that occurred are exposed.
    counters: [[OnceLock<RequestCounter>; STATUS_CLASSES.len()]; METHOD_CLASSES.len()],
}

/// The families of these metrics.
#[derive(Clone, Debug)]
pub(super) struct Families {
    requests: Family<RequestLabels, RequestCounter>,
    durations: Family<ComponentLabels, DurationHistogram>,
    stages: Family<StageLabels, DurationHistogram>,
    in_flight: Family<ComponentLabels, RequestGauge>,
    queue_length: Family<ComponentLabels, Gauge>,
    instances: Family<InstanceLabels, RequestCounter>,
    failures: Family<FailureLabels, Counter>,
    cpu_seconds: Family<ComponentLabels, Seconds>,
    memory_high_water: Family<ComponentLabels, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    component: Arc<str>,
    route: Arc<str>,
    method: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ComponentLabels {
    component: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    component: Arc<str>,
    stage: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InstanceLabels {
    component: Arc<str>,
    event: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    component: Arc<str>,
    failure: &'static str,
}

impl ComponentMetrics {
    /// The component's id.
    #[must_use]
    pub fn component(&self) -> &Arc<str> {
        &self.component
    }

    /// Sets the number of requests that wait for an instance.
    pub fn set_queue_length(&self, length: usize) {
        self.queue_length
            .set(i64::try_from(length).unwrap_or(i64::MAX));
    }

    /// Counts a new instance.
    pub fn count_instance_created(&self) {
        self.instances_created.inc();
    }

    /// Counts a request that went to an instance that had served before.
    pub fn count_instance_reused(&self) {
        self.instances_reused.inc();
    }

    /// Counts an instance that trapped.
    pub fn count_instance_trapped(&self) {
        self.instances_trapped.inc();
    }

    /// Notes the memory that an instance uses, in bytes. The highest value is kept.
    pub fn note_memory(&self, bytes: u64) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.memory_high_water
            .inner()
            .fetch_max(bytes, std::sync::atomic::Ordering::Relaxed);
    }

    /// Its requests in flight.
    pub(super) fn in_flight(&self) -> &RequestGauge {
        &self.in_flight
    }

    /// Counts a request as in flight until [`Self::end_request`].
    pub(crate) fn begin_request(&self) {
        self.in_flight.inc();
    }

    /// Counts a request as no longer in flight.
    pub(crate) fn end_request(&self) {
        self.in_flight.dec();
    }

    /// Counts a request with its duration and the guest's CPU time.
    pub(crate) fn count_request(&self, duration: Duration, cpu: Duration) {
        self.durations.observe(duration);
        if !cpu.is_zero() {
            self.cpu_seconds.inc_by(cpu.as_secs_f64());
        }
    }

    /// Counts the time that a request spent in each stage.
    pub(crate) fn count_stages(&self, stages: &StageDurations) {
        for (stage, duration) in stages.iter() {
            let histogram = self.stage_durations[stage as usize].get_or_init(|| {
                let labels = StageLabels {
                    component: Arc::clone(&self.component),
                    stage: stage.name(),
                };
                self.stages.get_or_create_owned(&labels)
            });
            histogram.observe(duration);
        }
    }
}

impl RouteMetrics {
    /// The route, as spelt in the manifest.
    #[must_use]
    pub fn route(&self) -> &Arc<str> {
        &self.route
    }

    /// The component of the route.
    #[must_use]
    pub fn component(&self) -> &Arc<ComponentMetrics> {
        &self.component
    }

    /// Counts a response.
    pub(crate) fn count_response(&self, method: &Method, status: StatusCode) {
        let method = method_class(method);
        let status = usize::from(status.as_u16() / 100).clamp(1, STATUS_CLASSES.len()) - 1;
        let counter = self.counters[method][status].get_or_init(|| {
            let labels = RequestLabels {
                component: Arc::clone(&self.component.component),
                route: Arc::clone(&self.route),
                method: METHOD_CLASSES[method],
                status: STATUS_CLASSES[status],
            };
            self.requests.get_or_create_owned(&labels)
        });
        counter.inc();
    }
}

impl Families {
    #[rustfmt::skip]
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            requests: register(registry, "requests", "Responses"),
            durations: register(registry, "request_duration_seconds", "Time from the head of a request to the end of its response"),
            stages: register(registry, "stage_seconds", "Time in each stage of a request"),
            in_flight: register(registry, "requests_in_flight", "Requests that a component is working on"),
            queue_length: register(registry, "queue_length", "Requests that wait for a place in a component"),
            instances: register(registry, "instances", "Instances created and trapped, and requests that reused one"),
            failures: register(registry, "failures", "Failed requests"),
            cpu_seconds: register(registry, "guest_cpu_seconds", "CPU time of guests"),
            memory_high_water: register(registry, "guest_memory_high_water_bytes", "The most memory that an instance used"),
        }
    }

    pub(super) fn component(&self, component: &str) -> Arc<ComponentMetrics> {
        let component: Arc<str> = component.into();
        let labels = ComponentLabels {
            component: Arc::clone(&component),
        };
        let instances = |event| {
            let labels = InstanceLabels {
                component: Arc::clone(&component),
                event,
            };
            self.instances.get_or_create_owned(&labels)
        };
        Arc::new(ComponentMetrics {
            durations: self.durations.get_or_create_owned(&labels),
            stages: self.stages.clone(),
            stage_durations: Default::default(),
            in_flight: self.in_flight.get_or_create_owned(&labels),
            queue_length: self.queue_length.get_or_create_owned(&labels),
            instances_created: instances("created"),
            instances_reused: instances("reused"),
            instances_trapped: instances("trapped"),
            cpu_seconds: self.cpu_seconds.get_or_create_owned(&labels),
            memory_high_water: self.memory_high_water.get_or_create_owned(&labels),
            component,
        })
    }

    pub(super) fn route(&self, component: Arc<ComponentMetrics>, route: &str) -> RouteMetrics {
        RouteMetrics {
            route: route.into(),
            component,
            requests: self.requests.clone(),
            counters: Default::default(),
        }
    }

    /// Counts a failure of a request to a component.
    pub(super) fn count_failure(&self, component: &Arc<str>, failure: &Failure) {
        let labels = FailureLabels {
            component: Arc::clone(component),
            failure: failure.name(),
        };
        self.failures.get_or_create(&labels).inc();
    }
}

/// RFC 9110 §9.2: a safe method changes nothing; an idempotent one may be sent twice.
fn method_class(method: &Method) -> usize {
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE => 0,
        Method::PUT | Method::DELETE => 1,
        _ => 2,
    }
}
