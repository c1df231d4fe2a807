//! Owns the cluster: a node's announcements in the registry, and the nodes that an edge finds there. The registry itself is left to
//! the crate [`storage`], requests to the nodes to `edge`.

use std::collections::BTreeSet;

mod announcer;
pub mod limits;
mod members;
mod node;
mod page;

use node::Node;
use storage::registry::Registry;
use storage::{EngineFailure, OpenError, RedisOptions};

pub(crate) use announcer::Announcer;
pub(crate) use members::Members;
pub(crate) use node::{Stamp, VERSION};
pub(crate) use page::page;

use crate::clock;
use crate::limits::STATE_OPEN_TIMEOUT;
use crate::settings::{Cluster, Origin, Token};

/// Where the nodes in a registry that know a token take deployments; those of one `app`, if it is named.
///
/// # Errors
/// If the server does not answer in time, or if there are nodes of several apps and none is named.
pub(crate) async fn deployable(
    registry: &Registry,
    app: Option<&str>,
    token: &Token,
) -> Result<Vec<Origin>, EngineFailure> {
    let registered = registry
        .read(clock::now() + limits::REGISTRY_TIMEOUT)
        .await?;
    let nodes = registered
        .iter()
        .filter_map(|node| Node::parse(node.text.as_deref()?));
    let nodes: Vec<_> = nodes
        .filter(|node| app.is_none_or(|app| app == node.app))
        .collect();
    let apps: BTreeSet<_> = nodes.iter().map(|node| &node.app).collect();
    if apps.len() > 1 {
        let message =
            format!("it has nodes of several apps: {apps:?}; name one with `app` in [cluster]");
        return Err(EngineFailure::Other { message });
    }
    Ok(nodes.iter().filter_map(|node| node.admin(token)).collect())
}

/// Opens the registry. It blocks the calling thread.
///
/// # Errors
/// If the server refuses, or is of no use. One that does not answer may do so later.
pub(crate) fn open(cluster: &Cluster) -> Result<Registry, OpenError> {
    let options = RedisOptions {
        open_timeout: STATE_OPEN_TIMEOUT,
        password: cluster.redis.password.clone(),
    };
    Registry::open(&cluster.redis.url, &options)
}
