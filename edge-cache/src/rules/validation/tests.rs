//! What a 304 and a response to `HEAD` mean for what is stored.

use super::*;
use crate::rules::testing::headers;

type Fields<'a> = &'a [(&'static str, &'a str)];

const MODIFIED: (&str, &str) = ("last-modified", "Thu, 01 Jan 1970 00:10:00 GMT");
const OTHER: (&str, &str) = ("last-modified", "Thu, 01 Jan 1970 00:10:01 GMT");

fn selected(stored: Fields<'_>, not_modified: Fields<'_>) -> bool {
    is_selected(&headers(stored), &headers(not_modified))
}

#[test]
fn a_request_for_validation_has_all_validators_rfc_9111_4_3_1() {
    let mut request = HeaderMap::new();
    add_validators(&mut request, &headers(&[("etag", "W/\"a\""), MODIFIED]));
    assert_eq!(
        request,
        headers(&[
            ("if-none-match", "W/\"a\""),
            ("if-modified-since", MODIFIED.1)
        ])
    );
    let mut request = HeaderMap::new();
    add_validators(&mut request, &headers(&[("etag", "a")]));
    assert_eq!(
        request,
        headers(&[("if-none-match", "a")]),
        "as the origin spelt it"
    );
    assert!(!has_validator(&headers(&[("date", MODIFIED.1)])));
    assert!(has_validator(&headers(&[MODIFIED])) && has_validator(&headers(&[("etag", "\"a\"")])));
}

#[test]
fn a_304_means_the_response_with_the_same_strong_validator_rfc_9111_4_3_4() {
    assert!(selected(&[("etag", "\"a\"")], &[("etag", "\"a\"")]));
    assert!(!selected(&[("etag", "\"a\"")], &[("etag", "\"b\"")]));
    assert!(!selected(&[("etag", "W/\"a\"")], &[("etag", "\"a\"")]));
    assert!(!selected(&[MODIFIED], &[("etag", "\"a\""), MODIFIED]));
}

#[test]
fn a_304_with_weak_validators_means_the_response_with_those_rfc_9111_4_3_4() {
    assert!(selected(&[("etag", "\"a\"")], &[("etag", "W/\"a\"")]));
    assert!(selected(&[MODIFIED], &[MODIFIED]));
    assert!(selected(&[("etag", "\"a\""), MODIFIED], &[MODIFIED]));
    assert!(!selected(&[MODIFIED], &[OTHER]));
}

#[test]
fn a_304_without_validators_means_what_was_asked_about() {
    assert!(selected(&[("etag", "\"a\"")], &[]));
    assert!(selected(&[], &[MODIFIED]));
}

#[test]
fn a_304_updates_all_fields_that_it_has_rfc_9111_3_2() {
    let stored = [
        ("a", "1"),
        ("a", "2"),
        ("b", "1"),
        ("content-type", "text/plain"),
        ("date", "1"),
    ];
    let newer = [
        ("a", "3"),
        ("a", "4"),
        ("content-type", "text/html"),
        ("age", "5"),
        ("date", "2"),
    ];
    let expected = [
        ("b", "1"),
        ("a", "3"),
        ("a", "4"),
        ("content-type", "text/html"),
        ("age", "5"),
        ("date", "2"),
    ];
    assert_eq!(
        freshen(&headers(&stored), &headers(&newer)),
        headers(&expected)
    );
}

#[test]
fn a_304_does_not_update_what_describes_the_stored_bytes_rfc_9111_3_2() {
    for name in [
        "content-encoding",
        "content-length",
        "content-range",
        "content-md5",
        "content-digest",
    ] {
        let freshened = freshen(&headers(&[(name, "1")]), &headers(&[(name, "2")]));
        assert_eq!(freshened, headers(&[(name, "1")]), "{name}");
    }
}

#[test]
fn a_304_does_not_update_fields_that_are_not_stored_rfc_9111_3_1() {
    let newer = [("connection", "a"), ("a", "2"), ("keep-alive", "1")];
    assert_eq!(
        freshen(&headers(&[("a", "1")]), &headers(&newer)),
        headers(&[("a", "1")])
    );
}

#[test]
fn the_date_of_a_304_without_one_is_when_it_came_rfc_9110_6_6_1() {
    assert_eq!(
        freshen(&headers(&[("date", "1")]), &headers(&[])),
        headers(&[])
    );
}

#[test]
fn head_freshens_what_has_the_same_validators_and_length_rfc_9111_4_3_5() {
    let stored = headers(&[("etag", "\"a\""), MODIFIED, ("content-length", "5")]);
    let freshens = |head: Fields<'_>| head_freshens(&stored, &headers(head));
    assert!(
        freshens(&[])
            && freshens(&[("etag", "\"a\"")])
            && freshens(&[MODIFIED, ("content-length", "5")])
    );
    assert!(
        !freshens(&[("etag", "\"b\"")])
            && !freshens(&[OTHER])
            && !freshens(&[("content-length", "6")])
    );
}

#[test]
fn equal_strong_validators_show_equal_bytes_rfc_9110_8_8_1() {
    let same =
        |one: Fields<'_>, other: Fields<'_>| same_strong_validator(&headers(one), &headers(other));
    let (made, at_once) = (
        ("date", "Thu, 01 Jan 1970 00:10:01 GMT"),
        ("date", "Thu, 01 Jan 1970 00:10:00 GMT"),
    );
    assert!(same(&[("etag", "\"a\"")], &[("etag", "\"a\"")]));
    assert!(!same(&[("etag", "W/\"a\"")], &[("etag", "W/\"a\"")]));
    assert!(!same(&[("etag", "a")], &[("etag", "a")]));
    assert!(same(&[MODIFIED, made], &[MODIFIED, made]));
    assert!(
        !same(&[MODIFIED, at_once], &[MODIFIED, at_once]),
        "it may have changed twice in that second"
    );
    assert!(!same(
        &[MODIFIED, made],
        &[("etag", "\"a\""), MODIFIED, made]
    ));
    assert!(!same(&[], &[]));
}
