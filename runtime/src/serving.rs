//! From what a user wrote to a server that answers: everything is read and judged, then opened, then served.

mod app_service;
mod load;

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tracing::Level;

use crate::deployment::{Deployment, Loader};
use crate::fault::Faults;
use crate::observe::{Log, LogFormat, LogWriter, Metrics, Observer};
use crate::server::{Admin, Readiness, Server, ServerConfig, Signals, TrustedProxies};
use crate::settings::{AccessLog, Config, LogLevel};

use app_service::AppService;
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
    pub admin: Option<SocketAddr>,
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
    server: Server,
    admin: Option<Admin>,
    reloader: Reloader,
    app_name: String,
    _log_writer: LogWriter,
}

/// Replaces the app while it is served.
#[derive(Clone)]
pub struct Reloader {
    options: Arc<ServingOptions>,
    loader: Arc<Loader>,
    current: Arc<ArcSwap<Deployment>>,
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
        report_to_stderr(reading.config.log.level, options.json);
        let metrics = Arc::new(Metrics::new());
        let format = log_format(&reading.config, options.json);
        let (log, writer) = Log::start(io::stdout(), format, &metrics).map_err(failed)?;
        let readiness = Readiness::default();
        let access_log = (reading.config.log.access != AccessLog::Off).then(|| log.clone());
        let observer = Arc::new(Observer::new(Arc::clone(&metrics), access_log));
        let config = server_config(&reading.config, options.listen);
        let workers = config.workers.get();
        // Before the components are compiled, which takes longest.
        let server = Server::bind(config, observer, readiness.clone()).map_err(failed)?;
        let admin_address = options.admin.or(reading.config.listen.admin);
        let admin = admin_address
            .map(|address| Admin::bind(address, Arc::clone(&metrics), readiness))
            .transpose();
        let admin = admin.map_err(failed)?;
        let loader = load::loader(&reading, workers, metrics, log)?;
        let deployment = loader.load(&reading.app, reading.rendered()?)?;
        Ok(Self {
            server,
            admin,
            app_name: reading.app.name,
            reloader: Reloader {
                options: Arc::new(options),
                loader: Arc::new(loader),
                current: Arc::new(ArcSwap::new(deployment)),
            },
            _log_writer: writer,
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
        self.server.local_addr()
    }

    /// The address for metrics and health.
    #[must_use]
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(Admin::local_addr)
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
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let admin = self.admin.map(Admin::start).transpose().map_err(failed)?;
        let Reloader {
            loader, current, ..
        } = self.reloader;
        let result = runtime.block_on(async {
            let mut signals = Signals::listen().map_err(failed)?;
            let apps = Arc::clone(&current);
            let factory = move |worker| AppService::start(worker, Arc::clone(&apps));
            let served = self
                .server
                .run(factory, ready, async || signals.next().await)
                .await;
            loader.state.close().await;
            served.map_err(failed)
        });
        drop(admin);
        result
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
        self.current.store(deployment);
        Ok(())
    }
}

fn failed(error: impl std::fmt::Display) -> StartError {
    StartError::Failed(error.to_string())
}

/// What the runtime has to say beside the log of requests goes to standard error.
fn report_to_stderr(level: LogLevel, json: bool) {
    let level = match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    };
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    // A program that embeds the runtime may have a subscriber already; then that one is told.
    let _ = if json {
        subscriber.json().try_init()
    } else {
        subscriber.try_init()
    };
}

fn log_format(config: &Config, json: bool) -> LogFormat {
    if json || config.log.access == AccessLog::Json {
        LogFormat::Json
    } else {
        LogFormat::Human {
            colour: io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        }
    }
}

fn server_config(config: &Config, listen: Option<SocketAddr>) -> ServerConfig {
    ServerConfig {
        address: listen.unwrap_or(config.listen.http),
        workers: config.listen.workers,
        trusted_proxies: TrustedProxies::new(config.listen.trusted_proxies.clone()),
        limits: config.limits.clone(),
    }
}
