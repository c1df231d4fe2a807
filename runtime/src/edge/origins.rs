//! Owns the servers behind an edge, which all its workers share: those of the settings, the addresses of names, which are looked up
//! again and again, and the nodes of the cluster, which are followed. The choice among them is left to `balancer`, checking them to `checks`.

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;
use futures::future::{join, join_all};
use http::Uri;
use parking_lot::Mutex;
use tokio::time::sleep;

use super::checks::Checks;
use super::endpoint::Endpoint;
use super::exchange::Patience;
use super::health::Health;
use super::limits::{LOOK_UP_INTERVAL, LOOK_UP_TIMEOUT, MAX_ADDRESSES_PER_NAME};
use super::message::LoopName;
use super::moment::Epoch;
use super::outgoing::KeptContent;
use super::retry_budget::RetryBudget;
use super::way::Way;
use crate::clock;
use crate::cluster::Members;
use crate::cluster::limits::READ_INTERVAL;
use crate::http_client::Connector;
use crate::observe::{BalancerFigures, ClusterFigures, Metrics};
use crate::request::IdSource;
use crate::settings::{Edge, HealthChecks, Origin, OriginEntry};

/// All servers behind an edge.
pub(crate) type Endpoints = Vec<Arc<Endpoint>>;

/// The servers behind an edge, and what they share.
pub(crate) struct Origins {
    entries: Vec<OriginEntry>,
    /// The servers of each entry. Whoever changes `all` holds this lock.
    by_entry: Mutex<Vec<Endpoints>>,
    all: ArcSwap<Endpoints>,
    connector: Connector,
    /// The nodes that [`OriginEntry::Cluster`] stands for.
    members: Option<Members>,
    health: HealthChecks,
    pub(super) way: Way,
    pub(super) epoch: Epoch,
    pub(super) patience: Option<Patience>,
    pub(super) budget: RetryBudget,
    pub(super) kept: KeptContent,
    pub(super) loop_name: LoopName,
    /// Requests that an origin may have at once.
    connections: usize,
    retries: AtomicU64,
    retries_refused: AtomicU64,
    hedges: AtomicU64,
}

impl Origins {
    /// The servers that `entries` name; [`OriginEntry::Cluster`] stands for these `members`. [`Self::find`] finds those that no
    /// entry lists.
    pub(crate) fn new(
        entries: &[OriginEntry],
        members: Option<Members>,
        edge: &Edge,
        now: Instant,
    ) -> Self {
        Self {
            members,
            ..Self::with(entries, edge, now, Connector::new(LOOK_UP_TIMEOUT))
        }
    }

    /// The same without a cluster, and with a connector that looks names up.
    pub(super) fn with(
        entries: &[OriginEntry],
        edge: &Edge,
        now: Instant,
        connector: Connector,
    ) -> Self {
        let shields = edge.shield.iter().cloned().map(OriginEntry::Server);
        let entries: Vec<OriginEntry> = shields.chain(entries.iter().cloned()).collect();
        let is_server = |entry: &OriginEntry| matches!(entry, OriginEntry::Server(_));
        // Where there is nothing to choose, there is nothing to check and nothing to leave.
        let balances = entries.len() > 1 || !entries.iter().all(is_server);
        let mut health = edge.health.clone();
        if !balances {
            (health.interval, health.failures) = (None, u32::MAX);
        }
        let servers = |(index, entry): (usize, &OriginEntry)| match entry {
            OriginEntry::Server(origin) => {
                let health = Health::new(health.failures, None);
                let endpoint = Endpoint::new(origin.clone(), None, health, edge.connections);
                let is_shield = index < edge.shield.len();
                vec![Arc::new(if is_shield {
                    endpoint.into_shield()
                } else {
                    endpoint
                })]
            }
            OriginEntry::EachAddress(_) | OriginEntry::Cluster => Vec::new(),
        };
        let by_entry: Vec<Endpoints> = entries.iter().enumerate().map(servers).collect();
        let patience = Patience {
            silence: edge.silence_timeout,
            check: health.timeout,
        };
        Self {
            entries,
            all: ArcSwap::from_pointee(by_entry.concat()),
            by_entry: Mutex::new(by_entry),
            connector,
            members: None,
            health,
            way: Way::of(edge),
            epoch: Epoch::new(now),
            patience: balances.then_some(patience),
            budget: RetryBudget::default(),
            kept: KeptContent::default(),
            loop_name: LoopName::generate(&IdSource::from_system()),
            connections: edge.connections,
            retries: AtomicU64::new(0),
            retries_refused: AtomicU64::new(0),
            hedges: AtomicU64::new(0),
        }
    }

    /// The servers of this moment.
    pub(super) fn endpoints(&self) -> Arc<Endpoints> {
        self.all.load_full()
    }

    /// Whether requests find out that an ejected origin is back, because no checks do.
    pub(super) fn requests_probe(&self) -> bool {
        self.health.interval.is_none()
    }

