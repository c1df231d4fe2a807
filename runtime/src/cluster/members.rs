//! Owns the nodes that an edge finds in the registry: which of them it uses, and for how long it keeps one that the registry does not
//! have any more. Whether a node answers is left to the edge's checks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use parking_lot::Mutex;
use storage::EngineFailure;
use storage::registry::{Registered, Registry};

use super::limits::{MAX_NODES, MAX_WARNINGS, MISSING_NODE_KEPT, REGISTRY_TIMEOUT};
use super::node::{Node, VERSION};
use crate::clock;
use crate::observe::{ClusterFigures, NodeFigures};
use crate::settings::Origin;

/// The nodes that an edge finds.
pub(crate) struct Members {
    registry: Registry,
    found: Mutex<Found>,
}

/// What was found so far.
#[derive(Default)]
struct Found {
    /// The app whose nodes are used; absent as long as none is known.
    app: Option<String>,
    /// The nodes that are used, by address.
    used: BTreeMap<String, Used>,
    /// The others that the registry has.
    others: Vec<NodeFigures>,
    /// Announcements that are none of a node.
    unreadable: u64,
    /// The reasons for which nodes are not used that the log has already.
    warnings: BTreeSet<String>,
    is_out: bool,
}

/// A node that is used.
struct Used {
    id: String,
    node: Node,
    origin: Origin,
    /// From when on the registry does not have it, as far as is known.
    missing_since: Option<Instant>,
}

impl Members {
    /// The nodes of an app, or of the one that has most nodes at the first sight.
    pub(crate) fn new(registry: Registry, app: Option<String>) -> Self {
        let found = Mutex::new(Found {
            app,
            ..Found::default()
        });
        Self { registry, found }
    }

    /// Reads the registry. Returns where the nodes are that are to be used; `None` if the registry does not answer, so those of
    /// before are.
    pub(crate) async fn read(&self) -> Option<Vec<Origin>> {
        let read = self.registry.read(clock::now() + REGISTRY_TIMEOUT).await;
        let mut found = self.found.lock();
        found.note(read.as_ref().err());
        match read {
            Ok(registered) => Some(found.update(registered, clock::now())),
            Err(_) => {
                found.wait_again(clock::now());
                None
            }
        }
    }

    /// The figures for metrics and pages.
    pub(crate) fn figures(&self) -> ClusterFigures {
        let found = self.found.lock();
        let used = found.used.values().map(|used| {
            let state = match used.missing_since {
                None => NodeFigures::USED,
                Some(_) => NodeFigures::MISSING,
            };
            used.node.figures(state)
        });
        ClusterFigures {
            registry_out: found.is_out,
            app: found.app.clone(),
            nodes: used.chain(found.others.iter().cloned()).collect(),
            unreadable: found.unreadable,
        }
    }
}

impl Found {
    /// Takes over what the registry has.
    fn update(&mut self, registered: Vec<Registered>, now: Instant) -> Vec<Origin> {
        let mut left = BTreeSet::new();
        let mut nodes = Vec::new();
        (self.unreadable, self.others) = (0, Vec::new());
        for Registered { id, text } in registered {
            match text.as_deref().map(readable) {
                None => {
                    left.insert(id);
                }
                Some(Some((node, origin))) => nodes.push((id, node, origin)),
                Some(None) => {
                    self.unreadable += 1;
                    let what = || {
                        tracing::warn!(
                            id,
                            "the registry has an announcement that is none of a node"
                        );
                    };
                    self.warn("unreadable".to_owned(), what);
                }
            }
        }
        nodes.retain(|(_, node, _)| self.is_of_this_version(node));
        if self.app.is_none() {
            self.app = prevailing(nodes.iter().map(|(_, node, _)| node.app.as_str()));
            if let Some(app) = &self.app {
                tracing::info!(app, "the edge uses the nodes of this app");
            }
        }
        nodes.retain(|(_, node, _)| self.is_of_this_app(node));
        self.keep(nodes, &left, now);
        self.used.values().map(|used| used.origin.clone()).collect()
    }

    /// Keeps these nodes, and those that are missing for a short time only.
    fn keep(&mut self, nodes: Vec<(String, Node, Origin)>, left: &BTreeSet<String>, now: Instant) {
        // A registry without any node was restarted, or nobody reaches it. Then it says nothing about them.
        let is_empty = nodes.is_empty();
        let mut listed = BTreeSet::new();
        for (id, node, origin) in nodes {
            let address = origin.to_string();
            if self.used.len() >= MAX_NODES && !self.used.contains_key(&address) {
                continue;
            }
            listed.insert(address.clone());
            let used = Used {
                id,
                node,
                origin,
                missing_since: None,
            };
            self.used.insert(address, used);
        }
        self.used.retain(|address, used| {
            if listed.contains(address) {
                return true;
            }
            let since = *used.missing_since.get_or_insert(now);
            if is_empty {
                used.missing_since = Some(now);
            }
            let is_kept = is_empty || now.saturating_duration_since(since) < MISSING_NODE_KEPT;
            is_kept && !left.contains(&used.id)
        });
    }

    /// While the registry does not answer, nobody knows for how long a node is missing.
    fn wait_again(&mut self, now: Instant) {
        for since in self
            .used
            .values_mut()
            .filter_map(|used| used.missing_since.as_mut())
        {
            *since = now;
        }
    }

    fn is_of_this_version(&mut self, node: &Node) -> bool {
        if node.is_compatible() {
            return true;
        }
        self.others.push(node.figures(NodeFigures::OTHER_VERSION));
        let (address, version) = (&node.address, &node.version);
        self.warn(format!("version {version}"), || {
            tracing::warn!(address, version, "a node is not used: its version of Terrace does not fit that of this edge, {VERSION}");
        });
        false
    }

    fn is_of_this_app(&mut self, node: &Node) -> bool {
        let own = self.app.clone().unwrap_or_default();
        if node.app == own {
            return true;
        }
        self.others.push(node.figures(NodeFigures::OTHER_APP));
        let (address, app) = (&node.address, &node.app);
        self.warn(format!("app {app}"), || {
            tracing::warn!(address, app, "a node is not used: this edge serves the app `{own}`; `app` in [cluster] names another, and a database number of its own separates apps");
        });
        false
    }

    /// Writes each warning to the log once.
    fn warn(&mut self, reason: String, write: impl FnOnce()) {
        if self.warnings.len() < MAX_WARNINGS && self.warnings.insert(reason) {
            write();
        }
    }

    /// Says in the log when the registry stops answering, and when it answers again.
    fn note(&mut self, failure: Option<&EngineFailure>) {
        match failure {
            Some(failure) if !self.is_out => {
                tracing::warn!(
                    "the registry of nodes does not answer, so the nodes stay as they are: {failure}"
                );
            }
            None if self.is_out => tracing::info!("the registry of nodes answers again"),
            _ => {}
        }
        self.is_out = failure.is_some();
    }
}

fn readable(text: &str) -> Option<(Node, Origin)> {
    let node = Node::parse(text)?;
    let origin = Origin::parse(&node.address).ok()?;
    Some((node, origin))
}

/// The app with most nodes; of several the first by name, so that all edges find the same one.
fn prevailing<'a>(apps: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut counts = BTreeMap::<_, usize>::new();
    apps.for_each(|app| *counts.entry(app).or_default() += 1);
    let first = counts.into_iter().rev().max_by_key(|(_, count)| *count);
    first.map(|(app, _)| app.to_owned())
}

#[cfg(test)]
mod tests;
