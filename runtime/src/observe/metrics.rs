//! Owns the metrics of a process and their text form; the admin listener serves the text.
//! The metrics of functions, and those that others keep, are in modules beside this one.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use storage::queue::Figures as QueueFigures;

use super::cache::CacheFigures;
use super::cluster::ClusterFigures;
use super::databases::DatabaseFigures;
use super::functions::{ComponentMetrics, Families, RouteMetrics};
use super::handshakes::HandshakeMetrics;
use super::key_value::{KeyValueFamilies, KeyValueMetrics};
use super::origins::BalancerFigures;
use super::per_thread::RequestGauge;
use super::queues::QueueMetrics;
use super::rates::RateFigures;
use super::source::{Source, collected, register};
use crate::failure::Failure;

/// All metrics of one process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    families: Families,
    key_value: KeyValueFamilies,
    queues: QueueMetrics,
    unrouted: Arc<RouteMetrics>,
    cache: Source<CacheFigures>,
    databases: Source<Vec<DatabaseFigures>>,
    origins: Source<BalancerFigures>,
    cluster: Source<ClusterFigures>,
    rates: Source<RateFigures>,
    queue_figures: Source<Vec<QueueFigures>>,
    /// By component.
    in_flight: Mutex<BTreeMap<Arc<str>, RequestGauge>>,
    connections: Gauge,
    connections_refused: Counter,
    handshakes: HandshakeMetrics,
    workers: Gauge,
    workers_lost: Counter,
    log_lines_dropped: Counter,
}

impl Metrics {
    /// All metrics, at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("terrace");
        let families = Families::register(&mut registry);
        let key_value = KeyValueFamilies::register(&mut registry);
        let queues = QueueMetrics::register(&mut registry);
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
        let cache = collected(&mut registry);
        let databases = collected(&mut registry);
        let origins = collected(&mut registry);
        let cluster = collected(&mut registry);
        let rates = collected(&mut registry);
        let queue_figures = collected(&mut registry);
        let unrouted = families.component("");
        let unrouted = Arc::new(families.route(unrouted, ""));
        Self {
            registry,
            families,
            key_value,
            queues,
            unrouted,
            cache,
            databases,
            origins,
            cluster,
            rates,
            queue_figures,
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
        let (name, in_flight) = (Arc::clone(metrics.component()), metrics.in_flight().clone());
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

    /// The metrics of a key-value store on an engine. Each call returns those of the same series.
    #[must_use]
    pub fn key_value(&self, store: &str, engine: &'static str) -> Arc<KeyValueMetrics> {
        self.key_value.store(store, engine)
    }

    /// The metrics of requests without a route.
    pub(crate) fn unrouted(&self) -> &Arc<RouteMetrics> {
        &self.unrouted
    }

    /// Counts `failure` of a request to `component`.
    pub(crate) fn count_failure(&self, component: &Arc<str>, failure: &Failure) {
        self.families.count_failure(component, failure);
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

    /// The counts of messages.
    pub(crate) fn queues(&self) -> &QueueMetrics {
        &self.queues
    }

    /// Registers `figures`, which is called for the numbers of the queues at each scrape.
    pub(crate) fn read_queues(
        &self,
        figures: impl Fn() -> Vec<QueueFigures> + Send + Sync + 'static,
    ) {
        self.queue_figures.read_from(figures);
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
