//! Ranges asked for, described and answered.

use super::*;
use crate::rules::testing::headers;

type Fields<'a> = &'a [(&'static str, &'a str)];

const MODIFIED: &str = "Thu, 01 Jan 1970 00:10:00 GMT";
const MADE: (&str, &str) = ("date", "Thu, 01 Jan 1970 00:20:00 GMT");

/// What a range of ten bytes is.
fn of_ten(range: &str) -> RangeOutcome {
    requested(
        &Method::GET,
        &headers(&[("range", range)]),
        &headers(&[]),
        10,
    )
}

#[test]
fn a_range_begins_or_ends_somewhere_rfc_9110_14_1_2() {
    for (range, expected) in [
        ("bytes=0-1", 0..2),
        ("bytes=1-", 1..10),
        ("bytes=-1", 9..10),
        ("bytes=-20", 0..10),
        ("bytes=9-20", 9..10),
        ("bytes=0-99999999999999999999999", 0..10),
        ("Bytes= 2-3 ,", 2..4),
    ] {
        assert_eq!(of_ten(range), RangeOutcome::Part(expected), "{range}");
    }
}

#[test]
fn a_range_that_has_no_bytes_cant_be_satisfied_rfc_9110_14_1_2() {
    for range in [
        "bytes=10-",
        "bytes=10-11",
        "bytes=-0",
        "bytes=99999999999999999999999-",
    ] {
        assert_eq!(of_ten(range), RangeOutcome::Unsatisfiable, "{range}");
    }
    let range = headers(&[("range", "bytes=0-")]);
    assert_eq!(
        requested(&Method::GET, &range, &headers(&[]), 0),
        RangeOutcome::Unsatisfiable
    );
}

#[test]
fn a_range_that_is_not_understood_is_ignored_rfc_9110_14_2() {
    for range in [
        "bytes=2-1",
        "lines=0-1",
        "bytes=0-1,3-4",
        "bytes=a-",
        "bytes=-",
        "bytes",
        "bytes=+1-2",
        "bytes=1",
        "",
    ] {
        assert_eq!(of_ten(range), RangeOutcome::Whole, "{range}");
    }
    let range = headers(&[("range", "bytes=0-1")]);
    assert_eq!(
        requested(&Method::HEAD, &range, &headers(&[]), 10),
        RangeOutcome::Whole
    );
    let two = headers(&[("range", "bytes=0-1"), ("range", "bytes=0-1")]);
    assert_eq!(
        requested(&Method::GET, &two, &headers(&[]), 10),
        RangeOutcome::Whole
    );
}

#[test]
fn if_range_needs_the_same_strong_validator_rfc_9110_13_1_5() {
    let holds = |value: &str, stored: Fields<'_>| {
        if_range(&headers(&[("if-range", value)]), &headers(stored))
    };
    assert!(holds("\"a\"", &[("etag", "\"a\"")]));
    assert!(!holds("\"b\"", &[("etag", "\"a\"")]));
    assert!(!holds("W/\"a\"", &[("etag", "W/\"a\"")]));
    assert!(!holds("\"a\", \"b\"", &[("etag", "\"a\"")]));
    assert!(!holds("\"a\"", &[]) && !holds("a", &[("etag", "a")]));
    assert!(holds(MODIFIED, &[("last-modified", MODIFIED), MADE]));
    assert!(holds(
        "Thursday, 01-Jan-70 00:10:00 GMT",
        &[("last-modified", MODIFIED), MADE]
    ));
    assert!(
        !holds(MODIFIED, &[("last-modified", MODIFIED)]),
        "it may be weak"
    );
    assert!(
        !holds(MADE.1, &[("last-modified", MODIFIED), MADE]),
        "later is not the same"
    );
    assert!(if_range(&headers(&[]), &headers(&[])));
}

#[test]
fn content_range_is_strict_rfc_9110_14_4() {
    let parse = |value: &str| content_range(&headers(&[("content-range", value)]));
    let expected = ContentRange {
        first: 4,
        last: 9,
        complete_length: 10,
    };
    assert_eq!(parse("bytes 4-9/10"), Some(expected));
    assert_eq!(expected.length(), 6);
    assert_eq!(expected.to_value(), "bytes 4-9/10");
    for value in [
        "bytes 4-9/*",
        "bytes 4-10/10",
        "bytes 5-4/10",
        "bytes */10",
        "lines 4-9/10",
        "4-9/10",
        "bytes 4-9",
        "bytes 4-9/10x",
        "bytes  4-9/10",
    ] {
        assert_eq!(parse(value), None, "{value}");
    }
    assert_eq!(
        content_range(&headers(&[
            ("content-range", "bytes 4-9/10"),
            ("content-range", "bytes 4-9/10")
        ])),
        None
    );
}

#[test]
fn the_rest_of_a_representation_is_asked_for_by_its_strong_validator_rfc_9111_3_4() {
    let asks = |stored: Fields<'_>| {
        let mut request = headers(&[("range", "bytes=0-1"), ("if-range", "\"other\"")]);
        ask_from(&mut request, 5, &headers(stored));
        request
    };
    assert_eq!(
        asks(&[("etag", "\"a\"")]),
        headers(&[("range", "bytes=5-"), ("if-range", "\"a\"")])
    );
    assert_eq!(
        asks(&[("last-modified", MODIFIED), MADE]),
        headers(&[("range", "bytes=5-"), ("if-range", MODIFIED)])
    );
    assert_eq!(
        asks(&[("etag", "W/\"a\"")]),
        headers(&[("range", "bytes=5-")])
    );
}

#[test]
fn a_part_says_which_it_is_rfc_9110_15_3_7_1() {
    let mut fields = headers(&[
        ("content-length", "10"),
        ("content-range", "x"),
        ("content-md5", "x"),
        ("a", "1"),
    ]);
    set_part(&mut fields, &(2..4), 10);
    assert_eq!(
        fields,
        headers(&[
            ("content-length", "2"),
            ("content-range", "bytes 2-3/10"),
            ("a", "1")
        ])
    );
}

#[test]
fn an_unsatisfiable_range_is_told_the_length_rfc_9110_15_5_17() {
    let mut fields = headers(&[
        ("content-length", "10"),
        ("etag", "\"a\""),
        ("cache-control", "max-age=9"),
        ("vary", "a"),
    ]);
    set_unsatisfiable(&mut fields, 10);
    let expected = [
        ("content-length", "0"),
        ("vary", "a"),
        ("content-range", "bytes */10"),
        ("cache-control", "no-store"),
    ];
    assert_eq!(fields, headers(&expected));
}
