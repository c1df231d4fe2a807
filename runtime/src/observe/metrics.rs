//! Owns the metrics and their text form; the admin listener serves the text. The metrics of a request are looked up
//! once, when its component is loaded, so a record costs one atomic addition.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{Method, StatusCode};
use parking_lot::Mutex;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry};

use super::cache::{CacheFigures, CacheMetrics};
use super::cluster::{ClusterFigures, ClusterMetrics};
use super::databases::{DatabaseFigures, DatabaseMetrics};
use super::handshakes::HandshakeMetrics;
use super::histogram::DurationHistogram;
use super::origins::{BalancerFigures, OriginMetrics};
use super::per_thread::PerThread;
use super::rates::{RateFigures, RateMetrics};
use super::stage::{Stage, StageDurations};
use crate::failure::Failure;

const METHOD_CLASSES: [&str; 3] = ["safe", "idempotent", "other"];
const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

type Seconds = Counter<f64, PerThread<AtomicU64>>;

/// A counter that every request increments.
type RequestCounter = Counter<u64, PerThread<AtomicU64>>;

/// A gauge that every request increments and decrements.
type RequestGauge = Gauge<i64, PerThread<AtomicU64>>;

/// All metrics of one process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    families: Families,
    unrouted: Arc<RouteMetrics>,
    cache: CacheMetrics,
    databases: DatabaseMetrics,
    origins: OriginMetrics,
    cluster: ClusterMetrics,
    rates: RateMetrics,
    /// By component.
    in_flight: Mutex<BTreeMap<Arc<str>, RequestGauge>>,
    connections: Gauge,
    connections_refused: Counter,
    handshakes: HandshakeMetrics,
    workers: Gauge,
    workers_lost: Counter,
    log_lines_dropped: Counter,
}

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

#[derive(Clone, Debug)]
struct Families {
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

impl Metrics {
    /// All metrics, at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("terrace");
        let families = Families::register(&mut registry);
        let connections = register(&mut registry, "connections", "Open connections");
        let connections_refused = register(
            &mut registry,
            "connections_refused",
            "Connections beyond the limit",
        );
        let handshakes = HandshakeMetrics::register(&mut registry);
        let workers = register(&mut registry, "workers", "Threads that serve requests");
        let workers_lost = register(
            &mut registry,
            "workers_lost",
            "Threads that ended and were started again",
        );
        let log_lines_dropped = register(
            &mut registry,
            "log_lines_dropped",
            "Log lines lost because the log was written too slowly",
        );
        let cache = CacheMetrics::default();
        registry.register_collector(Box::new(cache.clone()));
        let databases = DatabaseMetrics::default();
        registry.register_collector(Box::new(databases.clone()));
        let origins = OriginMetrics::default();
        registry.register_collector(Box::new(origins.clone()));
        let cluster = ClusterMetrics::default();
        registry.register_collector(Box::new(cluster.clone()));
        let rates = RateMetrics::default();
        registry.register_collector(Box::new(rates.clone()));
        let unrouted = families.component("");
        let unrouted = Arc::new(families.route(unrouted, ""));
        Self {
            registry,
            families,
            unrouted,
            cache,
            databases,
            origins,
            cluster,
            rates,
            in_flight: Mutex::default(),
            connections,
            connections_refused,
            handshakes,
            workers,
            workers_lost,
            log_lines_dropped,
        }
    }

    /// The metrics of `component`. Each call returns the same ones.
    #[must_use]
    pub fn component(&self, component: &str) -> Arc<ComponentMetrics> {
        let metrics = self.families.component(component);
        let (name, in_flight) = (Arc::clone(&metrics.component), metrics.in_flight.clone());
        self.in_flight.lock().insert(name, in_flight);
        metrics
    }

    /// The requests that components work on.
    pub(crate) fn requests_in_flight(&self) -> u64 {
        let in_flight = self.in_flight.lock();
        let counts = in_flight.values().map(Gauge::get);
        counts.filter_map(|count| u64::try_from(count).ok()).sum()
    }

    /// The metrics of `route` of `component`. Each call returns the same ones.
    #[must_use]
    pub fn route(&self, component: &Arc<ComponentMetrics>, route: &str) -> Arc<RouteMetrics> {
        Arc::new(self.families.route(Arc::clone(component), route))
    }

    /// The metrics of requests without a route.
    pub(crate) fn unrouted(&self) -> &Arc<RouteMetrics> {
        &self.unrouted
    }

    /// Counts `failure` of a request to `component`.
    pub(crate) fn count_failure(&self, component: &Arc<str>, failure: &Failure) {
        let labels = FailureLabels {
            component: Arc::clone(component),
            failure: failure.name(),
        };
        self.families.failures.get_or_create(&labels).inc();
    }

    /// Registers `figures`, which is called for the cache's numbers at each scrape.
    pub fn read_cache(&self, figures: impl Fn() -> CacheFigures + Send + Sync + 'static) {
        self.cache.read_from(figures);
    }

    /// Registers `figures`, which is called for the numbers of the databases at each scrape.
    pub fn read_databases(
        &self,
        figures: impl Fn() -> Vec<DatabaseFigures> + Send + Sync + 'static,
    ) {
        self.databases.read_from(figures);
    }

    /// Registers `figures`, which is called for the numbers of an edge's origins at each scrape.
    pub fn read_origins(&self, figures: impl Fn() -> BalancerFigures + Send + Sync + 'static) {
        self.origins.read_from(figures);
    }

    /// Registers `figures`, which is called for the cluster's numbers at each scrape.
    pub fn read_cluster(&self, figures: impl Fn() -> ClusterFigures + Send + Sync + 'static) {
        self.cluster.read_from(figures);
    }

    /// Registers `figures`, which is called for the numbers of the rate limits at each scrape.
    pub fn read_rates(&self, figures: impl Fn() -> RateFigures + Send + Sync + 'static) {
        self.rates.read_from(figures);
    }

    /// The number of open connections.
    pub(crate) fn connections(&self) -> &Gauge {
        &self.connections
    }

    /// The number of connections refused at the limit.
    pub(crate) fn connections_refused(&self) -> &Counter {
        &self.connections_refused
    }

    /// The metrics of connections before their first request.
    pub(crate) fn handshakes(&self) -> &HandshakeMetrics {
        &self.handshakes
    }

    /// The number of threads that serve requests.
    pub(crate) fn workers(&self) -> &Gauge {
        &self.workers
    }

    /// The number of serving threads that ended unexpectedly.
    pub(crate) fn workers_lost(&self) -> &Counter {
        &self.workers_lost
    }

    /// The number of log lines that were lost.
    pub(crate) fn log_lines_dropped(&self) -> &Counter {
        &self.log_lines_dropped
    }

    /// The metrics in the OpenMetrics text format.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        text::encode(&mut text, &self.registry).expect("writing to a string does not fail");
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
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
    fn register(registry: &mut Registry) -> Self {
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

    fn component(&self, component: &str) -> Arc<ComponentMetrics> {
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

    fn route(&self, component: Arc<ComponentMetrics>, route: &str) -> RouteMetrics {
        RouteMetrics {
            route: route.into(),
            component,
            requests: self.requests.clone(),
            counters: Default::default(),
        }
    }
}

fn register<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

/// RFC 9110 §9.2: a safe method changes nothing; an idempotent one may be sent twice.
fn method_class(method: &Method) -> usize {
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE => 0,
        Method::PUT | Method::DELETE => 1,
        _ => 2,
    }
}
