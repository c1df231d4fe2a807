//! From what a user wrote to a server that answers: everything is read and judged, then opened, then served.

mod app_service;
pub(crate) mod listeners;
mod load;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::cache::{CachedService, EdgeCache, GroupScope};
use crate::deployment::Loader;
use crate::fault::Faults;
use crate::settings::AdminAddress;

use app_service::{AppService, Handles};
use listeners::{Listeners, Overrides};
use load::Reading;

/// What the command line says about serving an app.
#[derive(Clone, Debug, Default)]
pub struct ServingOptions {
    /// The manifest, or the folder that it is in.
    pub manifest: PathBuf,
    /// The settings; without it `terrace.toml` beside the manifest, if there is one.
    pub config: Option<PathBuf>,
    /// The address for clients, in place of the settings'.
    pub listen: Option<SocketAddr>,
    /// The address for metrics and health, in place of the settings'.
    pub admin: Option<AdminAddress>,
    /// Where state is kept; without it `.terrace` beside the manifest.
    pub state_dir: Option<PathBuf>,
    /// The ids of the components to serve; all of them if empty.
    pub only: Vec<String>,
    /// Values of variables, as in [`crate::variables::VariableSources::arguments`].
    pub variables: Vec<String>,
    /// Whether a program reads the output.
    pub json: bool,
}

/// Why an app can't be served.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What the user wrote is wrong.
    #[error("{0}")]
    Faults(Faults),
    /// What was written is fine, and something in the way: a port that is taken, a folder that can't be written.
    #[error("{0}")]
    Failed(String),
}

impl From<Faults> for StartError {
    fn from(faults: Faults) -> Self {
        Self::Faults(faults)
    }
}

/// An app that is loaded and listens; [`Self::run`] serves it.
pub struct Serving {
    listeners: Listeners,
    cache: Option<EdgeCache>,
    reloader: Reloader,
    app_name: String,
}

/// Replaces the app while it is served.
#[derive(Clone)]
pub struct Reloader {
    options: Arc<ServingOptions>,
    loader: Arc<Loader>,
    current: Arc<ArcSwap<Handles>>,
    cache: Option<EdgeCache>,
}

/// Reads and judges everything without serving it: manifest, settings, labels, variables and components.
///
/// # Errors
/// All that is wrong.
pub fn check(options: &ServingOptions) -> Result<(), Faults> {
    let reading = Reading::new(options)?;
    let engine = load::engine(&reading, None).map_err(|error| load::fault(&reading, &error))?;
    load::check_components(&engine, &reading)
}

impl Serving {
    /// Reads, judges, opens and loads all that serving needs, and takes the addresses.
    ///
    /// # Errors
    /// All that is wrong with what the user wrote, else what prevents it from being served.
    pub fn start(options: ServingOptions) -> Result<Self, StartError> {
        let reading = Reading::new(&options)?;
        let overrides = Overrides {
            listen: options.listen,
            admin: options.admin,
            json: options.json,
        };
        // Before the components are compiled, which takes longest.
        let (listeners, cache) = Listeners::with_cache(&reading.config, overrides)?;
        let loader = load::loader(&reading, &listeners)?;
        let deployment = loader.load(&reading.app, reading.rendered()?)?;
        Ok(Self {
            listeners,
            cache: cache.clone(),
            app_name: reading.app.name,
            reloader: Reloader {
                options: Arc::new(options),
                current: Arc::new(ArcSwap::from_pointee(Handles::new(&deployment, &loader))),
                loader: Arc::new(loader),
                cache,
            },
        })
    }

    /// The name of the app.
    #[must_use]
    pub fn app_name(&self) -> &str {
        &self.app_name
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

    /// What replaces the app while it is served.
    #[must_use]
    pub fn reloader(&self) -> Reloader {
        self.reloader.clone()
    }

    /// Serves until SIGTERM or SIGINT, then finishes what was accepted and puts the state in order. Calls `ready`
    /// once requests are answered.
    ///
    /// # Errors
    /// When threads, signals or listeners can't be had.
    pub fn run(self, ready: impl FnOnce()) -> Result<(), StartError> {
        let Reloader {
            loader, current, ..
        } = self.reloader;
        let (cache, metrics) = (self.cache, Arc::clone(self.listeners.metrics()));
        let factory = move |worker, background| {
            let app = AppService::start(worker, Arc::clone(&current));
            CachedService::new(
                app,
                cache.clone(),
                GroupScope::AllHosts,
                background,
                &metrics,
            )
        };
        let close = async || loader.state.close().await;
        self.listeners.run(factory, ready, close)
    }
}

impl Reloader {
    /// Reads the app again and swaps it in as a whole. Requests that have begun end in the app that they began in.
    ///
    /// # Errors
    /// As [`Serving::start`]; the app that is served stays.
    pub fn reload(&self) -> Result<(), StartError> {
        let reading = Reading::new(&self.options)?;
        // The app may name databases and stores that it did not have when it was started.
        let state = &self.loader.state;
        state.open(&reading.config, &reading.app).map_err(failed)?;
        let deployment = self.loader.load(&reading.app, reading.rendered()?)?;
        let handles = Handles::new(&deployment, &self.loader);
        self.current.store(Arc::new(handles));
        // What the app before it has answered is no longer what this one would.
        self.cache.iter().for_each(EdgeCache::clear);
        Ok(())
    }
}

pub(crate) fn failed(error: impl std::fmt::Display) -> StartError {
    StartError::Failed(error.to_string())
}
