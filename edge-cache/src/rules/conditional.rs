//! Evaluates preconditions against a response (RFC 9111 §4.3.2, RFC 9110 §13).

use std::time::SystemTime;

use http::{HeaderMap, HeaderName, header};

use super::dates::date;
use super::entity_tag::{EntityTag, entity_tags};

/// The fields of preconditions (RFC 9110 §13.1).
const PRECONDITIONS: [HeaderName; 5] = [
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
];

/// Whether a request has a precondition that only the origin can evaluate (RFC 9111 §4.3.2): it is forwarded unchanged.
#[must_use]
pub fn is_for_the_origin(request: &HeaderMap) -> bool {
    request.contains_key(header::IF_MATCH) || request.contains_key(header::IF_UNMODIFIED_SINCE)
}

/// Whether the client of a `GET` or `HEAD` has the representation already, so that 304 answers it.
///
/// `received` is when the response came. It replaces a missing date, and decides the century of a year with two digits.
#[must_use]
pub fn is_not_modified(request: &HeaderMap, response: &HeaderMap, received: SystemTime) -> bool {
    // `If-None-Match` takes precedence, even if it can't be read (RFC 9110 §13.2.2).
    if request.contains_key(header::IF_NONE_MATCH) {
        return !if_none_match(request, response);
    }
    request.contains_key(header::IF_MODIFIED_SINCE)
        && !if_modified_since(request, response, received)
}

/// Whether `If-None-Match` holds: none of its tags is the response's (RFC 9110 §13.1.2).
#[must_use]
pub fn if_none_match(request: &HeaderMap, response: &HeaderMap) -> bool {
    let tag = EntityTag::of(response);
    let matches = |line: &[u8]| {
        let is_any = line.trim_ascii() == b"*";
        is_any || tag.is_some_and(|tag| entity_tags(line).any(|other| other.equals_weakly(tag)))
    };
    let mut lines = request.get_all(header::IF_NONE_MATCH).iter();
    !lines.any(|line| matches(line.as_bytes()))
}

/// Whether `If-Modified-Since` holds: the response is newer than its date, or the date is invalid (RFC 9110 §13.1.3).
///
/// Without `Last-Modified`, the response may have been modified when it was made (RFC 9111 §4.3.2).
#[must_use]
pub fn if_modified_since(request: &HeaderMap, response: &HeaderMap, received: SystemTime) -> bool {
    let Some(since) = date(request, &header::IF_MODIFIED_SINCE, received) else {
        return true;
    };
    let last_modified = date(response, &header::LAST_MODIFIED, received);
    let last_modified = last_modified.or_else(|| date(response, &header::DATE, received));
    last_modified.unwrap_or(received) > since
}

/// Removes the preconditions of a request.
pub fn remove_preconditions(request: &mut HeaderMap) {
    for name in &PRECONDITIONS {
        request.remove(name);
    }
}

