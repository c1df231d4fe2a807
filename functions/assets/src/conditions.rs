//! The conditions of a request, judged by the entity tag of the file (RFC 9110 §13). There is no `Last-Modified`, because the
//! files of several servers have different times, so conditions about dates say nothing here.

use terrace_sdk::http::header::{IF_MATCH, IF_NONE_MATCH, IF_RANGE};
use terrace_sdk::http::{HeaderMap, HeaderName};

/// The answer that the conditions lead to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The file, or a part of it.
    Send,
    /// 304: the client has this file.
    NotModified,
    /// 412: the client means another file.
    Failed,
}

/// Judges the conditions in the order of RFC 9110 §13.2.2. `tag` is the file's own, which is strong.
pub(crate) fn judge(headers: &HeaderMap, tag: &str) -> Verdict {
    if matches(headers, &IF_MATCH, |given| given == tag) == Some(false) {
        return Verdict::Failed;
    }
    let weakly = |given: &str| given.strip_prefix("W/").unwrap_or(given) == tag;
    if matches(headers, &IF_NONE_MATCH, weakly) == Some(true) {
        return Verdict::NotModified;
    }
    Verdict::Send
}

/// Whether the client may get a part: it has no other part, or one of this very file (RFC 9110 §13.1.5).
pub(crate) fn allow_part(headers: &HeaderMap, tag: &str) -> bool {
    let given = headers.get(IF_RANGE);
    given.is_none_or(|given| given.as_bytes() == tag.as_bytes())
}

/// Whether one of the listed tags is the file's; `None` without the field. `*` is each tag.
fn matches(
    headers: &HeaderMap,
    field: &HeaderName,
    is_ours: impl Fn(&str) -> bool,
) -> Option<bool> {
    let mut values = headers.get_all(field).iter().peekable();
    values.peek()?;
    let mut texts = values.filter_map(|value| value.to_str().ok());
    Some(texts.any(|text| text.trim() == "*" || listed(text).any(&is_ours)))
}

/// The tags in a list. Ours have no comma, so no tag is cut in two that could match.
fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"abc\"";

    fn check(field: HeaderName, value: &str, expected: &Verdict) {
        let mut headers = HeaderMap::new();
        headers.insert(field, value.parse().unwrap());
        assert_eq!(judge(&headers, TAG), *expected, "{value}");
    }

    #[test]
    fn a_client_that_has_the_file_gets_no_second_one_rfc_9110_13_1_2() {
        for value in ["\"abc\"", "W/\"abc\"", "\"x\", \"abc\"", "*"] {
            check(IF_NONE_MATCH, value, &Verdict::NotModified);
        }
        for value in ["\"x\"", "abc", "\"ab\", \"c\"", ""] {
            check(IF_NONE_MATCH, value, &Verdict::Send);
        }
    }

    #[test]
    fn a_client_that_means_another_file_gets_none_rfc_9110_13_1_1() {
        check(IF_MATCH, "\"abc\"", &Verdict::Send);
        check(IF_MATCH, "*", &Verdict::Send);
        check(IF_MATCH, "\"x\"", &Verdict::Failed);
        check(IF_MATCH, "W/\"abc\"", &Verdict::Failed);
    }

    #[test]
    fn a_part_is_for_those_who_have_another_part_of_the_same_file_rfc_9110_13_1_5() {
        let mut headers = HeaderMap::new();
        assert!(allow_part(&headers, TAG));
        headers.insert(IF_RANGE, TAG.parse().unwrap());
        assert!(allow_part(&headers, TAG));
        for value in ["W/\"abc\"", "\"x\"", "Sat, 29 Oct 1994 19:43:31 GMT"] {
            headers.insert(IF_RANGE, value.parse().unwrap());
            assert!(!allow_part(&headers, TAG), "{value}");
        }
    }
}
