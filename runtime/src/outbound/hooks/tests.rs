//! Where requests of guests go.

use std::sync::{Arc, OnceLock};

use http::Request;
use http_body_util::{BodyExt, Empty};
use wasmtime_wasi_http::Error;

use super::{Destination, OutboundHooks};
use crate::function::testing::no_queues;
use crate::grants::AllowedHosts;
use crate::http_client::ConnectError;
use crate::outbound::{Outbound, ProtectedNetworks};

fn outbound(granted: &[&str]) -> Outbound {
    let listeners = ["127.0.0.1:3001".parse().unwrap()];
    let blocked = vec!["172.16.0.0/12".parse().unwrap()];
    Outbound {
        allowed_hosts: AllowedHosts::parse(granted).unwrap(),
        networks: Arc::new(ProtectedNetworks::new(blocked, listeners)),
        queues: no_queues(),
        app: Arc::new(OnceLock::new()),
    }
}

/// Where a request to `target` goes if the manifest grants `granted`.
fn destination(granted: &[&str], target: &str) -> &'static str {
    let hooks = OutboundHooks::new(Arc::new(outbound(granted)));
    let request = Request::get(target)
        .body(Empty::new().map_err(|never| match never {}).boxed_unsync())
        .unwrap();
    match hooks.destination(&request) {
        Ok(Destination::Component(id)) if id == "api" => "component",
        Ok(Destination::Component(_)) => "another component",
        Ok(Destination::Queue(name)) if name == "mail" => "queue",
        Ok(Destination::Queue(_)) => "another queue",
        Ok(Destination::OwnApp) => "app",
        Ok(Destination::Elsewhere) => "elsewhere",
        Err(Error::HttpRequestDenied) => "denied",
        Err(_) => "another error",
    }
}

#[test]
fn a_request_goes_only_where_a_grant_lets_it() {
    let table = [
        (&["https://a.test"][..], "https://a.test/", "elsewhere"),
        (&["https://a.test"], "https://A.TEST/", "elsewhere"),
        (&["https://a.test"], "http://a.test/", "denied"),
        (&["https://a.test"], "https://a.test:8443/", "denied"),
        (&["https://a.test"], "https://a.test.evil.test/", "denied"),
        (&["https://a.test"], "https://a.test@evil.test/", "denied"),
        (&[], "https://a.test/", "denied"),
        (&["http://10.0.0.0/8"], "http://10.1.2.3/", "elsewhere"),
        (&["http://10.0.0.0/8"], "http://11.1.2.3/", "denied"),
        // It depends on the address of the name.
        (&["http://10.0.0.0/8"], "http://ten.test/", "elsewhere"),
        (&["http://10.0.0.0/8"], "https://ten.test/", "denied"),
        (
            &["http://api.spin.internal"],
            "http://api.spin.internal/x",
            "component",
        ),
        (
            &["http://api.spin.internal"],
            "http://API.Spin.Internal/x",
            "component",
        ),
        (
            &["http://api.spin.internal"],
            "http://b.spin.internal/x",
            "denied",
        ),
        (
            &["http://*.spin.internal"],
            "http://b.spin.internal/x",
            "another component",
        ),
        (&["http://a.test"], "http://api.spin.internal/x", "denied"),
        (&["http://self"], "/path", "app"),
        (&["http://self"], "http://self.alt/path", "app"),
        (&["http://self"], "http://self/path", "app"),
        (&["http://a.test"], "http://self/path", "denied"),
        (&["http://a.test"], "/path", "denied"),
        (&["http://a.test"], "http://self.alt/path", "denied"),
    ];
    for (granted, target, expected) in table {
        assert_eq!(
            destination(granted, target),
            expected,
            "{granted:?} and {target}"
        );
    }
}

/// The grants, the target, the address that it resolved to, and how the connection is judged.
type Judgement<'a> = (&'a [&'a str], &'a str, &'a str, &'a str);

#[track_caller]
fn check_judgements(table: &[Judgement<'_>]) {
    for (granted, target, address, expected) in table {
        let judged = outbound(granted).judge(&target.parse().unwrap(), address.parse().unwrap());
        let judged = match judged {
            Ok(()) => "allowed",
            Err(ConnectError::Denied) => "denied",
            Err(_) => "prohibited",
        };
        assert_eq!(&judged, expected, "{granted:?}: {target} at {address}");
    }
}

#[test]
fn networks_judge_the_address_that_is_connected_to() {
    let any = &["*://*:*"][..];
    let ten = &["http://10.0.0.0/8"][..];
    let blocked = &["http://172.16.0.1"][..];
    check_judgements(&[
        (ten, "http://ten.test/", "10.1.2.3:80", "allowed"),
        (ten, "http://ten.test/", "[::ffff:10.1.2.3]:80", "allowed"),
        (ten, "http://ten.test/", "11.1.2.3:80", "denied"),
        (any, "http://blocked.test/", "172.16.0.1:80", "prohibited"),
        (blocked, "http://172.16.0.1/", "172.16.0.1:80", "prohibited"),
    ]);
}

#[test]
fn the_hosts_own_listeners_want_a_grant_of_their_address() {
    let any = &["*://*:*"][..];
    let name = &["http://localhost:3001"][..];
    let network = &["http://127.0.0.0/8:3001"][..];
    let address = &["http://127.0.0.1:3001"][..];
    let own = "127.0.0.1:3001";
    check_judgements(&[
        (any, "http://admin.test:3001/", own, "prohibited"),
        (any, "http://admin.test:3001/", "[::1]:3001", "prohibited"),
        (name, "http://localhost:3001/", own, "prohibited"),
        (network, "http://a.test:3001/", own, "prohibited"),
        (address, "http://127.0.0.1:3001/", own, "allowed"),
        (address, "http://a.test:3001/", own, "allowed"),
        (any, "http://other.test:3002/", "127.0.0.1:3002", "allowed"),
    ]);
}

#[test]
fn a_queue_is_part_of_the_app() {
    let granted = &["http://mail.queue.internal"];
    assert_eq!(destination(granted, "http://Mail.queue.internal/"), "queue");
    assert_eq!(
        destination(granted, "http://post.queue.internal/"),
        "denied"
    );
    assert_eq!(destination(&[], "http://mail.queue.internal/"), "denied");
}
