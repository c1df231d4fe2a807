//! Owns the parts that `terrace up` and `terrace edge` share: log, metrics, cache and both listeners.
//! Serving is left to `start`.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tracing::Level;

use super::{EdgeOptions, ServingOptions, StartError, failed, switch};
use crate::advice;
use crate::cache::{CachePages, EdgeCache};
use crate::certificates::Certificates;
use crate::environment;
use crate::observe::{Log, LogFormat, LogWriter, Metrics, Observer};
use crate::server::{
    Admin, AdminConfig, AdminPage, Readiness, Server, ServerConfig, Tls, TrustedProxies,
};
use crate::settings::{AccessLog, AdminAddress, Config, LogLevel};
use crate::state::State;

/// Arguments of the command line that replace settings of the listeners and the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Overrides {
    /// The address for clients.
    pub(super) listen: Option<SocketAddr>,
    /// The address for metrics and health.
    pub(super) admin: Option<AdminAddress>,
    /// Whether a program reads the output.
    pub(super) json: bool,
}

impl Overrides {
    pub(super) fn of_app(options: &ServingOptions) -> Self {
        Self {
            listen: options.listen,
            admin: options.admin,
            json: options.json,
        }
    }

    pub(super) fn of_edge(options: &EdgeOptions) -> Self {
        Self {
            listen: options.listen,
            admin: options.admin,
            json: options.json,
        }
    }
}

/// Listeners that have their addresses and do not answer yet.
pub(super) struct Listeners {
    pub(super) server: Server,
    pub(super) admin: Option<Admin>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) log: Log,
    /// The cache that the settings ask for, which the admin listener shows.
    pub(super) cache: Option<EdgeCache>,
    /// The databases and stores, none of which is open yet. The admin listener shows their queries and has them switch.
    pub(super) state: Arc<State>,
    pub(super) drain_timeout: Duration,
    /// Writes what is left of the log when it is dropped.
    pub(super) log_writer: LogWriter,
}

impl Listeners {
    /// Starts the log and takes the addresses. The admin listener has `further` pages.
    ///
    /// # Errors
    /// The reason, such as an address that is taken.
    pub(super) fn open(
        config: &Config,
        overrides: Overrides,
        further: Vec<AdminPage>,
    ) -> Result<Self, StartError> {
        report_to_stderr(config.log.level, overrides.json);
        let metrics = Arc::new(Metrics::new());
        let format = log_format(config, overrides.json);
        let (log, log_writer) = Log::start(io::stdout(), format, &metrics).map_err(failed)?;
        let cache = EdgeCache::new(&config.cache, config.listen.workers);
        cache.iter().for_each(|cache| cache.tell(&metrics));
        let state = Arc::<State>::default();
        let readiness = Readiness::default();
        let access_log = (config.log.access != AccessLog::Off).then(|| log.clone());
        let observer = Arc::new(Observer::new(Arc::clone(&metrics), access_log));
        let server_config = server_config(config, overrides.listen)?;
        let server = Server::bind(server_config, observer, readiness.clone());
        let server = server.map_err(|error| {
            let is_https = config.listen.https == Some(error.address);
            let place = if is_https {
                "`https` in [listen]"
            } else {
                "`--listen`"
            };
            failed(format!("{error} ({place} names it)"))
        })?;
        let admin_address = overrides
            .admin
            .map_or(config.listen.admin, AdminAddress::address);
        let admin = admin_address.map(|address| {
            let hosts = config.listen.admin_hosts.clone();
            let config = AdminConfig { address, hosts };
            let mut pages = CachePages::new(cache.clone()).pages();
            pages.push(advice::page(&state));
            pages.extend(switch::pages(&state));
            pages.extend(further);
            Admin::bind(config, Arc::clone(&metrics), readiness, pages)
        });
        Ok(Self {
            server,
            admin: admin
                .transpose()
                .map_err(|error| failed(format!("{error} (`--admin` names it)")))?,
            metrics,
            log,
            cache,
            state,
            drain_timeout: config.limits.drain_timeout,
            log_writer,
        })
    }

    /// The address for clients.
    pub(super) fn http(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// The address for clients with TLS.
    pub(super) fn https(&self) -> Option<SocketAddr> {
        self.server.https_addr()
    }

    /// The address for metrics and health.
    pub(super) fn admin(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(Admin::local_addr)
    }
}

/// Sends the runtime's own messages to standard error.
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

fn server_config(config: &Config, listen: Option<SocketAddr>) -> Result<ServerConfig, StartError> {
    let tls = config.listen.https.map(|address| {
        let certificates = Certificates::open(config.listen.certificates.clone());
        certificates.map(|certificates| Tls::new(address, certificates))
    });
    Ok(ServerConfig {
        address: listen.unwrap_or(config.listen.http),
        tls: tls.transpose().map_err(failed)?,
        h2c: config.listen.h2c,
        workers: config.listen.workers,
        trusted_proxies: TrustedProxies::new(
            config.listen.trusted_proxies.clone(),
            config.listen.trusted_fields.clone(),
        ),
        limits: config.limits.clone(),
    })
}
