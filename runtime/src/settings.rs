//! `terrace.toml`: how this installation runs the app. Every key is optional, and so is the file.
//! [`Settings`] is the file as written, [`Config`] what it means, judged in full.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use edge_cache::rules::storing::SetCookie;
use http::uri::PathAndQuery;
use http::{HeaderName, StatusCode};
use ipnet::IpNet;
use storage::sql::DEFAULT_CONNECTIONS;

use crate::certificates::{Authorities, FileCertificate};
use crate::document::Document;
use crate::fault::{Fault, Faults, Position, Reason, Source};
use crate::manifest::{App, LabelKind};
mod acme;
mod authorities;
mod cache;
mod cluster;
mod deploy;
mod edge;
mod key_rules;
pub mod limits;
mod listen;
mod origin;
mod outbound;
mod queue;
mod rates;
mod read;
mod same_file;
mod store;
#[cfg(test)]
mod tests;
mod tls;

pub use acme::Acme;
pub use cluster::Cluster;
pub use deploy::{Deploy, Token};
pub use key_rules::{KeyRules, Names};
pub use limits::ServerLimits;
pub use listen::{AdminAddress, DEFAULT_TRUSTED_FIELDS};
pub use origin::{Origin, OriginEntry};
pub use queue::{JetStream, Queue, QueueEngine};
pub use rates::{Quota, Rates};

/// The file that is read where none is named.
pub const SETTINGS_FILE: &str = "terrace.toml";

/// Where state is kept where no directory is named.
pub const STATE_DIRECTORY: &str = ".terrace";

/// The label that every app may use.
pub const DEFAULT_LABEL: &str = "default";

/// `terrace.toml` as written.
#[derive(Debug)]
pub struct Settings {
    document: Document,
}

impl Settings {
    /// Reads a file that must be there.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(file: &Path) -> Result<Self, Faults> {
        Ok(Self::new(Source::read(file)?))
    }

    /// Reads a file; one that is not there is as good as an empty one.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn read_if_present(file: &Path) -> Result<Self, Faults> {
        if file.exists() {
            return Self::read(file);
        }
        let (file, text) = (file.to_owned(), String::new());
        Ok(Self::new(Source { file, text }))
    }

    pub(crate) fn new(source: Source) -> Self {
        let document = Document::new(source);
        Self { document }
    }

    /// The part of the file that deployments need, with the token if it `has_token`: on another machine than those of the servers, the rest
    /// may name what is not there.
    ///
    /// # Errors
    /// Everything that is wrong with that part.
    pub fn deployments(self, has_token: bool) -> Result<Deployments, Faults> {
        let parsed = self.document.parse()?;
        let root = self.document.root(&parsed);
        let deployments = Deployments {
            cluster: cluster::cluster(&root),
            token: has_token.then(|| deploy::deploy(&root).token).flatten(),
            admin: listen::admin(&root),
        };
        self.document.take_faults().or(deployments)
    }

    /// What the file means. `state` is the directory of what keys leave to it.
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub fn judge(self, state: &Path) -> Result<Config, Faults> {
        let parsed = self.document.parse()?;
        let directory = self.document.file().parent().unwrap_or(Path::new(""));
        let config = read::config(&self.document.root(&parsed), directory, state);
        self.document.take_faults().or(config)
    }
}

/// The part of the settings that a command needs to reach the servers of a deployment.
pub struct Deployments {
    /// The registry of nodes, if there is one.
    pub cluster: Option<Cluster>,
    /// What the servers ask for.
    pub token: Option<Token>,
    /// The admin listener of a server with these settings; absent if switched off.
    pub admin: Option<SocketAddr>,
}

/// How this installation runs an app. Not printable, because it holds the values of variables.
#[derive(Clone)]
pub struct Config {
    /// Where and from whom requests are taken.
    pub listen: Listen,
    /// What bounds connections.
    pub limits: ServerLimits,
    /// How many requests each client may send.
    pub rates: Rates,
    /// What is logged.
    pub log: Log,
    /// The values of application variables.
    pub variables: BTreeMap<String, String>,
    /// The databases by label, among them always `default`.
    pub sql: BTreeMap<String, Engine>,
    /// The key-value stores by label, among them always `default`.
    pub kv: BTreeMap<String, StoreEngine>,
    /// The queues.
    pub queue: Queue,
    /// What the edge cache keeps, and how it behaves.
    pub cache: Cache,
    /// What an edge stands in front of.
    pub edge: Edge,
    /// The registry of nodes, if there is one.
    pub cluster: Option<Cluster>,
    /// Which apps this node takes, and from whom.
    pub deploy: Deploy,
    /// The networks that no guest reaches, whatever the manifest grants.
    pub blocked_networks: Vec<IpNet>,
    /// Where compiled code is kept.
    pub cache_directory: PathBuf,
    /// How much linear memory all instances may have together, in bytes.
    pub instance_memory: u64,
}

