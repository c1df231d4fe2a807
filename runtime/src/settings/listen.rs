//! Reads `[listen]`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::Path;

use http::HeaderName;
use ipnet::IpNet;

use super::limits::MAX_WORKERS;
use super::{Listen, tls};
use crate::document::Table;
use crate::fault::{Reason, did_you_mean};

/// By default only programs on this machine can connect. The ports are Spin's default and the next one.
const DEFAULT_HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3000);
const DEFAULT_ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3001);

/// The forwarding fields that an operator may trust, each by itself.
const TRUSTABLE_FIELDS: [&str; 14] = [
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "Forwarded",
    "X-Request-Id",
    "X-Real-IP",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Server",
    "X-Client-IP",
    "CF-Connecting-IP",
    "Fastly-Client-IP",
    "Fly-Client-IP",
    "True-Client-IP",
];

/// The fields that load balancers and CDNs set by default. `X-Forwarded-Host` is missing: most of them pass on the
/// client's value.
pub const DEFAULT_TRUSTED_FIELDS: [&str; 3] =
    ["x-forwarded-for", "x-forwarded-proto", "x-request-id"];

/// `[listen]` and `[tls]`. Paths are relative to `directory`.
pub(super) fn listen(root: &Table<'_>, directory: &Path) -> Listen {
    let (certificates, acme) = tls::certificates(root, directory);
    let defaults = Listen {
        certificates,
        acme,
        ..defaults()
    };
    let table = root.table("listen", "[listen]");
    tls::check_listener(root, table.as_ref().and_then(|table| table.get("https")));
    let Some(table) = table else {
        return defaults;
    };
    let workers = table.number("workers", 1, MAX_WORKERS);
    let workers = workers.and_then(|count| NonZeroUsize::new(usize::try_from(count).ok()?));
    let proxies = table.strings("trusted_proxies").into_iter();
    let listen = Listen {
        http: table.parsed("http", address).unwrap_or(defaults.http),
        https: table.parsed("https", address),
        h2c: table.boolean("h2c").unwrap_or(defaults.h2c),
        proxy_protocol: table
            .boolean("proxy_protocol")
            .unwrap_or(defaults.proxy_protocol),
        certificates: defaults.certificates,
        acme: defaults.acme,
        admin: admin_of(&table),
        admin_hosts: table
            .strings("admin_hosts")
            .into_iter()
            .filter_map(|(place, _)| place.parsed(host_name))
            .collect(),
        workers: workers.unwrap_or(defaults.workers),
        trusted_proxies: proxies
            .filter_map(|(place, _)| place.parsed(network))
            .collect(),
        trusted_fields: fields(&table).unwrap_or(defaults.trusted_fields),
    };
    if listen.admin == Some(listen.http) && listen.http.port() != 0 {
        let reason = Reason::new("`http` and `admin` are the same address");
        table.report(
            reason.help("give `admin` a port of its own, or switch it off: `admin = \"off\"`"),
        );
    }
    check_proxies(&table, &listen);
    table.finish();
    listen
}

/// Checks that there is a proxy, if each connection has to come from one.
/// The admin listener of a server with these settings.
pub(super) fn admin(root: &Table<'_>) -> Option<SocketAddr> {
    let table = root.table("listen", "[listen]");
    table.map_or(Some(DEFAULT_ADMIN), |table| admin_of(&table))
}

fn admin_of(table: &Table<'_>) -> Option<SocketAddr> {
    let address = table.parsed("admin", AdminAddress::parse);
    address.map_or(Some(DEFAULT_ADMIN), AdminAddress::address)
}

fn check_proxies(table: &Table<'_>, listen: &Listen) {
    if listen.proxy_protocol && table.get("trusted_proxies").is_none() {
        let reason = Reason::new("with `proxy_protocol` and no trusted proxy, nobody can connect");
        let help =
            "name the load balancers that send the header: `trusted_proxies = [\"10.0.0.7\"]`";
        table.report(reason.help(help));
    }
}

fn defaults() -> Listen {
    Listen {
        http: DEFAULT_HTTP,
        https: None,
        h2c: false,
        proxy_protocol: false,
        certificates: Vec::new(),
        acme: None,
        admin: Some(DEFAULT_ADMIN),
        admin_hosts: Vec::new(),
        // One worker for each core, if the machine reports the number.
        workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        trusted_proxies: Vec::new(),
        trusted_fields: DEFAULT_TRUSTED_FIELDS.map(HeaderName::from_static).into(),
    }
}

fn fields(table: &Table<'_>) -> Option<Vec<HeaderName>> {
    let value = table.get("trusted_fields")?;
    let fields = value.strings().into_iter();
    Some(
        fields
            .filter_map(|(place, _)| place.parsed(field))
            .collect(),
    )
}

fn field(text: &str) -> Result<HeaderName, Reason> {
    let mut known = TRUSTABLE_FIELDS.iter();
    let name = known.find(|known| known.eq_ignore_ascii_case(text));
    name.and_then(|name| name.parse().ok()).ok_or_else(|| {
        let help = did_you_mean(text, &TRUSTABLE_FIELDS, "possible fields");
        Reason::new(format!("`{text}` is not a field that proxies set")).help(help)
    })
}

fn address(text: &str) -> Result<SocketAddr, Reason> {
    text.parse().map_err(|_| {
        let help = "write an IP address and a port: `127.0.0.1:3000`, `0.0.0.0:80` or `[::]:80`";
        Reason::new(format!("`{text}` is not an address to listen on")).help(help)
    })
}

/// The admin listener's address, as settings and command line write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminAddress {
    /// At this address.
    At(SocketAddr),
    /// No admin listener: metrics, health and the cache's pages are not served.
    Off,
}

impl AdminAddress {
    /// Reads an address or `off`.
    ///
    /// # Errors
    /// The text is neither.
    pub fn parse(text: &str) -> Result<Self, Reason> {
        match text {
            "off" => Ok(Self::Off),
            _ => address(text).map(Self::At),
        }
    }

    /// The address, if there is one.
    #[must_use]
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Self::At(address) => Some(address),
            Self::Off => None,
        }
    }
}

/// A host name as in `Host`, without a port.
fn host_name(text: &str) -> Result<String, Reason> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if !text.is_empty() && text.bytes().all(allowed) {
        return Ok(text.to_ascii_lowercase());
    }
    let help = "write a name without scheme and port: `metrics.example.com`";
    Err(Reason::new(format!("`{text}` is not the name of a host")).help(help))
}

pub(super) fn network(text: &str) -> Result<IpNet, Reason> {
    let single = text.parse::<IpAddr>().map(IpNet::from);
    single.or_else(|_| text.parse()).map_err(|_| {
        let help = "write an address or a network: `10.0.0.7` or `10.0.0.0/8`";
        Reason::new(format!("`{text}` is not a network")).help(help)
    })
}
