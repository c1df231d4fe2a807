//! Owns the parts that `terrace up` and `terrace edge` share: log, metrics, cache and both listeners.
//! Serving is left to `start`.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use storage::disk::Disk;
use tracing::Level;

use super::{EdgeOptions, ServingOptions, StartError, failed, switch};
use crate::acme::{self, Keeper};
use crate::advice;
use crate::cache::{CachePages, DiskLevel, EdgeCache, SecondLevel, SharedCache};
use crate::certificates::Certificates;
use crate::environment;
use crate::observe::{Log, LogFormat, LogWriter, Metrics, Observer};
use crate::queues::{self, Queues};
use crate::server::{
    Addresses, Admin, AdminConfig, AdminPage, BindError, Handover, Inheritance, PassedSockets,
    Readiness, Server, ServerConfig, Tls, TrustedProxies, certificates_page,
};
use crate::settings::{AccessLog, AdminAddress, CacheDisk, Config, LogLevel};
use crate::state::{self, State};

/// Arguments of the command line that replace settings of the listeners and the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Overrides {
    /// The address for clients.
    pub(super) listen: Option<SocketAddr>,
    /// The address for metrics and health.
    pub(super) admin: Option<AdminAddress>,
    /// Whether the sockets of a running server are taken over.
    pub(super) take_over: bool,
    /// Whether a program reads the output.
    pub(super) json: bool,
}

impl Overrides {
    pub(super) fn of_app(options: &ServingOptions) -> Self {
        Self {
            listen: options.listen,
            admin: options.admin,
            take_over: options.take_over,
            json: options.json,
        }
    }

    pub(super) fn of_edge(options: &EdgeOptions) -> Self {
        Self {
            listen: options.listen,
            admin: options.admin,
            take_over: options.take_over,
            json: options.json,
        }
    }

    /// Where the server is to listen, and the sockets that do so already: those that were passed come before those of the server that
    /// is to be taken over.
    fn sockets(
        &self,
        config: &Config,
        passed: &PassedSockets,
        state_directory: &Path,
    ) -> Result<(Addresses, Inheritance), StartError> {
        let mut addresses = self.addresses(config);
        let passed = passed.assign(&mut addresses).map_err(failed)?;
        let inheritance = self.inherit(state_directory, addresses.http)?;
        Ok((addresses, inheritance.preceded_by(passed)))
    }

    fn addresses(&self, config: &Config) -> Addresses {
        let admin = self.admin;
        Addresses {
            http: self.listen.unwrap_or(config.listen.http),
            https: config.listen.https,
            admin: admin.map_or(config.listen.admin, AdminAddress::address),
        }
    }

    /// The sockets of the server that is to be taken over.
    fn inherit(&self, state_directory: &Path, own: SocketAddr) -> Result<Inheritance, StartError> {
        if !self.take_over {
            return Ok(Inheritance::default());
        }
        let path = handover_path(state_directory, own);
        Inheritance::ask(&path).map_err(failed)
    }
}

/// Listeners that have their addresses and do not answer yet.
pub(super) struct Listeners {
    pub(super) server: Server,
    pub(super) admin: Option<Admin>,
    /// Offers the sockets to a successor.
    pub(super) handover: Handover,
    pub(super) metrics: Arc<Metrics>,
    /// Where what is no request of a client is recorded too.
    pub(super) observer: Arc<Observer>,
    pub(super) log: Log,
    /// The cache that the settings ask for, which the admin listener shows.
    pub(super) cache: Option<EdgeCache>,
    /// The databases and stores, none of which is open yet. The admin listener shows their queries and has them switch.
    pub(super) state: Arc<State>,
    /// The queues, which are not open yet. The admin listener shows them.
    pub(super) queues: Arc<Queues>,
    /// Orders certificates, if the settings ask for that.
    pub(super) keeper: Option<Keeper>,
    pub(super) drain_timeout: Duration,
    /// Writes what is left of the log when it is dropped.
    pub(super) log_writer: LogWriter,
}

/// Where the addresses of the listeners are named.
const PLACES: [&str; 2] = ["`--listen`", "`https` in [listen]"];

