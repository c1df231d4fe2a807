//! Owns the announcements of this node: it says again and again that it is there, and once that it leaves.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use storage::EngineFailure;
use storage::registry::Registry;
use tokio::time::sleep;

use super::limits::{ANNOUNCE_INTERVAL, LEAVE_TIMEOUT, NODE_EXPIRY, REGISTRY_TIMEOUT};
use super::node::{Node, Stamp, VERSION};
use crate::clock;
use crate::observe::{ClusterFigures, Metrics, NodeFigures};
use crate::request::{IdSource, RequestId};
use crate::settings::{Origin, Token};

/// The announcements of one node.
pub(crate) struct Announcer {
    registry: Registry,
    /// Tells this process from all others.
    id: String,
    /// What is announced; absent before the node is ready, and after it has left.
    node: Mutex<Option<Node>>,
    is_out: AtomicBool,
}

impl Announcer {
    pub(crate) fn new(registry: Registry) -> Self {
        let id = RequestId::generate(&IdSource::from_system());
        Self {
            registry,
            id: id.as_str().to_owned(),
            node: Mutex::default(),
            is_out: AtomicBool::new(false),
        }
    }

    /// Names what [`Self::run`] announces.
    pub(crate) fn set_node(&self, address: &Origin, app: &str, digest: &str) {
        tracing::info!(%address, app, "the node announces itself in the registry");
        *self.node.lock() = Some(Node {
            address: address.to_string(),
            app: app.to_owned(),
            digest: digest.to_owned(),
            version: VERSION.to_owned(),
            admin: None,
            deployed: None,
            proof: None,
            in_flight: 0,
            processors: 0.0,
        });
    }

    /// Names another version of the app.
    pub(crate) fn set_digest(&self, digest: &str) {
        if let Some(node) = &mut *self.node.lock() {
            digest.clone_into(&mut node.digest);
        }
    }

    /// Says where the node takes deployments, if others reach it, and the version that it has committed last.
    pub(crate) fn set_deployed(
        &self,
        admin: Option<&Origin>,
        stamp: Option<&Stamp>,
        token: &Token,
    ) {
        if let Some(node) = &mut *self.node.lock() {
            let admin = admin.map(ToString::to_string);
            let proof = admin
                .as_ref()
                .map(|admin| token.proof(&Node::proven(admin, stamp)));
            (node.admin, node.deployed, node.proof) = (admin, stamp.cloned(), proof);
        }
    }

    /// The nodes of the same app with a version after `own`, the latest one first, and where they take deployments.
    pub(crate) async fn later(
        &self,
        own: Option<&Stamp>,
        token: &Token,
    ) -> Result<Vec<Origin>, EngineFailure> {
        let app = self.node.lock().as_ref().map(|node| node.app.clone());
        let read = self.registry.read(clock::now() + REGISTRY_TIMEOUT).await?;
        let nodes = read
            .iter()
            .filter_map(|node| Node::parse(node.text.as_deref()?));
        let nodes = nodes.filter(|node| app.as_ref() == Some(&node.app) && node.is_compatible());
        let mut later: Vec<_> = nodes.filter(|node| node.deployed.as_ref() > own).collect();
        later.sort_by(|one, other| other.deployed.cmp(&one.deployed));
        Ok(later.iter().filter_map(|node| node.admin(token)).collect())
    }

    /// Announces the node for as long as it is polled.
    pub(crate) async fn run(&self, metrics: &Metrics) -> Infallible {
        let random = IdSource::from_system();
        let mut measured = (clock::now(), clock::process_cpu_time());
        loop {
            let processors = processors(&mut measured);
            self.announce(metrics.requests_in_flight(), processors)
                .await;
            sleep(random.jittered(ANNOUNCE_INTERVAL)).await;
        }
    }

    async fn announce(&self, in_flight: u64, processors: f64) {
        let text = {
            let mut announced = self.node.lock();
            let Some(node) = &mut *announced else { return };
            (node.in_flight, node.processors) = (in_flight, processors);
            serde_json::to_string(node).expect("texts and numbers have a form in JSON")
        };
        let deadline = clock::now() + REGISTRY_TIMEOUT;
        let announced = self
            .registry
            .announce(&self.id, &text, NODE_EXPIRY, deadline);
        self.note(announced.await.err().as_ref());
    }

    /// Leaves the registry, before the node stops accepting connections.
    pub(crate) async fn leave(&self) {
        if self.node.lock().take().is_none() {
            return;
        }
        let deadline = clock::now() + LEAVE_TIMEOUT;
        let left = self.registry.leave(&self.id, NODE_EXPIRY, deadline).await;
        self.note(left.err().as_ref());
    }

    /// The figures for metrics and pages: the registry, and this node.
    pub(crate) fn figures(&self) -> ClusterFigures {
        let node = self.node.lock();
        let nodes = node.iter().map(|node| node.figures(NodeFigures::ANNOUNCED));
        ClusterFigures {
            registry_out: self.is_out.load(Ordering::Relaxed),
            app: node.as_ref().map(|node| node.app.clone()),
            nodes: nodes.collect(),
            unreadable: 0,
        }
    }

    /// Says in the log when the registry stops answering, and when it answers again.
    fn note(&self, failure: Option<&EngineFailure>) {
        let was_out = self.is_out.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(failure) if !was_out => {
                tracing::warn!(
                    "the registry takes no announcement, so edges may lose this node: {failure}"
                );
            }
            None if was_out => tracing::info!("the registry takes announcements again"),
            _ => {}
        }
    }
}

/// Processors that this process has kept busy since the last call.
fn processors(measured: &mut (Instant, Duration)) -> f64 {
    let (then, busy_then) = *measured;
    *measured = (clock::now(), clock::process_cpu_time());
    let passed = measured.0.saturating_duration_since(then).as_secs_f64();
    let busy = measured.1.saturating_sub(busy_then).as_secs_f64();
    // Two digits are enough to compare nodes.
    (busy / passed.max(0.001) * 100.0).round() / 100.0
}
