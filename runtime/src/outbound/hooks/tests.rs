//! Where requests of guests go.

use std::sync::Arc;

use http::Request;
use wasmtime_wasi_http::Error;

use super::{Destination, OutboundHooks};
use crate::function::testing::empty;
use crate::outbound::Outbound;
use crate::outbound::grants::AllowedHosts;

/// Where a request to `target` goes if the manifest grants `granted`.
fn destination(granted: &[&str], target: &str) -> &'static str {
    let hooks = OutboundHooks::new(Arc::new(Outbound {
        allowed_hosts: AllowedHosts::parse(granted).unwrap(),
        app: Arc::default(),
    }));
    let request = Request::get(target).body(empty()).unwrap();
    match hooks.destination(&request) {
        Ok(Destination::Component(id)) if id == "api" => "component",
        Ok(Destination::Component(_)) => "another component",
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
        (&["http://10.0.0.0/8"], "http://ten.test/", "denied"),
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
