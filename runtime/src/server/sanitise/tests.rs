//! Which fields are believed, and from whom.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{TrustedProxies, sanitise};

fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let field = |(name, value): &(&str, &str)| {
        (
            name.parse::<HeaderName>().unwrap(),
            HeaderValue::from_str(value).unwrap(),
        )
    };
    let mut headers = HeaderMap::new();
    for (name, value) in fields.iter().map(field) {
        headers.append(name, value);
    }
    headers
}

/// The client found and the names of the fields left, for a peer inside or outside the trusted 10.0.0.0/8.
fn check(peer: &str, fields: &[(&str, &str)]) -> (String, Vec<String>) {
    let trusted = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
    let peer: SocketAddr = peer.parse().unwrap();
    let mut headers = headers(fields);
    let client = sanitise(&mut headers, peer, trusted.contains(peer.ip()), &trusted);
    let mut names: Vec<String> = headers.keys().map(ToString::to_string).collect();
    names.sort();
    (client.ip().to_string(), names)
}

#[test]
fn a_stranger_sets_neither_forwarding_nor_spin_fields() {
    let (client, names) = check(
        "192.0.2.1:5000",
        &[
            ("accept", "*/*"),
            ("forwarded", "for=198.51.100.1"),
            ("spin-full-url", "http://forged/"),
            ("x-forwarded-for", "198.51.100.1"),
            ("x-forwarded-host", "forged"),
            ("x-real-ip", "198.51.100.1"),
        ],
    );
    assert_eq!(
        (client.as_str(), names),
        ("192.0.2.1", vec!["accept".to_owned()])
    );
}

#[test]
fn a_trusted_proxy_sets_forwarding_but_never_spin_fields() {
    let (client, names) = check(
        "10.0.0.1:5000",
        &[
            ("spin-client-addr", "1.1.1.1:1"),
            ("x-forwarded-for", "192.0.2.7"),
        ],
    );
    assert_eq!(
        (client.as_str(), names),
        ("192.0.2.7", vec!["x-forwarded-for".to_owned()])
    );
}

#[test]
fn the_client_is_the_right_most_untrusted_hop() {
    for (field, value, client) in [
        (
            "x-forwarded-for",
            "198.51.100.66, 192.0.2.7, 10.0.0.9",
            "192.0.2.7",
        ),
        ("x-forwarded-for", "192.0.2.7:8080", "192.0.2.7"),
        ("x-forwarded-for", "192.0.2.7, garbage", "10.0.0.1"),
        (
            "x-forwarded-for",
            "192.0.2.7, garbage, 10.0.0.9",
            "10.0.0.9",
        ),
        ("x-forwarded-for", "10.0.0.3, 10.0.0.9", "10.0.0.3"),
        ("x-forwarded-for", "2001:db8::1", "2001:db8::1"),
        (
            "forwarded",
            "for=198.51.100.66, For=\"[2001:db8::1]:4711\";proto=http",
            "2001:db8::1",
        ),
        (
            "forwarded",
            "for=192.0.2.7;by=10.0.0.1, for=unknown",
            "10.0.0.1",
        ),
        ("x-real-ip", "192.0.2.7", "192.0.2.7"),
    ] {
        assert_eq!(
            check("10.0.0.1:5000", &[(field, value)]).0,
            client,
            "{field}: {value}"
        );
    }
}

#[test]
fn repeated_fields_are_one_list() {
    let fields = [
        ("x-forwarded-for", "198.51.100.66"),
        ("x-forwarded-for", "192.0.2.7"),
    ];
    assert_eq!(check("10.0.0.1:5000", &fields).0, "192.0.2.7");
}

#[test]
fn a_mapped_address_matches_its_ipv4_network() {
    let fields = [("x-forwarded-for", "192.0.2.7")];
    assert_eq!(check("[::ffff:10.0.0.1]:5000", &fields).0, "192.0.2.7");
}

#[test]
fn fields_of_the_connection_end_here() {
    let (_, names) = check(
        "192.0.2.1:5000",
        &[
            ("connection", "close, X-Hop, host, content-length"),
            ("content-length", "0"),
            ("host", "a"),
            ("keep-alive", "5"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("x-hop", "1"),
        ],
    );
    assert_eq!(names, ["content-length", "host"]);
}