    /// Whether one more request may be sent again. It counts as a retry then.
    pub(super) fn may_retry(&self) -> bool {
        let may = self.budget.withdraw(self.epoch.moment(clock::now()));
        let counter = if may {
            &self.retries
        } else {
            &self.retries_refused
        };
        counter.fetch_add(1, Ordering::Relaxed);
        may
    }

    /// Whether one more request may be sent to a second origin at once. It takes a retry from the budget.
    pub(super) fn may_hedge(&self) -> bool {
        let may = self.budget.withdraw(self.epoch.moment(clock::now()));
        if may {
            self.hedges.fetch_add(1, Ordering::Relaxed);
        }
        may
    }

    /// Looks the names up and reads the nodes of the cluster, once.
    pub(crate) async fn find(&self) {
        join(self.look_up(), self.read_members()).await;
    }

    async fn look_up(&self) {
        let entries = self.entries.iter().enumerate();
        let look_ups = entries.filter_map(|(index, entry)| match entry {
            OriginEntry::EachAddress(origin) => Some(self.look_up_one(index, origin)),
            OriginEntry::Server(_) | OriginEntry::Cluster => None,
        });
        join_all(look_ups).await;
    }

    async fn look_up_one(&self, index: usize, origin: &Origin) {
        match self
            .connector
            .look_up(&origin.target(&Uri::default()))
            .await
        {
            Ok(mut addresses) => {
                addresses.sort_unstable();
                addresses.dedup();
                addresses.truncate(MAX_ADDRESSES_PER_NAME);
                let found = addresses.into_iter();
                let found = found.map(|address| (origin.clone(), Some(address)));
                self.replace(index, found, clock::now());
            }
            Err(error) => {
                let origin = origin.to_string();
                tracing::warn!(origin, %error, "the addresses stay as they are");
            }
        }
    }

    async fn read_members(&self) {
        let Some(members) = &self.members else { return };
        let Some(found) = members.read().await else {
            return;
        };
        let mut entries = self.entries.iter();
        let index = entries.position(|entry| *entry == OriginEntry::Cluster);
        let index = index.expect("members are those of an entry");
        let found = found.into_iter().map(|origin| (origin, None));
        self.replace(index, found, clock::now());
    }

    /// Replaces the servers of an entry. Those that stay keep their figures.
    fn replace(
        &self,
        index: usize,
        found: impl Iterator<Item = (Origin, Option<SocketAddr>)>,
        now: Instant,
    ) {
        let mut by_entry = self.by_entry.lock();
        let known = &by_entry[index];
        // The first ones are not new to anybody.
        let came = (!known.is_empty()).then(|| self.epoch.moment(now));
        let server = |(origin, address): (Origin, Option<SocketAddr>)| {
            let is_same =
                |one: &&Arc<Endpoint>| one.address() == address && *one.origin() == origin;
            known.iter().find(is_same).cloned().unwrap_or_else(|| {
                let health = Health::new(self.health.failures, came);
                Arc::new(Endpoint::new(origin, address, health, self.connections))
            })
        };
        by_entry[index] = found.map(server).collect();
        self.all.store(Arc::new(by_entry.concat()));
    }

    /// Looks names up, follows the cluster, and checks origins for as long as the edge serves.
    pub(crate) async fn tend(self: Arc<Self>) -> Infallible {
        let checks = RefCell::new(Checks::new(
            self.health.clone(),
            self.way.clone(),
            self.epoch,
        ));
        let check = &|| {
            if self.patience.is_some() {
                checks.borrow_mut().follow(&self.endpoints());
            }
        };
        // Neither waits for the other.
        let tended = join(self.look_up_again(check), self.follow(check));
        tended.await.0
    }

    async fn look_up_again(&self, check: impl Fn()) -> Infallible {
        loop {
            check();
            sleep(LOOK_UP_INTERVAL).await;
            self.look_up().await;
        }
    }

    async fn follow(&self, check: impl Fn()) -> Infallible {
        let random = IdSource::from_system();
        loop {
            sleep(random.jittered(READ_INTERVAL)).await;
            self.read_members().await;
            check();
        }
    }

    /// The figures for metrics and pages.
    pub(crate) fn figures(&self) -> BalancerFigures {
        let now = self.epoch.moment(clock::now());
        let endpoints = self.endpoints();
        BalancerFigures {
            origins: endpoints.iter().map(|one| one.figures(now)).collect(),
            retries: self.retries.load(Ordering::Relaxed),
            retries_refused: self.retries_refused.load(Ordering::Relaxed),
            retries_left: self.budget.left(),
            hedges: self.hedges.load(Ordering::Relaxed),
            cluster: self.cluster_figures(),
        }
    }

    /// Adds its figures to the metrics.
    pub(crate) fn tell(self: &Arc<Self>, metrics: &Metrics) {
        let origins = Arc::clone(self);
        metrics.read_origins(move || origins.figures());
        if self.members.is_some() {
            let origins = Arc::clone(self);
            metrics.read_cluster(move || origins.cluster_figures().unwrap_or_default());
        }
    }

    fn cluster_figures(&self) -> Option<ClusterFigures> {
        self.members.as_ref().map(Members::figures)
    }
}

#[cfg(test)]
mod tests;
