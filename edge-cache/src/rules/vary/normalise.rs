//! Normal forms of field values: equal for some values that mean the same (RFC 9111 §4.1), and never for others.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, header};

use crate::rules::list;
use crate::rules::weight::{LARGEST_WEIGHT, weighted};

/// Fields that are not lists, in which space around commas may have a meaning.
const NO_LISTS: [HeaderName; 8] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::CONTENT_TYPE,
    header::HOST,
    header::ORIGIN,
    header::REFERER,
    header::USER_AGENT,
    header::FROM,
];

/// Fields whose members have weights, so that their order has no meaning, and neither has case (RFC 9110 §12.4.2,
/// §12.5.3, §12.5.4).
const WEIGHTED: [HeaderName; 3] = [
    header::ACCEPT_CHARSET,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
];

/// The lines of a field as one (RFC 9110 §5.3); `None` if it is not there.
pub(super) fn combined<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, [u8]>> {
    let mut lines = headers
        .get_all(name)
        .iter()
        .map(http::HeaderValue::as_bytes);
    let mut all = Cow::Borrowed(lines.next()?);
    for line in lines {
        let all = all.to_mut();
        all.extend_from_slice(b", ");
        all.extend_from_slice(line);
    }
    Some(all)
}

/// The normal form of a value. A normal form is its own.
pub(super) fn normalised(name: &HeaderName, value: &[u8]) -> Vec<u8> {
    let value = value.trim_ascii();
    // After a quote that is not closed, a comma has no clear meaning.
    if NO_LISTS.contains(name) || !list::is_balanced(value) {
        return value.to_vec();
    }
    if WEIGHTED.contains(name)
        && let Some(members) = weighted_members(value)
    {
        return members;
    }
    // Empty members stay, since they may have a meaning in a field that is not a list.
    let members: Vec<_> = list::members_and_gaps(value).collect();
    members.join(&b',')
}

/// The members in order, in lower case, with their weights in one spelling. `None` if one can't be read.
fn weighted_members(value: &[u8]) -> Option<Vec<u8>> {
    let member = |(what, weight)| match weight {
        LARGEST_WEIGHT => what,
        _ => format!("{what};q=0.{weight:03}"),
    };
    let members = list::members(value).map(|text| weighted(text).map(member));
    let mut members: Vec<String> = members.collect::<Option<_>>()?;
    members.sort_unstable();
    Some(members.join(",").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::headers;

    fn value(name: &'static str, lines: &[&str]) -> Vec<u8> {
        let fields: Vec<_> = lines.iter().map(|line| (name, *line)).collect();
        let name = HeaderName::from_static(name);
        let normal = normalised(&name, &combined(&headers(&fields), &name).unwrap());
        assert_eq!(
            normalised(&name, &normal),
            normal,
            "a normal form is its own"
        );
        normal
    }

    #[test]
    fn what_may_mean_something_else_stays_rfc_9111_4_1() {
        for (one, other) in [
            ("1 2", "12"),
            ("a", "A"),
            ("1,2", "2,1"),
            ("1,,2", "1,2"),
            ("\"a, b\"", "\"a,b\""),
            ("\"a, b", "\"a,b"),
            ("1", "1, 1"),
        ] {
            assert_ne!(
                value("foo", &[one]),
                value("foo", &[other]),
                "{one} {other}"
            );
        }
        assert_ne!(value("foo", &["\"a", "b\""]), value("foo", &["\"a,b\""]));
        for name in ["cookie", "user-agent"] {
            assert_ne!(value(name, &["a, b"]), value(name, &["a,b"]), "{name}");
        }
    }

    #[test]
    fn languages_are_compared_without_case_order_and_space_rfc_9110_12_5_4() {
        let languages = |line: &str| value("accept-language", &[line]);
        assert_eq!(languages("en, de"), languages("de, en"));
        assert_eq!(languages("en, de"), languages(" eN ,   De"));
        assert_eq!(languages("en, DE;q=0.5"), languages("de; q=0.500,EN;q=1.0"));
        assert_ne!(languages("en, de;q=0.5"), languages("en;q=0.5, de"));
        assert_ne!(languages("en;q=0"), languages("en"));
        assert_ne!(languages("en;q=2"), languages("en"));
        assert_ne!(languages("en;q=0.05"), languages("en;q=0.5"));
    }

    #[test]
    fn codings_are_compared_without_case_and_order_rfc_9110_12_5_3() {
        let codings = |line: &str| value("accept-encoding", &[line]);
        assert_eq!(codings("gzip, br"), codings("BR,gzip;q=1"));
        assert_ne!(codings("gzip, br"), codings("gzip"));
    }
}
