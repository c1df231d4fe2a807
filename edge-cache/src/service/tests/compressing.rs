//! Content in the codings that clients accept.

use std::io::Read;

use super::harness::Harness;

fn text() -> String {
    "All work and no play makes Jack a dull boy. ".repeat(1_000)
}

const FIELDS: [(&str, &str); 3] = [
    ("cache-control", "max-age=60"),
    ("content-type", "text/plain"),
    ("etag", "\"a\""),
];

#[test]
fn text_is_compressed_for_clients_that_accept_it() {
    let harness = Harness::new();
    harness.answer(200, &FIELDS, &text());
    for _ in 0..2 {
        let reply = harness.get("/", &[("accept-encoding", "gzip")]);
        assert_eq!(reply.field("content-encoding"), "gzip");
        assert_eq!(
            (reply.field("vary"), reply.field("etag")),
            ("Accept-Encoding", "W/\"a\"")
        );
        let content = reply.content.unwrap();
        assert!(content.len() < text().len() / 10);
        let mut decoded = String::new();
        flate2::read::GzDecoder::new(&content[..])
            .read_to_string(&mut decoded)
            .unwrap();
        assert_eq!(decoded, text());
    }
    let plain = harness.get("/", &[]);
    assert_eq!(
        (plain.text(), plain.field("content-encoding")),
        (text().as_str(), "")
    );
    assert_eq!(
        (plain.field("vary"), plain.field("etag")),
        ("Accept-Encoding", "\"a\"")
    );
    assert_eq!(harness.forwards(), 1);
}

#[test]
fn a_client_that_has_it_compressed_is_told_that_it_has_not_changed() {
    let harness = Harness::new();
    harness.answer(200, &FIELDS, &text());
    harness.get("/", &[("accept-encoding", "br")]);
    let reply = harness.get(
        "/",
        &[("accept-encoding", "br"), ("if-none-match", "W/\"a\"")],
    );
    assert_eq!(reply.status, 304);
}

#[test]
fn a_304_has_the_entity_tag_that_the_200_would_have_rfc_9110_15_4_5() {
    let harness = Harness::new();
    harness.answer(200, &FIELDS, &text());
    harness.get("/", &[]);
    for fields in [
        &[("accept-encoding", "gzip")][..],
        &[("accept-encoding", "identity")],
        &[("accept-encoding", "gzip;q=0")],
        &[],
    ] {
        let whole = harness.get("/", fields);
        let conditional = [fields, &[("if-none-match", "W/\"a\"")]].concat();
        let unchanged = harness.get("/", &conditional);
        assert_eq!(unchanged.status, 304);
        assert_eq!(unchanged.field("etag"), whole.field("etag"), "{fields:?}");
        assert_eq!(unchanged.field("vary"), whole.field("vary"), "{fields:?}");
    }
}

#[test]
fn a_304_after_a_validation_has_the_entity_tag_of_the_200_rfc_9110_15_4_5() {
    let harness = Harness::new();
    harness.answer(200, &FIELDS, &text());
    harness.get("/", &[]);
    harness.pass(100);
    harness.answer(304, &FIELDS, "");
    let fields = [("accept-encoding", "gzip"), ("if-none-match", "W/\"a\"")];
    let unchanged = harness.get("/", &fields);
    assert_eq!(
        (unchanged.status.as_u16(), unchanged.field("etag")),
        (304, "W/\"a\"")
    );
}

#[test]
fn text_of_less_than_a_kilobyte_is_not_compressed_whatever_its_fields_say() {
    let harness = Harness::new();
    harness.answer(200, &FIELDS, "x");
    for _ in 0..2 {
        let reply = harness.get("/", &[("accept-encoding", "br")]);
        assert_eq!((reply.text(), reply.field("content-encoding")), ("x", ""));
        assert_eq!(reply.field("etag"), "\"a\"");
    }
}

#[test]
fn short_text_is_answered_at_once_also_to_those_who_accept_codings() {
    let harness = Harness::new();
    harness.answer(200, &FIELDS, "x");
    harness.get("/", &[]);
    harness.answer(200, &FIELDS, &text());
    harness.get("/long", &[]);
    for (path, accepted, is_whole) in [("/", "br", true), ("/long", "br", false)] {
        let fields = [("accept-encoding", accepted)];
        let served = pollster::block_on(harness.begin("GET", path, &fields)).unwrap();
        assert_eq!(served.response.into_body().into_whole().is_ok(), is_whole);
    }
}

#[test]
fn parts_are_those_of_the_content_as_it_is() {
    let harness = Harness::new();
    harness.answer(200, &FIELDS, &text());
    harness.get("/", &[]);
    let reply = harness.get("/", &[("accept-encoding", "br"), ("range", "bytes=0-7")]);
    assert_eq!(
        (reply.text(), reply.field("content-encoding")),
        ("All work", "")
    );
}

#[test]
fn what_may_not_be_transformed_stays_as_it_is_rfc_9110_7_7() {
    let harness = Harness::new();
    let fields = [("cache-control", "max-age=60, no-transform"), FIELDS[1]];
    harness.answer(200, &fields, &text());
    for _ in 0..2 {
        let reply = harness.get("/", &[("accept-encoding", "br")]);
        assert_eq!((reply.text(), reply.field("vary")), (text().as_str(), ""));
    }
}
