//! From what a user wrote about an edge to a server that answers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::origin_service::OriginService;
use crate::cache::{CachedService, EdgeCache, GroupScope};
use crate::fault::{Fault, Faults, Reason};
use crate::serving::listeners::{Listeners, Overrides};
use crate::serving::{StartError, failed};
use crate::settings::{
    AdminAddress, Config, Edge, Origin, SETTINGS_FILE, STATE_DIRECTORY, Settings,
};

/// What the command line says about an edge.
#[derive(Clone, Debug, Default)]
pub struct EdgeOptions {
    /// The origin, in place of the settings'.
    pub origin: Option<String>,
    /// The settings; without it `terrace.toml` in the working directory, if there is one.
    pub config: Option<PathBuf>,
    /// The address for clients, in place of the settings'.
    pub listen: Option<SocketAddr>,
    /// The address for metrics and health, in place of the settings'.
    pub admin: Option<AdminAddress>,
    /// What settings leave to the state folder is below it; without it `.terrace`.
    pub state_dir: Option<PathBuf>,
    /// Whether a program reads the output.
    pub json: bool,
}

/// An edge that listens; [`Self::run`] serves it.
pub struct EdgeServing {
    listeners: Listeners,
    cache: Option<EdgeCache>,
    origin: Origin,
    edge: Edge,
}

impl EdgeServing {
    /// Reads and judges what the user wrote, and takes the addresses. The origin need not answer yet.
    ///
    /// # Errors
    /// All that is wrong with what the user wrote, else what prevents it from being served.
    pub fn start(options: &EdgeOptions) -> Result<Self, StartError> {
        let config = config(options)?;
        let origin = origin(options, &config)?;
        let overrides = Overrides {
            listen: options.listen,
            admin: options.admin,
            json: options.json,
        };
        let (listeners, cache) = Listeners::with_cache(&config, overrides)?;
        if origin.authority().as_str() == listeners.http().to_string() {
            let what = format!("the origin {origin} is the address that this edge listens on");
            return Err(failed(what));
        }
        Ok(Self {
            listeners,
            cache,
            origin,
            edge: config.edge,
        })
    }

    /// The origin.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The address for clients.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.listeners.http()
    }

    /// The address for metrics and health.
    #[must_use]
    pub fn admin(&self) -> Option<SocketAddr> {
        self.listeners.admin()
    }

    /// Serves until SIGTERM or SIGINT, then finishes what was accepted. Calls `ready` once requests are answered.
    ///
    /// # Errors
    /// When threads, signals or listeners can't be had, or requests were cut at the end.
    pub fn run(self, ready: impl FnOnce()) -> Result<(), StartError> {
        let Self {
            listeners,
            cache,
            origin,
            edge,
        } = self;
        let metrics = Arc::clone(listeners.metrics());
        let factory = move |_, background| {
            let service = OriginService::start(origin.clone(), &edge, &metrics);
            CachedService::new(
                service,
                cache.clone(),
                GroupScope::Origin,
                background,
                &metrics,
            )
        };
        listeners.run(factory, ready, async || ())
    }
}

fn config(options: &EdgeOptions) -> Result<Config, Faults> {
    let state = options
        .state_dir
        .clone()
        .unwrap_or_else(|| STATE_DIRECTORY.into());
    let settings = match &options.config {
        Some(file) => Settings::read(file),
        None => Settings::read_if_present(SETTINGS_FILE.as_ref()),
    };
    settings?.judge(&state)
}

/// The one origin, from the command line or from the settings.
fn origin(options: &EdgeOptions, config: &Config) -> Result<Origin, Faults> {
    if let Some(text) = &options.origin {
        return Origin::parse(text).map_err(|reason| Fault::new("--origin", reason).into());
    }
    config.edge.origin.clone().ok_or_else(|| {
        let help =
            "name it with `--origin URL`, or with `origins = [\"URL\"]` in [edge] of terrace.toml";
        let reason = Reason::new("the edge has no origin").help(help);
        Fault::new("--origin", reason).into()
    })
}