impl Listeners {
    /// Starts the log and takes the addresses, or the sockets that were `passed`. The admin listener has `further` pages. A successor with the same state folder and
    /// address finds this server by them.
    ///
    /// # Errors
    /// The reason, such as an address that is taken.
    pub(super) fn open(
        config: &Config,
        overrides: Overrides,
        passed: &PassedSockets,
        state_directory: &Path,
        further: Vec<AdminPage>,
    ) -> Result<Self, StartError> {
        let (addresses, mut inheritance) = overrides.sockets(config, passed, state_directory)?;
        report_to_stderr(config.log.level, overrides.json);
        let metrics = Arc::new(Metrics::new());
        let format = log_format(config, overrides.json);
        let (log, log_writer) = Log::start(io::stdout(), format, &metrics).map_err(failed)?;
        let state = Arc::<State>::default();
        let level = second_level(config, overrides.take_over, &state)?;
        let cache = EdgeCache::new(&config.cache, config.listen.workers, level);
        cache.iter().for_each(|cache| cache.tell(&metrics));
        let queues = Arc::new(Queues::new(config.queue.room, &metrics));
        let readiness = Readiness::default();
        let observer = Arc::new(observer(config, &metrics, &log));
        let certificates = certificates(config);
        let keeper = keeper(config, state_directory, certificates.as_ref())?;
        let server_config = server_config(config, addresses, certificates.as_ref());
        let (server, is_ready) = (Arc::clone(&observer), readiness.clone());
        let server = Server::bind(server_config, &mut inheritance, server, is_ready);
        let server = server.map_err(|error| {
            let is_https = addresses.https == Some(error.address);
            not_bound(&error, PLACES[usize::from(is_https)])
        })?;
        let mut pages = pages(cache.as_ref(), &state, &queues);
        pages.extend(certificates.map(certificates_page));
        pages.extend(further);
        let hosts = config.listen.admin_hosts.clone();
        let admin = addresses.admin.map(|address| {
            let (config, metrics) = (AdminConfig { address, hosts }, Arc::clone(&metrics));
            Admin::bind(config, &mut inheritance, metrics, readiness, pages)
        });
        let admin = admin
            .transpose()
            .map_err(|error| not_bound(&error, "`--admin`"))?;
        let path = handover_path(state_directory, server.local_addr());
        let handover = server.handover(admin.as_ref(), path, inheritance);
        Ok(Self {
            server,
            admin,
            handover: handover.map_err(failed)?,
            metrics,
            observer,
            log,
            cache,
            state,
            queues,
            keeper,
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

fn not_bound(error: &BindError, place: &str) -> StartError {
    failed(format!("{error} ({place} names it)"))
}

/// Where a server with this address offers its sockets.
fn handover_path(state_directory: &Path, address: SocketAddr) -> PathBuf {
    state_directory.join(format!("listen-{address}.sock"))
}

/// The second level of the cache that the settings ask for. A server that is taken over has the folder of a disk until it ends.
fn second_level(
    config: &Config,
    take_over: bool,
    state: &Arc<State>,
) -> Result<SecondLevel, StartError> {
    if let Some(shared) = shared_level(config, state)? {
        return Ok(SecondLevel::Shared(shared));
    }
    let Some(CacheDisk { path, size }) = &config.cache.disk else {
        return Ok(SecondLevel::None);
    };
    let disk = Disk::open(path, *size, take_over);
    let disk = disk.map_err(|error| failed(format!("`disk` of [cache]: {error}")))?;
    Ok(SecondLevel::Disk(DiskLevel::new(disk)))
}

/// The level that several servers share, if the settings ask for one.
fn shared_level(config: &Config, state: &Arc<State>) -> Result<Option<SharedCache>, StartError> {
    let Some(redis) = &config.cache.shared else {
        return Ok(None);
    };
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| failed(io::Error::other(error)))?;
    let level = state::open_shared_level(redis, secret);
    let level = level.map_err(|error| failed(format!("the shared level of the cache: {error}")))?;
    Ok(Some(SharedCache::new(level, Arc::clone(state))))
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

/// The pages of the admin listener about the state of this process.
fn pages(cache: Option<&EdgeCache>, state: &Arc<State>, queues: &Arc<Queues>) -> Vec<AdminPage> {
    let mut pages = CachePages::new(cache.cloned()).pages();
    pages.push(advice::page(state));
    pages.extend(switch::pages(state));
    pages.extend(queues::pages(queues));
    pages
}

/// What records requests in the metrics, and in the log unless the settings switch that off.
fn observer(config: &Config, metrics: &Arc<Metrics>, log: &Log) -> Observer {
    let access_log = (config.log.access != AccessLog::Off).then(|| log.clone());
    Observer::new(Arc::clone(metrics), access_log)
}

/// The certificates of the listener for `https`, if there is one.
fn certificates(config: &Config) -> Option<Certificates> {
    config.listen.https?;
    let ordered = config.listen.acme.as_ref();
    let names = ordered.map_or(&[][..], |acme| &acme.names);
    let files = config.listen.certificates.clone();
    Some(Certificates::new(files, names))
}

/// What orders certificates, if the settings ask for that.
fn keeper(
    config: &Config,
    state_directory: &Path,
    certificates: Option<&Certificates>,
) -> Result<Option<Keeper>, StartError> {
    let (Some(acme), Some(certificates)) = (&config.listen.acme, certificates) else {
        return Ok(None);
    };
    let store = acme::Store::open(config, state_directory);
    let store = store.map_err(|error| failed(format!("the place of certificates: {error}")))?;
    let (acme, certificates) = (acme.clone(), certificates.clone());
    Ok(Some(Keeper::new(acme, store, certificates)))
}

fn server_config(
    config: &Config,
    addresses: Addresses,
    certificates: Option<&Certificates>,
) -> ServerConfig {
    let https = addresses.https.zip(certificates);
    ServerConfig {
        address: addresses.http,
        tls: https.map(|(address, certificates)| Tls::new(address, certificates.clone())),
        h2c: config.listen.h2c,
        proxy_protocol: config.listen.proxy_protocol,
        workers: config.listen.workers,
        trusted_proxies: TrustedProxies::new(
            config.listen.trusted_proxies.clone(),
            config.listen.trusted_fields.clone(),
        ),
        limits: config.limits.clone(),
    }
}
