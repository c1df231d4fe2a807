//! A client's preconditions, judged by the stored response (RFC 9111 §4.3.2, RFC 9110 §13).

use std::time::SystemTime;

use http::{HeaderMap, HeaderName, header};

use super::dates::date;
use super::validation::{EntityTag, entity_tag};

/// Removes the preconditions that ask whether the client's own copy is still good. They are the cache's to judge.
pub fn remove_preconditions(request: &mut HeaderMap) {
    for name in [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE] {
        request.remove(name);
    }
}

/// Whether what the client has is the response with these fields, so that 304 answers it.
///
/// `If-None-Match` counts before `If-Modified-Since` (RFC 9110 §13.2.2). A response without `Last-Modified` was last
/// modified by its `Date` at the latest, or by `received` if it has none (RFC 9111 §4.3.2).
#[must_use]
pub fn is_not_modified(
    request: &HeaderMap,
    response: &HeaderMap,
    received: Option<SystemTime>,
) -> bool {
    if request.contains_key(header::IF_NONE_MATCH) {
        return none_match_fails(request, response);
    }
    let Some(since) = date(request, &header::IF_MODIFIED_SINCE) else {
        return false;
    };
    let modified = date(response, &header::LAST_MODIFIED)
        .or_else(|| date(response, &header::DATE))
        .or(received);
    modified.is_some_and(|modified| modified <= since)
}

/// Whether one of the tags is the response's (RFC 9110 §13.1.2), or there is a `*`.
fn none_match_fails(request: &HeaderMap, response: &HeaderMap) -> bool {
    let lines = || request.get_all(header::IF_NONE_MATCH).iter();
    if lines().any(|line| line.as_bytes().trim_ascii() == b"*") {
        return true;
    }
    let Some(own) = entity_tag(response) else {
        return false;
    };
    lines().any(|line| tags(line.as_bytes()).any(|tag| tag.matches_weakly(&own)))
}

/// The tags in a list, whose quoted parts may have commas.
fn tags(mut rest: &[u8]) -> impl Iterator<Item = EntityTag<'_>> {
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_ascii_start();
            if rest.is_empty() {
                return None;
            }
            let member;
            (member, rest) = split_member(rest);
            if let Some(tag) = EntityTag::parse(member.trim_ascii()) {
                return Some(tag);
            }
        }
    })
}

/// A member, and what follows the comma behind it.
fn split_member(text: &[u8]) -> (&[u8], &[u8]) {
    let mut quoted = false;
    let end = text.iter().position(|byte| {
        quoted ^= *byte == b'"';
        *byte == b',' && !quoted
    });
    end.map_or((text, &[]), |end| (&text[..end], &text[end + 1..]))
}

/// Leaves out the fields that a 304 has no use for: those of the content that it does not have (RFC 9110 §15.4.5).
pub fn keep_fields_of_not_modified(headers: &mut HeaderMap) {
    for name in [
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::CONTENT_LANGUAGE,
        HeaderName::from_static("content-md5"),
    ] {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{headers, moment};

    const EARLY: &str = "Thu, 01 Jan 1970 00:00:01 GMT";
    const LATE: &str = "Thu, 01 Jan 1970 00:00:02 GMT";

    fn check(request: &[(&'static str, &str)], response: &[(&'static str, &str)]) -> bool {
        is_not_modified(&headers(request), &headers(response), Some(moment(1).wall))
    }

    #[test]
    fn tags_are_compared_weakly_anywhere_in_the_list_rfc_9110_13_1_2() {
        let tag = [("etag", "\"a\"")];
        for list in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "\"x,y\" ,\"a\",", "*"] {
            assert!(check(&[("if-none-match", list)], &tag), "{list}");
        }
        for list in ["\"b\"", "a", "w/\"a\"", "\"b, \"a\"\"", ""] {
            assert!(!check(&[("if-none-match", list)], &tag), "{list}");
        }
        assert!(check(&[("if-none-match", "\"a\"")], &[("etag", "W/\"a\"")]));
    }

    #[test]
    fn if_none_match_counts_before_if_modified_since_rfc_9110_13_2_2() {
        let request = [("if-none-match", "\"b\""), ("if-modified-since", LATE)];
        assert!(!check(
            &request,
            &[("etag", "\"a\""), ("last-modified", EARLY)]
        ));
    }

    #[test]
    fn a_response_that_is_not_newer_is_not_modified_rfc_9111_4_3_2() {
        assert!(check(
            &[("if-modified-since", LATE)],
            &[("last-modified", EARLY)]
        ));
        assert!(check(
            &[("if-modified-since", EARLY)],
            &[("last-modified", EARLY)]
        ));
        assert!(!check(
            &[("if-modified-since", EARLY)],
            &[("last-modified", LATE)]
        ));
        assert!(check(&[("if-modified-since", EARLY)], &[("date", EARLY)]));
        assert!(
            check(&[("if-modified-since", LATE)], &[]),
            "by the time it was received"
        );
        assert!(!check(
            &[("if-modified-since", "yesterday")],
            &[("last-modified", EARLY)]
        ));
    }
}
