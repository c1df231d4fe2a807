//! Owns whom to believe about a client: removes the fields that only a trusted proxy, or only this server, may
//! set, and finds the client's address. Judging the rest of a request is left to `message`.

use std::net::{IpAddr, SocketAddr};

use http::header::{FORWARDED, HeaderName};
use http::{HeaderMap, header};
use ipnet::IpNet;

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// The networks of the proxies in front of this server, whose forwarding fields are believed.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Believes the proxies in `networks`.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether `address` is a trusted proxy.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        // A listener on [::] sees IPv4 peers as mapped addresses, which no IPv4 network contains.
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Removes from `headers` what the peer may not set, and says who the client is. `spin-*` is set by this server
/// alone; forwarding fields are set by trusted proxies.
pub(crate) fn sanitise(
    headers: &mut HeaderMap,
    peer: SocketAddr,
    peer_is_trusted: bool,
    trusted: &TrustedProxies,
) -> SocketAddr {
    remove_fields(headers, |name| {
        is_hop_by_hop(name)
            || name.starts_with("spin-")
            || (!peer_is_trusted && is_forwarding(name))
    });
    if peer_is_trusted {
        client_address(headers, peer, trusted)
    } else {
        peer
    }
}

/// Removes the fields that concern one connection only (RFC 9110 §7.6.1).
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    remove_fields(headers, is_hop_by_hop);
}

/// Removes what `Connection` names and what is `unwanted`. One pass over the names, since most requests have
/// nothing to remove and looking each unwanted name up would cost a hash of each.
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

fn is_forwarding(name: &str) -> bool {
    name == "forwarded" || name == "x-real-ip" || name.starts_with("x-forwarded-")
}

/// Removes the fields that `Connection` names. `Host` and `Content-Length` stay: they are part of the
/// message's routing and framing, and naming them is an attempt to lose them on the way.
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

/// The right-most hop that is not itself a trusted proxy. Every hop appends whom it was called by, so what
/// stands further left was written by someone untrusted and may be invented.
fn client_address(headers: &HeaderMap, peer: SocketAddr, trusted: &TrustedProxies) -> SocketAddr {
    let mut client = peer;
    for hop in hops(headers).iter().rev() {
        let Some(address) = hop else { break };
        client = SocketAddr::new(*address, 0);
        if !trusted.contains(*address) {
            break;
        }
    }
    client
}

/// The hops of `X-Forwarded-For`, else of `Forwarded`, else `X-Real-IP` alone; `None` for an unreadable one.
fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    if headers.contains_key(&X_FORWARDED_FOR) {
        return elements(headers, &X_FORWARDED_FOR)
            .map(node_address)
            .collect();
    }
    if headers.contains_key(FORWARDED) {
        return elements(headers, &FORWARDED)
            .map(|hop| forwarded_for(hop).and_then(node_address))
            .collect();
    }
    elements(headers, &X_REAL_IP).map(node_address).collect()
}

fn elements<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter();
    values
        .flat_map(|value| value.to_str().unwrap_or("unreadable").split(','))
        .map(str::trim)
}

/// The `for` parameter of one element of `Forwarded` (RFC 7239 §4).
fn forwarded_for(element: &str) -> Option<&str> {
    element.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("for")
            .then_some(value.trim().trim_matches('"'))
    })
}

/// The address of a node, with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`,
/// `[2001:db8::1]:80`. Names such as `unknown` and `_hidden` have none (RFC 7239 §6).
fn node_address(node: &str) -> Option<IpAddr> {
    let bare = node
        .strip_prefix('[')
        .and_then(|node| node.strip_suffix(']'))
        .unwrap_or(node);
    let address = bare.parse().ok();
    address.or_else(|| node.parse().ok().map(|address: SocketAddr| address.ip()))
}

#[cfg(test)]
mod tests;
