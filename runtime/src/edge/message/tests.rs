//! What the origin sees of a request, and the client of a response.

use std::net::SocketAddr;

use super::*;
use crate::clock;
use crate::request::{Caller, RequestId, TraceContext};

fn context(client: &str) -> RequestContext {
    let ids = IdSource::from_system();
    let client: SocketAddr = client.parse().unwrap();
    let (id, trace) = (RequestId::generate(&ids), TraceContext::start(&ids));
    RequestContext::new(id, Caller::Client(client), trace, clock::now())
}

fn to_origin(request: http::request::Builder, client: &str) -> ToOrigin {
    let request = request.body(RequestBody::default()).unwrap();
    towards_origin(request, &own(), &context(client)).unwrap()
}

fn own() -> LoopName {
    LoopName::generate(&IdSource::from_seeds(1, 2))
}

fn forwarded(request: http::request::Builder) -> Request<RequestBody> {
    match to_origin(request, "192.0.2.1:4321") {
        ToOrigin::Forward(request) => request,
        ToOrigin::Answer(response) => panic!("it goes no further: {response:?}"),
    }
}

#[track_caller]
fn check(request: &Request<RequestBody>, name: &str, expected: &[&str]) {
    let values = request.headers().get_all(name).iter();
    let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
    assert_eq!(values, expected, "{name}");
}

#[test]
fn the_origin_is_told_who_asks_and_for_what() {
    let request = forwarded(Request::get("/a?b").header("host", "example.com"));
    assert_eq!(request.uri(), "/a?b");
    check(&request, "host", &["example.com"]);
    check(&request, "x-forwarded-for", &["192.0.2.1"]);
    check(&request, "x-forwarded-proto", &["http"]);
    check(&request, "x-forwarded-host", &["example.com"]);
    let all = r#"for=192.0.2.1;proto="http";host="example.com""#;
    check(&request, "forwarded", &[all]);
}

/// RFC 7239 §6: an address with colons is in brackets and quotes.
#[test]
fn forwarded_says_the_same_as_the_other_fields() {
    let request = Request::get("/").header("host", "example.com:8080");
    let ToOrigin::Forward(request) = to_origin(request, "[2001:db8::1]:1") else {
        panic!("it is forwarded");
    };
    let all = r#"for="[2001:db8::1]";proto="http";host="example.com:8080""#;
    check(&request, "forwarded", &[all]);
    let odd = Request::get("/").header("host", "a\"b");
    check(
        &forwarded(odd),
        "forwarded",
        &[r#"for=192.0.2.1;proto="http""#],
    );
}

/// RFC 8586 §2: other members, and parameters, are of no matter.
#[test]
fn a_request_that_comes_back_is_refused() {
    let own_name = own().0.to_str().unwrap().to_owned();
    let others = "other, terrace-0123456789abcdef";
    let request = Request::get("/").header("cdn-loop", others);
    check(&forwarded(request), "cdn-loop", &[others, &own_name]);
    for list in [
        own_name.clone(),
        format!("other,{own_name};a=b"),
        format!("a;b=\"c\" , {own_name} ; d"),
    ] {
        let request = Request::get("/").header("cdn-loop", "other");
        let request = request
            .header("cdn-loop", list)
            .body(RequestBody::default());
        let refused = towards_origin(request.unwrap(), &own(), &context("192.0.2.1:1"));
        assert_eq!(refused.err(), Some(Failure::LoopDetected));
    }
}

/// The server has settled these fields.
#[test]
fn the_scheme_that_was_settled_is_passed_on() {
    let request = Request::get("/")
        .header("host", "example.com")
        .header("x-forwarded-for", "192.0.2.1")
        .header("x-forwarded-host", "example.com")
        .header("x-forwarded-proto", "https");
    let request = forwarded(request);
    check(&request, "x-forwarded-for", &["192.0.2.1"]);
    check(&request, "x-forwarded-host", &["example.com"]);
    check(&request, "x-forwarded-proto", &["https"]);
}

#[test]
fn mapped_addresses_are_told_as_the_ones_they_stand_for() {
    let request = Request::get("/").header("host", "a");
    let ToOrigin::Forward(request) = to_origin(request, "[::ffff:192.0.2.1]:1") else {
        panic!("it is forwarded");
    };
    check(&request, "x-forwarded-for", &["192.0.2.1"]);
}

/// RFC 9110 §7.6.3.
#[test]
fn via_tells_the_protocol_that_the_message_came_by() {
    let request = Request::get("/").header("via", "1.0 fred");
    check(&forwarded(request), "via", &["1.0 fred", "1.1 terrace"]);
    let request = Request::get("/").version(Version::HTTP_10);
    check(&forwarded(request), "via", &["1.0 terrace"]);
}

/// RFC 9110 §10.1.1: the server itself tells the client to continue.
#[test]
fn an_expectation_that_is_met_here_is_not_passed_on() {
    let request = Request::put("/").header("expect", "100-continue");
    check(&forwarded(request), "expect", &[]);
}

/// RFC 9110 §7.6.2.
#[test]
fn options_go_as_many_hops_as_they_may() {
    let request = |left: &str| Request::options("/").header("max-forwards", left);
    check(&forwarded(request("3")), "max-forwards", &["2"]);
    check(&forwarded(request("many")), "max-forwards", &["many"]);
    let ToOrigin::Answer(response) = to_origin(request("0"), "192.0.2.1:1") else {
        panic!("it goes no further");
    };
    assert_eq!(response.status(), 204);
    assert!(response.headers().contains_key("allow"));
}

#[test]
fn any_method_and_any_field_value_is_passed_on() {
    let request = Request::builder().method("M-SEARCH").uri("*");
    let request =
        forwarded(request.header("odd", HeaderValue::from_bytes(b"\xe9, \"\t;").unwrap()));
    assert_eq!(request.method(), "M-SEARCH");
    assert_eq!(request.uri().path(), "*");
    assert_eq!(request.headers()["odd"].as_bytes(), b"\xe9, \"\t;");
}

/// RFC 9110 §7.6.1.
#[test]
fn what_concerns_the_connection_to_the_origin_stays_there() {
    let response = Response::builder()
        .header("connection", "close, x-private")
        .header("keep-alive", "timeout=5")
        .header("transfer-encoding", "chunked")
        .header("x-private", "1")
        .header("trailer", "x-sum")
        .header("x-public", "1");
    let response = from_origin(response.body(()).unwrap()).unwrap();
    let names: Vec<_> = response.headers().keys().map(HeaderName::as_str).collect();
    assert_eq!(names, ["trailer", "x-public"]);
}

#[test]
fn a_switch_of_protocols_that_nobody_asked_for_is_a_failure() {
    let response = Response::builder().status(101).body(()).unwrap();
    assert_eq!(from_origin(response).unwrap_err(), Failure::OriginMalformed);
}

/// RFC 9110 §6.2: an edge answers with its own version.
#[test]
fn the_version_of_the_origin_stays_there() {
    let response = Response::builder().version(Version::HTTP_10);
    let response = from_origin(response.body(()).unwrap()).unwrap();
    assert_eq!(response.version(), Version::HTTP_11);
}
