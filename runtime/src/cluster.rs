//! Owns the cluster: a node's announcements in the registry, and the nodes that an edge finds there. The registry itself is left to
//! the crate [`storage`], requests to the nodes to `edge`.

mod announcer;
pub mod limits;
mod members;
mod node;
mod page;

use storage::registry::Registry;
use storage::{OpenError, RedisOptions};

pub(crate) use announcer::Announcer;
pub(crate) use members::Members;
pub(crate) use page::page;

use crate::limits::STATE_OPEN_TIMEOUT;
use crate::settings::Cluster;

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
