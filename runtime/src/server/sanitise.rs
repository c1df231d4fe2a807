//! Decides which fields of a request's head to trust. Removes the fields that only a trusted proxy or only this server
//! may set, and determines the client's address, the scheme and the host once. `head` checks the rest.

mod fields;
mod forwarding;

use std::net::{IpAddr, SocketAddr};

use http::header::HeaderName;
use http::request::Parts;
use http::{HeaderMap, header};
use ipnet::IpNet;

use super::facts::Connection;
use crate::request::EndsBy;
use fields::is_forwarding;

/// The proxies in front of this server, and the fields that they set.
#[derive(Clone, Debug)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    fields: Vec<HeaderName>,
}

impl TrustedProxies {
    /// Trusts `fields` from the proxies in `networks`. Each field is trusted by itself: a proxy may set
    /// `X-Forwarded-For` and yet pass on its client's `X-Forwarded-Host`.
    #[must_use]
    pub fn new(networks: Vec<IpNet>, fields: Vec<HeaderName>) -> Self {
        Self { networks, fields }
    }

    /// Whether `address` is a trusted proxy.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        // A listener on [::] sees IPv4 peers as mapped addresses, which no IPv4 network contains.
        let address = address.to_canonical();
        self.networks
            .iter()
            .any(|network| network.contains(&address))
    }

    /// Whether trusted proxies set the field `name`, so that its value is not the client's.
    #[must_use]
    pub fn set(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field == name)
    }
}

/// Removes the fields that the peer may not set from `head`, and returns the client's address.
///
/// Afterwards `Host` is the host that the client requested, and the target has a scheme if the client used `https`.
/// Only forwarding fields from trusted proxies remain; they agree with the address, the scheme and the host.
pub(crate) fn sanitise(
    head: &mut Parts,
    connection: &Connection,
    trusted: &TrustedProxies,
) -> SocketAddr {
    let Connection {
        peer,
        peer_is_trusted,
        has_tls,
        ..
    } = *connection;
    remove_fields(&mut head.headers, |name| {
        is_hop_by_hop(name)
            || name.starts_with("spin-")
            || name == EndsBy::FIELD
            || (is_forwarding(name) && !(peer_is_trusted && trusted.set(name)))
    });
    if peer_is_trusted {
        forwarding::settle(head, peer, has_tls, trusted)
    } else {
        forwarding::settle_scheme(head, has_tls);
        peer
    }
}

/// Removes the fields of a single connection (RFC 9110 §7.6.1).
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    remove_fields(headers, is_hop_by_hop);
}

/// Removes the `unwanted` fields and the fields that `Connection` names. One pass over the names: most requests have
/// nothing to remove, and a lookup of each unwanted name would hash each of them.
fn remove_fields(headers: &mut HeaderMap, unwanted: impl Fn(&str) -> bool) {
    let is_unwanted = |name: &&HeaderName| unwanted(name.as_str());
    let unwanted: Vec<HeaderName> = headers.keys().filter(is_unwanted).cloned().collect();
    if unwanted.contains(&header::CONNECTION) {
        remove_nominated(headers);
    }
    for name in unwanted {
        headers.remove(name);
    }
}

fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection" | "keep-alive" | "proxy-connection" | "te" | "transfer-encoding" | "upgrade"
    )
}

/// Removes the fields that `Connection` names. `Host` and `Content-Length` stay, because routing and framing need them;
/// a client that names them tries to have them removed on the way.
fn remove_nominated(headers: &mut HeaderMap) {
    let nominated: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .filter(|name| *name != header::HOST && *name != header::CONTENT_LENGTH)
        .collect();
    for name in nominated {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests;
