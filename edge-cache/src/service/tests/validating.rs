//! Stale responses: validated, served meanwhile, or in place of a failure.

use super::harness::{Harness, date};

const TAGGED: [(&str, &str); 2] = [("cache-control", "max-age=10"), ("etag", "\"a\"")];

#[test]
fn a_stale_response_is_validated_and_freshened_rfc_9111_4_3() {
    let harness = Harness::new();
    harness.answer(200, &[TAGGED[0], TAGGED[1], ("x-a", "1")], "hello");
    harness.get("/", &[]);
    harness.pass(10);
    harness.answer(304, &[TAGGED[0], ("x-a", "2")], "");
    let reply = harness.get("/", &[("if-none-match", "\"mine\"")]);
    assert_eq!(harness.sent("if-none-match").unwrap(), "\"a\"");
    assert_eq!(
        (reply.status.as_u16(), reply.text(), reply.field("x-a")),
        (200, "hello", "2")
    );
    assert_eq!(
        reply.field("cache-status"),
        "T; fwd=stale; fwd-status=304; stored"
    );
    assert!(harness.get("/", &[]).is_hit());
}

#[test]
fn a_stale_response_that_has_changed_is_replaced_rfc_9111_4_3_3() {
    let harness = Harness::new();
    harness.answer(200, &TAGGED, "old");
    harness.get("/", &[]);
    harness.pass(10);
    harness.answer(200, &[TAGGED[0], ("etag", "\"b\"")], "new");
    assert_eq!(harness.get("/", &[]).text(), "new");
    assert_eq!(harness.get("/", &[]).text(), "new");
}

#[test]
fn a_304_about_another_response_is_of_no_use_rfc_9111_4_3_4() {
    let harness = Harness::new();
    harness.answer(200, &TAGGED, "old");
    harness.get("/", &[]);
    harness.pass(10);
    harness.answer(304, &[("etag", "\"other\"")], "");
    harness.answer(200, &TAGGED, "new");
    assert_eq!(harness.get("/", &[]).text(), "new");
    assert_eq!(harness.sent("if-none-match"), None);
}

#[test]
fn the_clients_own_copy_is_judged_by_the_stored_response_rfc_9111_4_3_2() {
    let harness = Harness::new();
    let modified = date(5);
    harness.answer(
        200,
        &[TAGGED[0], TAGGED[1], ("last-modified", &modified)],
        "hello",
    );
    let reply = harness.get("/", &[("if-none-match", "\"a\"")]);
    assert_eq!(
        harness.sent("if-none-match"),
        None,
        "all of it is to be stored"
    );
    assert_eq!((reply.status.as_u16(), reply.text()), (304, ""));
    assert_eq!(harness.get("/", &[("if-none-match", "\"b\"")]).status, 200);
    let reply = harness.get("/", &[("if-modified-since", &modified)]);
    assert_eq!((reply.status.as_u16(), reply.field("etag")), (304, "\"a\""));
}

#[test]
fn preconditions_of_a_response_that_is_not_stored_are_judged_all_the_same() {
    let harness = Harness::new();
    harness.answer(
        200,
        &[("cache-control", "no-store"), ("etag", "\"a\"")],
        "hello",
    );
    assert_eq!(harness.get("/", &[("if-none-match", "\"a\"")]).status, 304);
    harness.answer(304, &[("cache-control", "no-store"), ("etag", "\"a\"")], "");
    assert_eq!(harness.get("/", &[("if-none-match", "\"a\"")]).status, 304);
    assert_eq!(
        harness.sent("if-none-match").unwrap(),
        "\"a\"",
        "now that it is known"
    );
}

