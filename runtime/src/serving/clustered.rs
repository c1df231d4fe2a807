//! The part of a server in its cluster, from its settings: the registry, a node's announcements, and rate limits that count together.
//! The announcements and the counts themselves are left to `cluster` and `rate_limit`.

use std::convert::Infallible;
use std::sync::Arc;

use serde::Serialize;
use storage::registry::Registry;

use super::inputs::AppInputs;
use super::listeners::Listeners;
use super::{StartError, failed};
use crate::clock;
use crate::cluster::{self, Announcer};
use crate::fault::Faults;
use crate::observe::Metrics;
use crate::rate_limit::RateLimits;
use crate::server::AdminPage;
use crate::settings::Config;

/// Opens the registry that the settings name, if they do.
pub(super) fn registry(config: &Config) -> Result<Option<Registry>, StartError> {
    let registry = config.cluster.as_ref().map(cluster::open).transpose();
    registry.map_err(|error| failed(format!("the registry of nodes: {error}")))
}

/// Names what a node announces, once it has its address and its app.
pub(super) fn name_node(
    announcer: Option<&Arc<Announcer>>,
    inputs: &AppInputs,
    listeners: &Listeners,
    digest: &str,
) -> Result<(), Faults> {
    let (Some(announcer), Some(cluster)) = (announcer, &inputs.config.cluster) else {
        return Ok(());
    };
    let address = cluster.address(listeners.http(), &inputs.settings_file)?;
    announcer.set_node(&address, &inputs.app.name, digest);
    let announcer = Arc::clone(announcer);
    listeners.metrics.read_cluster(move || announcer.figures());
    Ok(())
}

/// Announces the node for as long as it is polled, if it is to be announced.
pub(super) async fn announce(announcer: Option<&Announcer>, metrics: &Metrics) -> Infallible {
    match announcer {
        Some(announcer) => announcer.run(metrics).await,
        None => std::future::pending().await,
    }
}

/// Takes the node out of the registry.
pub(super) async fn leave(announcer: Option<&Announcer>) {
    if let Some(announcer) = announcer {
        announcer.leave().await;
    }
}

/// The rate limits of the settings, if there are any. Those of an `owner` count together where there is a registry.
pub(super) fn rate_limits(
    config: &Config,
    registry: Option<&Registry>,
    owner: &str,
) -> Option<Arc<RateLimits>> {
    let proxies = config.listen.trusted_proxies.clone();
    let shared = registry.map(|registry| (registry.buckets(), owner));
    RateLimits::new(&config.rates, proxies, shared, clock::now()).map(Arc::new)
}

/// The page of the admin listener about these figures and the rate limits.
pub(super) fn page<F: Serialize>(
    figures: impl Fn() -> F + Send + Sync + 'static,
    rates: Option<&Arc<RateLimits>>,
) -> AdminPage {
    let rates = rates.cloned();
    cluster::page(figures, move || rates.as_ref().map(|rates| rates.figures()))
}
