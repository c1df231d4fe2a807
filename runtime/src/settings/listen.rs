//! `[listen]`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;

use ipnet::IpNet;

use super::Listen;
use super::limits::MAX_WORKERS;
use crate::document::Table;
use crate::fault::Reason;

/// Only this machine's own programs reach these until an address is written; the ports are Spin's
/// and the next one.
const DEFAULT_HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3000);
const DEFAULT_ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3001);

pub(super) fn listen(root: &Table<'_>) -> Listen {
    let Some(table) = root.table("listen", "[listen]") else {
        return defaults();
    };
    let defaults = defaults();
    let workers = table.number("workers", 1, MAX_WORKERS);
    let workers = workers.and_then(|count| NonZeroUsize::new(usize::try_from(count).ok()?));
    let proxies = table.strings("trusted_proxies").into_iter();
    let listen = Listen {
        http: table.parsed("http", address).unwrap_or(defaults.http),
        admin: table
            .parsed("admin", admin_address)
            .unwrap_or(defaults.admin),
        workers: workers.unwrap_or(defaults.workers),
        trusted_proxies: proxies
            .filter_map(|(place, _)| place.parsed(network))
            .collect(),
    };
    if listen.admin == Some(listen.http) && listen.http.port() != 0 {
        let reason = Reason::new("`http` and `admin` are the same address");
        table.report(
            reason.help("give `admin` a port of its own, or switch it off: `admin = \"off\"`"),
        );
    }
    table.finish();
    listen
}

fn defaults() -> Listen {
    Listen {
        http: DEFAULT_HTTP,
        admin: Some(DEFAULT_ADMIN),
        // One for each core, where the machine says how many it has.
        workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        trusted_proxies: Vec::new(),
    }
}

fn address(text: &str) -> Result<SocketAddr, Reason> {
    text.parse().map_err(|_| {
        let help = "write an IP address and a port: `127.0.0.1:3000`, `0.0.0.0:80` or `[::]:80`";
        Reason::new(format!("`{text}` is not an address to listen on")).help(help)
    })
}

fn admin_address(text: &str) -> Result<Option<SocketAddr>, Reason> {
    match text {
        "off" => Ok(None),
        _ => address(text).map(Some),
    }
}

fn network(text: &str) -> Result<IpNet, Reason> {
    let single = text.parse::<IpAddr>().map(IpNet::from);
    single.or_else(|_| text.parse()).map_err(|_| {
        let help = "write an address or a network: `10.0.0.7` or `10.0.0.0/8`";
        Reason::new(format!("`{text}` is not a network")).help(help)
    })
}
