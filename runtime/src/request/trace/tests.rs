//! Which trace contexts are joined, and what is written for the guest.

mod hostile;

use http::{HeaderMap, HeaderValue};

use super::{TRACEPARENT, TRACESTATE, TraceContext, parse};
use crate::request::IdSource;

const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn join(fields: &[(&str, &str)]) -> (TraceContext, HeaderMap) {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name: http::HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    let trace = TraceContext::join(&mut headers, &IdSource::from_seeds(1, 2));
    headers.insert(&TRACEPARENT, trace.to_header_value());
    (trace, headers)
}

#[test]
fn traceparent_is_parsed_as_section_3_2_2_says() {
    for (value, accepted) in [
        (VALID, true),
        (
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            true,
        ),
        (
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more",
            false,
        ),
        (
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            false,
        ),
        (
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            false,
        ),
        (
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            false,
        ),
        (
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            false,
        ),
        (
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            false,
        ),
        (
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
            false,
        ),
        (
            "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            false,
        ),
        (
            "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
            false,
        ),
        ("", false),
    ] {
        assert_eq!(parse(value.as_bytes()).is_some(), accepted, "{value:?}");
    }
}

#[test]
fn the_guest_sees_the_callers_trace_with_our_span() {
    let (trace, headers) = join(&[
        ("traceparent", VALID),
        ("tracestate", "vendor=1,other@tenant=x y"),
    ]);
    let seen = parse(headers[&TRACEPARENT].as_bytes()).unwrap();
    assert_eq!(trace.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
    assert_eq!(trace.parent_id, Some(0xb7ad_6b71_6920_3331));
    assert_eq!(
        (seen.trace_id, seen.span_id, seen.flags),
        (trace.trace_id, trace.span_id, 1)
    );
    assert_ne!(Some(trace.span_id), trace.parent_id);
    assert_eq!(headers[&TRACESTATE], "vendor=1,other@tenant=x y");
}

#[test]
fn an_invalid_parent_starts_a_new_trace_and_drops_the_state() {
    let (trace, headers) = join(&[("traceparent", "00-zz"), ("tracestate", "vendor=1")]);
    assert_eq!(trace.parent_id, None);
    assert_eq!(headers.get(&TRACESTATE), None);
    assert_eq!(headers[&TRACEPARENT], trace.to_header_value());
}

#[test]
fn two_parents_are_none() {
    let (trace, headers) = join(&[("traceparent", VALID), ("traceparent", VALID)]);
    assert_eq!(trace.parent_id, None);
    assert_eq!(headers.get_all(&TRACEPARENT).iter().count(), 1);
}

#[test]
fn an_invalid_state_is_dropped_and_the_trace_kept() {
    for state in [
        "Vendor=1",
        "vendor",
        "=1",
        "vendor=",
        "vendor=a=b",
        "vendor=é",
    ] {
        let (trace, headers) = join(&[("traceparent", VALID), ("tracestate", state)]);
        assert!(trace.parent_id.is_some());
        assert_eq!(headers.get(&TRACESTATE), None, "{state:?}");
    }
    let many = vec!["a=1"; 33].join(",");
    assert_eq!(
        join(&[("traceparent", VALID), ("tracestate", &many)])
            .1
            .get(&TRACESTATE),
        None
    );
}
