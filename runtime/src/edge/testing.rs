//! Helps tests of several modules with settings, and names whose addresses the test chooses.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures::future::BoxFuture;

use super::limits::LOOK_UP_TIMEOUT;
use super::origins::Origins;
use crate::http_client::Connector;
use crate::settings::{Edge, HealthChecks, OriginEntry, OriginProtocol};

thread_local! {
    /// The addresses that the resolver of this test gives; none for a failure. A test and its look-ups are on one thread.
    static FOUND: RefCell<Vec<IpAddr>> = const { RefCell::new(Vec::new()) };
}

/// Connects to the addresses that [`find`] was told of.
pub(super) fn connector() -> Connector {
    Connector {
        lookup,
        ..Connector::new(LOOK_UP_TIMEOUT)
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the signature of a resolver")]
fn lookup(host: String, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
    assert_eq!(host, "nodes");
    let at_port = |ip: &IpAddr| SocketAddr::new(*ip, port);
    let found: Vec<_> = FOUND.with_borrow(|found| found.iter().map(at_port).collect());
    let result = if found.is_empty() {
        Err(io::Error::other("no answer"))
    } else {
        Ok(found)
    };
    Box::pin(std::future::ready(result))
}

/// Looks `nodes` up, which has these addresses now.
pub(super) async fn find(origins: &Origins, addresses: &[&str]) {
    let addresses = addresses.iter().map(|address| address.parse().unwrap());
    FOUND.set(addresses.collect());
    origins.find().await;
}

/// The settings of an edge.
pub(super) fn edge() -> Edge {
    let time = Duration::from_secs(10);
    Edge {
        origins: Vec::new(),
        shield: Vec::new(),
        connect_timeout: time,
        first_byte_timeout: time,
        between_bytes_timeout: time,
        silence_timeout: time,
        request_timeout: time,
        websocket_timeout: time,
        request_body: 1,
        connections: 8,
        origin_protocol: OriginProtocol::Http1,
        origin_ca: None,
        hedge_after: None,
        health: HealthChecks {
            path: None,
            interval: Some(time),
            timeout: time,
            failures: 3,
        },
    }
}

/// A list of origins as users write it.
pub(super) fn entries(texts: &[&str]) -> Vec<OriginEntry> {
    let mut entries = Vec::new();
    for text in texts {
        OriginEntry::add(text, &mut entries).unwrap();
    }
    entries
}
