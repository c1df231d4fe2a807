//! Which limits a request has, and what becomes of it.

use std::time::Duration;

use super::*;
use crate::block_on::block_on;
use crate::clock;
use crate::router::RoutePattern;

fn quota(requests: u32) -> Quota {
    Quota {
        requests,
        window: Duration::from_secs(3_600),
    }
}

fn rates(client: Option<u32>, routes: &[(&str, u32)], components: &[(&str, u32)]) -> RateLimits {
    let position = crate::fault::Position {
        line: 1,
        column: 1,
        width: 1,
        excerpt: String::new(),
    };
    let routes = routes.iter().map(|(route, requests)| {
        let pattern = RoutePattern::parse(route).unwrap();
        (pattern, quota(*requests))
    });
    let components = components.iter();
    let components =
        components.map(|(id, requests)| ((*id).to_owned(), quota(*requests), position.clone()));
    let rates = Rates {
        client: client.map(quota),
        routes: routes.collect(),
        components: components.collect(),
    };
    let exempt = vec!["10.0.0.0/8".parse().unwrap()];
    RateLimits::new(&rates, exempt, None, clock::now()).unwrap()
}

/// What becomes of a request: the names of its limits, and whether it is refused.
fn admit(limits: &RateLimits, path: &str, client: &str) -> Option<(String, bool)> {
    let component = || {
        Some(if path.starts_with("/api") {
            "api"
        } else {
            "web"
        })
    };
    let admitted = limits.admit(path, client.parse().unwrap(), component, clock::now());
    block_on(admitted).unwrap().map(|admission| {
        let policy = admission.fields[0].1.to_str().unwrap().to_owned();
        let names = policy
            .split(", ")
            .map(|limit| limit.split(';').next().unwrap());
        let names: Vec<_> = names.map(|name| name.trim_matches('"')).collect();
        (names.join(" "), admission.refused.is_some())
    })
}

fn check(limits: &RateLimits, path: &str, client: &str, expected: Option<(&str, bool)>) {
    let found = admit(limits, path, client);
    let found = found
        .as_ref()
        .map(|(names, refused)| (names.as_str(), *refused));
    assert_eq!(found, expected, "{path} of {client}");
}

#[test]
fn limits_are_those_of_the_client_the_route_and_the_component() {
    let limits = rates(
        Some(100),
        &[("/api/login", 2), ("/api/...", 50)],
        &[("api", 60)],
    );
    check(&limits, "/", "1.1.1.1", Some(("client", false)));
    let api = Some(("client route component", false));
    check(&limits, "/api/articles", "1.1.1.1", api);
    check(&limits, "/api/login", "1.1.1.1", api);
    check(&limits, "/api/login", "1.1.1.1", api);
    check(
        &limits,
        "/api/login",
        "1.1.1.1",
        Some(("client route", true)),
    );
    check(&limits, "/api/articles", "1.1.1.1", api);
    check(&limits, "/api/login", "2.2.2.2", api);
    let refused = limits.figures().refused;
    assert_eq!(
        refused,
        [("client", 0), ("route", 1), ("component", 0)].into()
    );
    let routes = rates(None, &[("/api/...", 1)], &[]);
    check(&routes, "/", "1.1.1.1", None);
}

#[test]
fn checks_and_proxies_have_no_limit() {
    let limits = rates(Some(1), &[], &[]);
    for _ in 0..3 {
        for path in ["/.well-known/spin/health", "/.well-known/spin/info", "*"] {
            check(&limits, path, "1.1.1.1", None);
        }
        check(&limits, "/", "10.1.2.3", None);
        check(&limits, "/", "::ffff:10.1.2.3", None);
    }
    check(&limits, "/", "1.1.1.1", Some(("client", false)));
    check(&limits, "/", "1.1.1.1", Some(("client", true)));
}

#[test]
fn clients_are_addresses_or_networks_of_one_customer() {
    let limits = rates(Some(1), &[], &[]);
    let first = |client, is_first: bool| {
        check(&limits, "/", client, Some(("client", !is_first)));
    };
    first("1.1.1.1", true);
    first("::ffff:1.1.1.1", false);
    first("1.1.1.2", true);
    first("2001:db8:0:1::1", true);
    first("2001:db8:0:1:ffff::2", false);
    first("2001:db8:0:2::1", true);
}