#[test]
fn a_stale_response_is_served_while_it_is_validated_rfc_5861_3() {
    let harness = Harness::new();
    let fields = [
        ("cache-control", "max-age=10, stale-while-revalidate=10"),
        ("etag", "\"a\""),
    ];
    harness.answer(200, &fields, "old");
    harness.get("/", &[]);
    harness.pass(15);
    harness.answer(200, &fields, "new");
    let reply = harness.get("/", &[]);
    assert_eq!(
        (reply.text(), reply.field("cache-status")),
        ("old", "T; hit; ttl=-5")
    );
    assert_eq!(harness.sent("if-none-match").unwrap(), "\"a\"");
    let reply = harness.get("/", &[]);
    assert_eq!(
        (reply.text(), reply.field("cache-status")),
        ("new", "T; hit; ttl=10")
    );
}

#[test]
fn a_stale_response_is_served_in_place_of_a_failure_rfc_5861_4() {
    let harness = Harness::new();
    harness.answer(
        200,
        &[("cache-control", "max-age=10, stale-if-error=60")],
        "old",
    );
    harness.get("/", &[]);
    harness.pass(20);
    harness.answer(503, &[], "sorry");
    let reply = harness.get("/", &[]);
    assert_eq!((reply.status.as_u16(), reply.text()), (200, "old"));
    assert_eq!(
        reply.field("cache-status"),
        "T; fwd=stale; fwd-status=503; ttl=-10"
    );
    harness.fail();
    assert_eq!(harness.get("/", &[]).text(), "old");
    harness.pass(60);
    harness.answer(503, &[], "sorry");
    assert_eq!(harness.get("/", &[]).status, 503);
}

#[test]
fn a_stale_response_that_must_be_validated_is_not_served_rfc_9111_5_2_2_2() {
    let harness = Harness::new();
    harness.answer(
        200,
        &[
            ("cache-control", "max-age=10, must-revalidate"),
            ("etag", "\"a\""),
        ],
        "old",
    );
    harness.get("/", &[]);
    harness.pass(20);
    harness.fail();
    assert!(pollster::block_on(harness.send("GET", "/", &[])).is_err());
}

#[test]
fn a_response_to_head_freshens_what_is_stored_rfc_9111_4_3_5() {
    let harness = Harness::new();
    harness.answer(
        200,
        &[
            ("cache-control", "max-age=10"),
            ("content-length", "5"),
            ("etag", "\"a\""),
        ],
        "hello",
    );
    harness.get("/", &[]);
    harness.pass(10);
    harness.answer(
        200,
        &[("cache-control", "max-age=10"), ("content-length", "5")],
        "",
    );
    harness.request("HEAD", "/", &[]);
    assert!(harness.get("/", &[]).is_hit());
    harness.pass(10);
    harness.answer(
        200,
        &[("cache-control", "max-age=99"), ("content-length", "6")],
        "",
    );
    harness.request("HEAD", "/", &[]);
    harness.answer(200, &[], "other");
    assert_eq!(harness.get("/", &[]).text(), "other");
}

#[test]
fn a_304_that_forbids_to_store_removes_what_it_freshens_rfc_9111_4_3_4() {
    let harness = Harness::new();
    harness.answer(200, &TAGGED, "hello");
    harness.get("/", &[]);
    harness.pass(10);
    harness.answer(304, &[("cache-control", "no-store"), TAGGED[1]], "");
    assert_eq!(harness.get("/", &[]).text(), "hello");
    harness.answer(200, &TAGGED, "new");
    assert_eq!(harness.get("/", &[]).text(), "new");
    assert_eq!(harness.sent("if-none-match"), None);
}

#[test]
fn preconditions_that_are_for_the_origin_reach_it_rfc_9111_4_3_2() {
    let harness = Harness::new();
    harness.answer(200, &TAGGED, "hello");
    harness.get("/", &[]);
    harness.answer(412, &[], "");
    let reply = harness.get("/", &[("if-match", "\"b\"")]);
    assert_eq!(reply.status, 412);
    assert_eq!(harness.sent("if-match").unwrap(), "\"b\"");
    assert!(harness.get("/", &[]).is_hit());
}
