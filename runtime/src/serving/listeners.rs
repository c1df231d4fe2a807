//! What every server of this program has, whatever answers behind it: its log, its metrics and both its listeners.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep_until;
use tracing::Level;

use super::{StartError, failed};
use crate::cache::{CachePages, EdgeCache};
use crate::clock;
use crate::environment;
use crate::observe::{Log, LogFormat, LogWriter, Metrics, Observer};
use crate::request::WorkerId;
use crate::server::{
    Admin, AdminConfig, AdminPage, Background, InnerService, Readiness, Server, ServerConfig,
    Signals, TrustedProxies,
};
use crate::settings::{AccessLog, AdminAddress, Config, LogLevel};

/// Every write that was acknowledged is safe then; the next start only has more of the log of the database to read.
const NOT_CLOSED: &str =
    "the databases were not put in order: `drain_timeout` had passed, or there was a second signal";

/// What the command line says about listeners and log, in place of the settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overrides {
    /// The address for clients.
    pub(crate) listen: Option<SocketAddr>,
    /// The address for metrics and health.
    pub(crate) admin: Option<AdminAddress>,
    /// Whether a program reads the output.
    pub(crate) json: bool,
}

/// Listeners that have their addresses and do not answer yet.
pub(crate) struct Listeners {
    server: Server,
    admin: Option<Admin>,
    metrics: Arc<Metrics>,
    log: Log,
    drain_timeout: Duration,
    _log_writer: LogWriter,
}

impl Listeners {
    /// The same, and the cache that the settings ask for, which the admin listener shows.
    ///
    /// # Errors
    /// What is in the way, such as an address that is taken.
    pub(crate) fn with_cache(
        config: &Config,
        overrides: Overrides,
    ) -> Result<(Self, Option<EdgeCache>), StartError> {
        let cache = EdgeCache::new(&config.cache, config.listen.workers);
        let pages = CachePages::new(cache.clone()).pages();
        let listeners = Self::open(config, overrides, pages)?;
        cache
            .iter()
            .for_each(|cache| cache.tell(&listeners.metrics));
        Ok((listeners, cache))
    }

    /// Starts the log and takes the addresses.
    fn open(
        config: &Config,
        overrides: Overrides,
        pages: Vec<AdminPage>,
    ) -> Result<Self, StartError> {
        report_to_stderr(config.log.level, overrides.json);
        let metrics = Arc::new(Metrics::new());
        let format = log_format(config, overrides.json);
        let (log, log_writer) = Log::start(io::stdout(), format, &metrics).map_err(failed)?;
        let readiness = Readiness::default();
        let access_log = (config.log.access != AccessLog::Off).then(|| log.clone());
        let observer = Arc::new(Observer::new(Arc::clone(&metrics), access_log));
        let server_config = server_config(config, overrides.listen);
        let server = Server::bind(server_config, observer, readiness.clone());
        let server = server.map_err(|error| failed(format!("{error} (`--listen` names it)")))?;
        let admin_address = overrides
            .admin
            .map_or(config.listen.admin, AdminAddress::address);
        let admin = admin_address
            .map(|address| {
                let hosts = config.listen.admin_hosts.clone();
                let config = AdminConfig { address, hosts };
                Admin::bind(config, Arc::clone(&metrics), readiness, pages)
            })
            .transpose();
        Ok(Self {
            server,
            admin: admin.map_err(|error| failed(format!("{error} (`--admin` names it)")))?,
            metrics,
            log,
            drain_timeout: config.limits.drain_timeout,
            _log_writer: log_writer,
        })
    }

    /// The address for clients.
    pub(crate) fn http(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// The address for metrics and health.
    pub(crate) fn admin(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(Admin::local_addr)
    }

    /// Where requests are counted.
    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Where lines go.
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// Serves until SIGTERM or SIGINT, then finishes what was accepted, and at last waits for `close`. Calls `ready`
    /// once requests are answered. Returns at the drain timeout or at the second signal, whatever is left.
    ///
    /// # Errors
    /// When threads, signals or listeners can't be had, or something was cut at the end.
    pub(crate) fn run<F, S>(
        self,
        factory: F,
        ready: impl FnOnce(),
        close: impl AsyncFnOnce(),
    ) -> Result<(), StartError>
    where
        F: Fn(WorkerId, Background) -> S + Send + Sync + 'static,
        S: InnerService,
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let admin = self.admin.map(Admin::start).transpose().map_err(failed)?;
        let drain_timeout = self.drain_timeout;
        let result = runtime.block_on(async {
            let mut signals = Signals::listen().map_err(failed)?;
            let mut first_signal = None;
            let next_signal = async || {
                signals.next().await;
                first_signal.get_or_insert_with(clock::now);
            };
            let served = self.server.run(factory, ready, next_signal).await;
            served.map_err(failed)?;
            let end = first_signal.unwrap_or_else(clock::now) + drain_timeout;
            tokio::select! {
                () = close() => Ok(()),
                () = sleep_until(end.into()) => Err(failed(NOT_CLOSED)),
                () = signals.next() => Err(failed(NOT_CLOSED)),
            }
        });
        // Not dropped, which would wait for calls that block.
        runtime.shutdown_background();
        drop(admin);
        result
    }
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
        .with_ansi(environment::wants_colour(io::stderr().is_terminal()));
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
            colour: environment::wants_colour(io::stdout().is_terminal()),
        }
    }
}

fn server_config(config: &Config, listen: Option<SocketAddr>) -> ServerConfig {
    ServerConfig {
        address: listen.unwrap_or(config.listen.http),
        workers: config.listen.workers,
        trusted_proxies: TrustedProxies::new(
            config.listen.trusted_proxies.clone(),
            config.listen.trusted_fields.clone(),
        ),
        limits: config.limits.clone(),
    }
}
