//! Reads the forwarding fields of trusted proxies: the client's address, the scheme and the host. Writes each fact once
//! into the head, where cache, function and origin read it.

use std::net::{IpAddr, SocketAddr};

use http::header::{FORWARDED, HOST, HeaderName};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Uri};

use super::super::head::host_is_valid;
use super::TrustedProxies;
use super::fields::SINGLE_ADDRESSES;

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static HTTP: HeaderValue = HeaderValue::from_static("http");
static HTTPS: HeaderValue = HeaderValue::from_static("https");

/// One proxy's description of the request that it received.
#[derive(Default)]
struct Hop<'h> {
    address: Option<IpAddr>,
    scheme: Option<&'h str>,
    host: Option<&'h str>,
}

/// Determines address, scheme and host from the remaining forwarding fields, which trusted proxies have set. Returns
/// the client's address. Where they name no scheme, it is the connection's.
pub(super) fn settle(
    head: &mut Parts,
    peer: SocketAddr,
    has_tls: bool,
    trusted: &TrustedProxies,
) -> SocketAddr {
    let headers = &head.headers;
    let (client, hop) = client(headers, peer, trusted);
    let scheme = last(headers, &X_FORWARDED_PROTO).or(hop.scheme);
    let is_https = scheme.map_or(has_tls, |scheme| scheme.eq_ignore_ascii_case("https"));
    let host = last(headers, &X_FORWARDED_HOST).or(hop.host);
    let host = host
        .filter(|host| host_is_valid(host.as_bytes()))
        .and_then(|host| HeaderValue::from_str(host).ok());
    if let Some(host) = host {
        settle_host(head, host);
    }
    settle_scheme(head, is_https);
    write(&mut head.headers, client, is_https);
    client
}

/// Sets the target's scheme. With plain HTTP, a target without a scheme stays as it is.
pub(super) fn settle_scheme(head: &mut Parts, is_https: bool) {
    let scheme = if is_https {
        Scheme::HTTPS
    } else {
        Scheme::HTTP
    };
    let is_settled = match head.uri.scheme() {
        Some(given) => *given == scheme,
        None => !is_https,
    };
    if is_settled {
        return;
    }
    let host = head.headers.get(HOST).map(HeaderValue::as_bytes);
    if let Some(authority) = host.and_then(|host| Authority::try_from(host).ok()) {
        set_target(&mut head.uri, scheme, authority);
    }
}

/// Replaces the host that the proxy used by the host that the client requested.
fn settle_host(head: &mut Parts, host: HeaderValue) {
    let scheme = head.uri.scheme().cloned();
    if let (Some(scheme), Ok(authority)) = (scheme, Authority::try_from(host.as_bytes())) {
        set_target(&mut head.uri, scheme, authority);
    }
    head.headers.insert(HOST, host);
}

fn set_target(target: &mut Uri, scheme: Scheme, authority: Authority) {
    let mut parts = std::mem::take(target).into_parts();
    parts.scheme = Some(scheme);
    parts.authority = Some(authority);
    parts
        .path_and_query
        .get_or_insert(PathAndQuery::from_static("/"));
    *target = Uri::from_parts(parts).expect("all three parts are there");
}

/// Writes the results into the fields, so that no field contradicts them.
fn write(headers: &mut HeaderMap, client: SocketAddr, is_https: bool) {
    headers.remove(FORWARDED);
    for name in SINGLE_ADDRESSES {
        headers.remove(name);
    }
    let client = client.ip().to_canonical().to_string();
    let client = HeaderValue::try_from(client).expect("addresses are visible ASCII");
    headers.insert(&X_FORWARDED_FOR, client);
    let scheme = if is_https { &HTTPS } else { &HTTP };
    headers.insert(&X_FORWARDED_PROTO, scheme.clone());
    if let Some(host) = headers.get(HOST).cloned() {
        headers.insert(&X_FORWARDED_HOST, host);
    }
}

/// The client's address, and the description by the proxy that the client called. The client is the right-most hop that
/// is not a trusted proxy. Every proxy appends the address of its own client, so an untrusted client wrote everything
/// further left.
fn client<'h>(
    headers: &'h HeaderMap,
    peer: SocketAddr,
    trusted: &TrustedProxies,
) -> (SocketAddr, Hop<'h>) {
    let mut client = (peer, Hop::default());
    for hop in hops(headers).into_iter().rev() {
        let Some(address) = hop.address else { break };
        client = (SocketAddr::new(address, 0), hop);
        if !trusted.contains(address) {
            break;
        }
    }
    client
}

/// The hops from `X-Forwarded-For`, else from `Forwarded`, else from a field with a single address.
fn hops(headers: &HeaderMap) -> Vec<Hop<'_>> {
    if headers.contains_key(&X_FORWARDED_FOR) {
        return elements(headers, &X_FORWARDED_FOR).map(Hop::at).collect();
    }
    if headers.contains_key(FORWARDED) {
        return elements(headers, &FORWARDED).map(Hop::forwarded).collect();
    }
    let single = SINGLE_ADDRESSES.iter().find_map(|name| headers.get(*name));
    let single = single.map(|value| Hop::at(value.to_str().unwrap_or("unreadable").trim()));
    single.into_iter().collect()
}

/// The last element of a list, which the nearest proxy wrote.
fn last<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    elements(headers, name).last()
}

fn elements<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter();
    values
        .flat_map(|value| value.to_str().unwrap_or("unreadable").split(','))
        .map(str::trim)
}

impl<'h> Hop<'h> {
    fn at(node: &str) -> Self {
        Self {
            address: node_address(node),
            ..Self::default()
        }
    }

    /// One element of `Forwarded` (RFC 7239 §4).
    fn forwarded(element: &'h str) -> Self {
        let parameter = |wanted: &str| {
            element.split(';').find_map(|parameter| {
                let (name, value) = parameter.split_once('=')?;
                name.trim()
                    .eq_ignore_ascii_case(wanted)
                    .then_some(value.trim().trim_matches('"'))
            })
        };
        Self {
            address: parameter("for").and_then(node_address),
            scheme: parameter("proto"),
            host: parameter("host"),
        }
    }
}

/// The address of a node, with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`. Names
/// such as `unknown` and `_hidden` have no address (RFC 7239 §6).
fn node_address(node: &str) -> Option<IpAddr> {
    let bare = node
        .strip_prefix('[')
        .and_then(|node| node.strip_suffix(']'))
        .unwrap_or(node);
    let address = bare.parse().ok();
    address.or_else(|| node.parse().ok().map(|address: SocketAddr| address.ip()))
}
