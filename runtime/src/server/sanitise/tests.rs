//! The fields that are trusted, and the peers that they are trusted from.

use std::net::SocketAddr;

use http::request::Parts;
use http::{HeaderName, Request};

use super::{TrustedProxies, sanitise};
use crate::server::facts::Connection;

/// The client's address and the remaining head of a request for `target` from `peer`. Trusted peers are in 10.0.0.0/8.
fn sanitised(peer: &str, target: &str, fields: &[(&str, &str)]) -> (String, Parts) {
    let believed = [
        "x-forwarded-for",
        "x-forwarded-proto",
        "forwarded",
        "x-real-ip",
    ];
    let trusted = TrustedProxies::new(
        vec!["10.0.0.0/8".parse().unwrap()],
        believed.map(HeaderName::from_static).into(),
    );
    let peer: SocketAddr = peer.parse().unwrap();
    let request = fields
        .iter()
        .fold(Request::get(target), |request, (name, value)| {
            request.header(*name, *value)
        });
    let mut head = request.body(()).unwrap().into_parts().0;
    let connection = Connection::plain(peer, trusted.contains(peer.ip()));
    let client = sanitise(&mut head, &connection, &trusted);
    (client.ip().to_string(), head)
}

/// The client's address, and the names of the remaining fields.
fn check(peer: &str, fields: &[(&str, &str)]) -> (String, Vec<String>) {
    let (client, head) = sanitised(peer, "/", fields);
    let mut names: Vec<String> = head.headers.keys().map(ToString::to_string).collect();
    names.sort();
    (client, names)
}

#[test]
fn the_time_that_is_left_ends_here_whoever_tells_it() {
    for peer in ["10.0.0.1:5000", "192.0.2.1:5000"] {
        let (_, names) = check(peer, &[("terrace-timeout", "1500"), ("x-kept", "1")]);
        let has = |name: &str| names.iter().any(|one| one == name);
        assert_eq!(
            (has("terrace-timeout"), has("x-kept")),
            (false, true),
            "{peer}"
        );
    }
}

#[test]
fn the_scheme_of_the_target_is_the_one_that_was_settled() {
    let host = ("host", "a.example");
    let secure = [host, ("x-forwarded-proto", "https")];
    for (peer, target, fields, expected) in [
        (
            "10.0.0.1:5000",
            "/b?c",
            &secure as &[_],
            "https://a.example/b?c",
        ),
        (
            "10.0.0.1:5000",
            "http://a.example/b",
            &secure,
            "https://a.example/b",
        ),
        ("192.0.2.1:5000", "/b?c", &secure, "/b?c"),
        (
            "192.0.2.1:5000",
            "https://a.example/b",
            &[host],
            "http://a.example/b",
        ),
    ] {
        let (_, head) = sanitised(peer, target, fields);
        assert_eq!(head.uri.to_string(), expected, "{peer} {target}");
    }
}

#[test]
fn a_host_that_is_none_settles_nothing() {
    for forged in ["a b", "user@evil.example", ""] {
        let value = format!("for=192.0.2.7;host=\"{forged}\"");
        let fields = [("host", "a.example"), ("forwarded", &*value)];
        let (_, head) = sanitised("10.0.0.1:5000", "/", &fields);
        assert_eq!(head.headers["host"], "a.example", "{forged}");
    }
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
        (
            "192.0.2.7",
            vec!["x-forwarded-for".to_owned(), "x-forwarded-proto".to_owned()]
        )
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