/// Where and from whom requests are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// The address for clients.
    pub http: SocketAddr,
    /// The address for clients with TLS, if there is one.
    pub https: Option<SocketAddr>,
    /// Whether clients without TLS may speak HTTP/2.
    pub h2c: bool,
    /// Whether connections of clients begin with a header of the PROXY protocol, from one of the trusted proxies.
    pub proxy_protocol: bool,
    /// The certificates for `https` that are in files, as they were when the settings were judged. The first one is for clients that
    /// name no host.
    pub certificates: Vec<FileCertificate>,
    /// The certificates for `https` that are ordered. There are some of either kind if there is that listener.
    pub acme: Option<Acme>,
    /// The address for metrics and health; absent if switched off.
    pub admin: Option<SocketAddr>,
    /// How many threads serve requests.
    pub workers: NonZeroUsize,
    /// The names of the admin listener besides its addresses and `localhost`, in lower case.
    pub admin_hosts: Vec<String>,
    /// The networks whose word on the client's address is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The fields that these proxies set, or remove from what clients send: nothing else that they pass on is believed.
    pub trusted_fields: Vec<HeaderName>,
}

/// What the edge cache keeps, and how it behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    /// The most that it takes, in bytes; absent if there is none.
    pub memory: Option<u64>,
    /// The largest response that is kept, in bytes; absent where it follows from the memory.
    pub max_response: Option<u64>,
    /// The targeted fields that are obeyed, the most specific first (RFC 9213 §2.2).
    pub targeted_fields: Box<[HeaderName]>,
    /// How long failures are kept that say nothing about it, by status.
    pub negative: Vec<(StatusCode, Duration)>,
    /// How long after it has become stale a response stands in for an origin that cannot be reached.
    pub stale_if_unreachable: Duration,
    /// Whether text is compressed for clients that accept it.
    pub compression: bool,
    /// Whether responses with `Set-Cookie` are stored.
    pub set_cookie: SetCookie,
    /// The level that several servers share, if there is one.
    pub shared: Option<Redis>,
    /// The level on disk, if there is one.
    pub disk: Option<CacheDisk>,
    /// The parts of a request that make no difference to any response.
    pub key_rules: KeyRules,
}

/// Where a cache keeps what does not fit into its memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheDisk {
    /// A folder of its own.
    pub path: PathBuf,
    /// The most that its files take, in bytes.
    pub size: u64,
}

/// What an edge stands in front of, and how long it waits for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The servers behind it that the file names.
    pub origins: Vec<OriginEntry>,
    /// Edges that are asked before the origins, the first one that is healthy.
    pub shield: Vec<Origin>,
    /// The time until there is a connection to the origin.
    pub connect_timeout: Duration,
    /// The time from the end of a request until its response begins.
    pub first_byte_timeout: Duration,
    /// The time between two pieces of a response's content.
    pub between_bytes_timeout: Duration,
    /// The time for which one of several origins may answer nothing at all while a request waits.
    pub silence_timeout: Duration,
    /// The time for all of a request and its response.
    pub request_timeout: Duration,
    /// The time for which nothing may pass on a WebSocket.
    pub websocket_timeout: Duration,
    /// How long a request's content may be, in bytes.
    pub request_body: u64,
    /// Connections to each origin.
    pub connections: usize,
    /// What the edge speaks to the origins.
    pub origin_protocol: OriginProtocol,
    /// The authorities that sign the certificates of origins, instead of those that browsers trust.
    pub origin_ca: Option<Authorities>,
    /// The time after which a safe request goes to a second origin too; absent if it never does.
    pub hedge_after: Option<Duration>,
    /// How the edge notices that an origin is out.
    pub health: HealthChecks,
}

/// What an edge speaks to its origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginProtocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2: with TLS if the origin offers it, without TLS by prior knowledge (RFC 9113 §3.3).
    Http2,
}

/// How an edge notices that one of several origins is out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthChecks {
    /// What an origin is asked for: if its status is 2xx or 3xx, the origin is healthy. Without a path, any answer to
    /// `OPTIONS *` will do.
    pub path: Option<PathAndQuery>,
    /// The time between two checks; absent if origins are not checked.
    pub interval: Option<Duration>,
    /// The time for the answer to a check.
    pub timeout: Duration,
    /// Failures of an origin in a row, of checks or of requests, after which it is ejected.
    pub failures: u32,
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// How each request is logged.
    pub access: AccessLog,
    /// The least severe level of other messages.
    pub level: LogLevel,
}

/// How each request is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessLog {
    /// A line for people.
    Human,
    /// A JSON object on a line.
    Json,
    /// Not at all.
    Off,
}

/// How severe a message is, the most severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something was lost or refused that should not have been.
    Error,
    /// Something may be lost soon.
    Warn,
    /// What an operator wants to know.
    Info,
    /// What a developer wants to know.
    Debug,
    /// Everything.
    Trace,
}

/// What keeps the state behind a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engine {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A database on a Postgres server.
    Postgres(Postgres),
}

