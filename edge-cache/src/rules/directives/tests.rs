//! Directives: well formed, malformed, in conflict and beyond all numbers.

use super::*;
use crate::limits::MAX_DELTA_SECONDS;

fn headers(lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(
            header::CACHE_CONTROL,
            http::HeaderValue::from_bytes(line.as_bytes()).unwrap(),
        );
    }
    headers
}

fn response(lines: &[&str]) -> ResponseDirectives {
    ResponseDirectives::parse(&headers(lines))
}

fn request(line: &str) -> RequestDirectives {
    RequestDirectives::parse(&headers(&[line]))
}

fn max_age(lines: &[&str]) -> Option<u64> {
    response(lines).max_age.map(|age| age.as_secs())
}

#[test]
fn names_are_compared_without_case_and_arguments_may_be_quoted_rfc_9111_5_2() {
    assert_eq!(max_age(&["MaX-aGe=60"]), Some(60));
    assert_eq!(max_age(&["max-age=\"60\""]), Some(60));
    assert_eq!(max_age(&["foo, max-age=60,"]), Some(60));
    assert_eq!(max_age(&["max-age=003600"]), Some(3600));
    assert!(response(&["nO-StOrE"]).no_store);
}

#[test]
fn what_is_quoted_is_no_directive_rfc_9110_5_6_4() {
    assert_eq!(max_age(&["foo=\"max-age=60\", max-age=1"]), Some(1));
    assert_eq!(max_age(&["max-age=1, foo=\"bar, max-age=60\""]), Some(1));
    assert_eq!(max_age(&["foo=\"a\\\", max-age=60\""]), None);
}

#[test]
fn nothing_hides_a_prohibition() {
    for line in [
        "foo=\"bar, no-store",
        "foo=ü, no-store",
        "no-store=x",
        "no-store =x",
        "no-store=\"",
        ",,no-store",
    ] {
        assert!(response(&[line]).no_store, "{line}");
    }
    assert!(response(&["max-age=60", "no-store"]).no_store);
}

#[test]
fn invalid_freshness_counts_as_none_left_rfc_9111_4_2_1() {
    for value in [
        "-1", "1.5", "a1", "1a", "'60'", "", " 60", "\"60", "\"60\"a", "60 a",
    ] {
        assert_eq!(
            max_age(&[&format!("max-age={value}")]),
            Some(0),
            "{value:?}"
        );
    }
    assert_eq!(max_age(&["max-age"]), Some(0));
    assert_eq!(max_age(&["max-age =60"]), Some(0));
}

#[test]
fn of_conflicting_values_the_most_restrictive_counts_rfc_9111_4_2_1() {
    assert_eq!(max_age(&["max-age=60, max-age=1"]), Some(1));
    assert_eq!(max_age(&["max-age=1", "max-age=60"]), Some(1));
    assert_eq!(max_age(&["max-age=60, max-age=x"]), Some(0));
}

#[test]
fn seconds_beyond_the_largest_are_the_largest_rfc_9111_1_2_2() {
    assert_eq!(
        max_age(&["max-age=2147483647"]),
        Some(MAX_DELTA_SECONDS - 1)
    );
    for value in ["2147483648", "2147483649", "99999999999999999999999"] {
        assert_eq!(
            max_age(&[&format!("max-age={value}")]),
            Some(MAX_DELTA_SECONDS),
            "{value}"
        );
    }
}

#[test]
fn qualified_directives_name_fields_rfc_9111_5_2_2_4() {
    let parsed = response(&["no-cache=\"a, B\", private=\"c\", private=d"]);
    assert_eq!(parsed.no_cache.fields(), ["a", "b"]);
    assert_eq!(parsed.private.fields(), ["c", "d"]);
}

#[test]
fn a_qualified_directive_that_names_nothing_is_about_all_rfc_9111_5_2_2_4() {
    for line in [
        "no-cache",
        "no-cache=\"\"",
        "no-cache=\"a b\"",
        "no-cache=\"a",
        "no-cache=\"a\", no-cache",
        "no-cache = \"a\"",
    ] {
        assert!(response(&[line]).no_cache.is_all(), "{line}");
    }
}

#[test]
fn directives_that_are_not_known_say_nothing_rfc_9111_5_2_3() {
    assert_eq!(
        response(&["foo, bar=1, stale-while-revalidate-more=1"]),
        ResponseDirectives::default()
    );
}

#[test]
fn pragma_counts_where_there_is_no_cache_control_rfc_9111_5_4() {
    let mut headers = HeaderMap::new();
    headers.insert(header::PRAGMA, "foo, no-cache".parse().unwrap());
    assert!(RequestDirectives::parse(&headers).no_cache);
    headers.insert(header::CACHE_CONTROL, "foo".parse().unwrap());
    assert!(!RequestDirectives::parse(&headers).no_cache);
}

#[test]
fn requests_accept_stale_responses_with_or_without_a_limit_rfc_9111_5_2_1_2() {
    assert_eq!(request("max-stale").max_stale, Some(Duration::MAX));
    assert_eq!(
        request("max-stale=5, max-stale").max_stale,
        Some(Duration::MAX)
    );
    assert_eq!(
        request("max-stale=5").max_stale,
        Some(Duration::from_secs(5))
    );
    assert_eq!(request("max-stale=x").max_stale, Some(Duration::ZERO));
    assert_eq!(
        request("min-fresh=1, min-fresh=2").min_fresh,
        Some(Duration::from_secs(2))
    );
}