/// Makes the fields of a response those of 304: it removes those that describe content (RFC 9110 §15.4.5).
pub fn keep_fields_of_not_modified(response: &mut HeaderMap) {
    const OF_CONTENT: [HeaderName; 8] = [
        header::ACCEPT_RANGES,
        header::CONTENT_ENCODING,
        header::CONTENT_LANGUAGE,
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::CONTENT_TYPE,
        HeaderName::from_static("content-digest"),
        HeaderName::from_static("content-md5"),
    ];
    for name in &OF_CONTENT {
        response.remove(name);
    }
    // Only clients without an entity tag need it.
    if response.contains_key(header::ETAG) {
        response.remove(header::LAST_MODIFIED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{headers, moment};

    const EARLIER: &str = "Thu, 01 Jan 1970 00:10:00 GMT";
    const SAME: &str = "Thu, 01 Jan 1970 00:20:00 GMT";
    const LATER: &str = "Thu, 01 Jan 1970 00:30:00 GMT";

    type Fields<'a> = &'a [(&'static str, &'a str)];

    fn not_modified(request: Fields<'_>, response: Fields<'_>) -> bool {
        is_not_modified(&headers(request), &headers(response), moment(1_200).wall)
    }

    fn matches(if_none_match: &str, etag: &str) -> bool {
        not_modified(&[("if-none-match", if_none_match)], &[("etag", etag)])
    }

    #[test]
    fn if_none_match_is_compared_weakly_with_each_of_its_tags_rfc_9110_13_1_2() {
        for list in [
            "\"a\"",
            "\"a\", \"b\"",
            "\"b\", \"a\"",
            "\"b\",W/\"a\",\"c\"",
            "*",
            "W/\"a\"",
        ] {
            assert!(matches(list, "\"a\""), "{list}");
            assert!(matches(list, "W/\"a\""), "{list}");
        }
        for list in ["\"b\"", "a", "", "\"A\"", "\"a"] {
            assert!(!matches(list, "\"a\""), "{list}");
        }
        assert!(matches("\"ü\"", "\"ü\""));
        assert!(not_modified(
            &[("if-none-match", "\"b\""), ("if-none-match", "\"a\"")],
            &[("etag", "\"a\"")]
        ));
        assert!(!not_modified(&[("if-none-match", "\"a\"")], &[]));
        assert!(not_modified(&[("if-none-match", "*")], &[]));
    }

    #[test]
    fn a_malformed_tag_matches_what_looks_exactly_the_same() {
        for tag in ["a", "w/\"a\"", "W\\\"a\"", "W\"a\""] {
            assert!(matches(tag, tag), "{tag}");
        }
        assert!(!matches("\"a\"", "a"));
    }

    #[test]
    fn if_none_match_takes_precedence_rfc_9110_13_2_2() {
        let response = [("etag", "\"a\""), ("last-modified", SAME)];
        assert!(not_modified(
            &[("if-none-match", "\"a\""), ("if-modified-since", EARLIER)],
            &response
        ));
        assert!(!not_modified(
            &[("if-none-match", "\"b\""), ("if-modified-since", LATER)],
            &response
        ));
    }

    #[test]
    fn if_modified_since_is_compared_with_last_modified_rfc_9110_13_1_3() {
        let since =
            |since: &str| not_modified(&[("if-modified-since", since)], &[("last-modified", SAME)]);
        assert!(since(SAME) && since(LATER) && since("Thursday, 01-Jan-70 00:20:00 GMT"));
        assert!(!since(EARLIER) && !since("foo"));
        let two = [("if-modified-since", LATER), ("if-modified-since", LATER)];
        assert!(!not_modified(&two, &[("last-modified", SAME)]));
    }

    #[test]
    fn date_or_arrival_stand_in_for_last_modified_rfc_9111_4_3_2() {
        let since = |since: &str, response: Fields<'_>| {
            not_modified(&[("if-modified-since", since)], response)
        };
        assert!(since(SAME, &[("date", SAME)]) && !since(EARLIER, &[("date", SAME)]));
        assert!(since(SAME, &[]) && !since(EARLIER, &[]));
    }

    #[test]
    fn if_match_is_for_the_origin_rfc_9111_4_3_2() {
        assert!(is_for_the_origin(&headers(&[("if-match", "\"a\"")])));
        assert!(!is_for_the_origin(&headers(&[("if-none-match", "\"a\"")])));
        let mut request = headers(&[
            ("if-match", "*"),
            ("if-range", "\"a\""),
            ("range", "bytes=0-"),
        ]);
        remove_preconditions(&mut request);
        assert_eq!(request, headers(&[("range", "bytes=0-")]));
    }

    #[test]
    fn a_304_has_no_fields_of_content_rfc_9110_15_4_5() {
        let kept = [
            ("etag", "\"a\""),
            ("date", SAME),
            ("vary", "a"),
            ("content-location", "/a"),
            ("content-security-policy", "a"),
        ];
        let mut fields = headers(&kept);
        fields.extend(headers(&[
            ("content-type", "text/plain"),
            ("content-length", "3"),
            ("last-modified", SAME),
        ]));
        keep_fields_of_not_modified(&mut fields);
        assert_eq!(fields, headers(&kept));
        let mut fields = headers(&[("last-modified", SAME)]);
        keep_fields_of_not_modified(&mut fields);
        assert!(fields.contains_key("last-modified"));
    }
}