/// A database on a Postgres server, and how it is used.
#[derive(Clone, PartialEq, Eq)]
pub struct Postgres {
    /// The URL, which may hold a password.
    pub url: String,
    /// The password, if it is not in the URL.
    pub password: Option<String>,
    /// Most connections of this process.
    pub connections: NonZeroUsize,
    /// Whether statements are prepared under names; absent to find out whether they can be.
    pub prepared: Option<bool>,
    /// The URLs of servers that follow this one, which may hold passwords.
    pub replicas: Vec<String>,
}

/// What keeps a key-value store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreEngine {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A Redis server.
    Redis(Redis),
}

/// A Redis server, and how it is used.
#[derive(Clone, PartialEq, Eq)]
pub struct Redis {
    /// The URL, which may hold a password.
    pub url: String,
    /// The password, if it is not in the URL.
    pub password: Option<String>,
    /// What its keys begin with, after `terrace:`; absent for the name of the app.
    pub prefix: Option<String>,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Redis");
        shown.field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl StoreEngine {
    /// What tells it from others: its file without links, `.` or `..`, or its URL with the prefix of its keys.
    pub(crate) fn place(&self) -> PathBuf {
        match self {
            Self::Sqlite(path) => same_file::resolved(path),
            Self::Redis(redis) => {
                let prefix = redis.prefix.as_deref().unwrap_or_default();
                PathBuf::from(format!("{} {prefix}", redis.url))
            }
        }
    }
}

impl Postgres {
    /// The one at a URL, used as by default.
    fn at(url: &str, password: Option<String>) -> Self {
        Self {
            url: url.to_owned(),
            password,
            connections: NonZeroUsize::new(DEFAULT_CONNECTIONS).expect("the default is not zero"),
            prepared: None,
            replicas: Vec::new(),
        }
    }
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Postgres");
        shown.field("connections", &self.connections);
        shown
            .field("prepared", &self.prepared)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// What tells it from others: its file without links, `.` or `..`, or its URL.
    pub(crate) fn place(&self) -> PathBuf {
        match self {
            Self::Sqlite(path) => same_file::resolved(path),
            Self::Postgres(postgres) => PathBuf::from(&postgres.url),
        }
    }

    /// Where it is, for messages and comparisons: its file, or its URL without user, password and parameters.
    pub(crate) fn shown(&self) -> String {
        let Self::Postgres(postgres) = self else {
            return self.place().display().to_string();
        };
        without_secrets(&postgres.url)
    }

    /// The engine at another URL, `sqlite:PATH` or that of a server, used as this one.
    pub(crate) fn replaced(&self, url: &str, password: Option<String>) -> Self {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return Self::Sqlite(PathBuf::from(path));
        }
        let at = Postgres::at(url, password);
        Self::Postgres(match self {
            Self::Postgres(postgres) => Postgres {
                connections: postgres.connections,
                prepared: postgres.prepared,
                ..at
            },
            Self::Sqlite(_) => at,
        })
    }
}

/// The URL of a server without user, password and parameters.
pub(crate) fn without_secrets(url: &str) -> String {
    let base = url.split_once('?').map_or(url, |(base, _)| base);
    let (scheme, rest) = base.split_once("://").unwrap_or(("postgres", base));
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    format!("{scheme}://{place}")
}

impl Config {
    /// Checks that each label that the manifest names is known here.
    ///
    /// # Errors
    /// Each unknown label, at its line in the manifest.
    pub fn check_labels(&self, app: &App) -> Result<(), Faults> {
        let unknown = app.labels.iter().filter(|used| !match used.kind {
            LabelKind::KeyValue => self.kv.contains_key(&used.label),
            LabelKind::Sqlite => self.sql.contains_key(&used.label),
        });
        let faults = unknown.map(|used| {
            let section = match used.kind {
                LabelKind::KeyValue => "kv",
                LabelKind::Sqlite => "sql",
            };
            unknown_label(app, section, used.kind.key(), &used.label, &used.position)
        });
        let migrations = app.migrations.iter();
        let unknown = migrations.filter(|folder| !self.sql.contains_key(&folder.label));
        let faults = faults.chain(unknown.map(|folder| {
            unknown_label(app, "sql", "migrations", &folder.label, &folder.position)
        }));
        Faults(faults.collect()).or(())
    }

    /// Whether the database of a label is on a Postgres server.
    #[must_use]
    pub fn is_on_postgres(&self, label: &str) -> bool {
        matches!(self.sql.get(label), Some(Engine::Postgres(_)))
    }
}

fn unknown_label(app: &App, section: &str, kind: &str, label: &str, at: &Position) -> Fault {
    let help = format!("add `[{section}.{label}]` with `url = \"sqlite:PATH\"` to {SETTINGS_FILE}");
    let reason = Reason::new(format!("unknown {kind} label `{label}`")).help(help);
    Fault::new(&app.manifest, reason).at(at.clone())
}

/// Why a key of a later version is refused.
fn not_yet(what: &str) -> Reason {
    Reason::new(format!("this version of Terrace does not have {what} yet")).help("remove it")
}
