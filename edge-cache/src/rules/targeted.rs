//! Targeted cache control (RFC 9213): fields such as `CDN-Cache-Control` for one kind of cache.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use super::directives::ResponseDirectives;

/// The directives of the first field of the list that is present and valid (RFC 9213 §2.2). They replace `Cache-Control` and
/// `Expires`.
#[must_use]
pub fn targeted_directives(
    headers: &HeaderMap,
    target_list: &[HeaderName],
) -> Option<ResponseDirectives> {
    target_list
        .iter()
        .find_map(|name| directives(headers, name))
}

/// The directives of one field; `None` if it is missing, empty or no dictionary (RFC 9213 §2.1).
fn directives(headers: &HeaderMap, name: &HeaderName) -> Option<ResponseDirectives> {
    let dictionary: Dictionary = Parser::new(&joined(headers, name)?).parse().ok()?;
    if dictionary.is_empty() {
        return None;
    }
    let mut directives = ResponseDirectives::default();
    for (key, member) in &dictionary {
        add(&mut directives, key.as_str(), member);
    }
    Some(directives)
}

/// The lines of a field as one (RFC 9651 §4.2).
pub(super) fn joined<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, [u8]>> {
    let mut lines = headers.get_all(name).iter();
    let mut field = Cow::Borrowed(lines.next()?.as_bytes());
    for line in lines {
        let field = field.to_mut();
        field.extend_from_slice(b", ");
        field.extend_from_slice(line.as_bytes());
    }
    Some(field)
}

/// Adds one member, without its parameters.
///
/// A value of the wrong type can't be read. It then counts as the strictest one: zero for a time, and everything for a
/// prohibition.
fn add(directives: &mut ResponseDirectives, name: &str, member: &ListEntry) {
    const UNREADABLE: Option<&[u8]> = Some(b"");
    let value = match member {
        ListEntry::Item(item) => Some(&item.bare_item),
        ListEntry::InnerList(_) => None,
    };
    let name = name.as_bytes();
    match value {
        Some(BareItem::Boolean(false)) => {}
        Some(BareItem::Boolean(true)) => directives.add(name, None),
        Some(BareItem::Integer(seconds)) if takes_seconds(name) => {
            directives.add(name, Some(i64::from(*seconds).to_string().as_bytes()));
        }
        Some(BareItem::String(text)) if !takes_seconds(name) => {
            directives.add(name, Some(text.as_str().as_bytes()));
        }
        _ => directives.add(name, UNREADABLE),
    }
}

fn takes_seconds(name: &[u8]) -> bool {
    matches!(
        name,
        b"max-age" | b"s-maxage" | b"stale-while-revalidate" | b"stale-if-error"
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rules::testing::headers;

    const CDN: HeaderName = HeaderName::from_static("cdn-cache-control");

    fn directives(value: &str) -> Option<ResponseDirectives> {
        targeted_directives(&headers(&[("cdn-cache-control", value)]), &[CDN])
    }

    fn max_age(value: &str) -> Option<u64> {
        directives(value)?.max_age.map(|age| age.as_secs())
    }

    #[test]
    fn a_targeted_field_is_a_dictionary_rfc_9213_2_1() {
        let parsed = directives("foo, max-age=60;a=b, private=\"x\", no-store").unwrap();
        assert_eq!(parsed.max_age, Some(Duration::from_secs(60)));
        assert_eq!(parsed.private.fields(), ["x"]);
        assert!(parsed.no_store);
        assert!(!directives("max-age=60, no-store=?0").unwrap().no_store);
        assert_eq!(
            max_age("max-age=1, max-age=2"),
            Some(2),
            "the last of equal keys counts"
        );
        assert_eq!(max_age("max-age=99999999999"), Some(1 << 31));
    }

    #[test]
    fn lines_are_one_dictionary_rfc_9651_4_2() {
        let fields = headers(&[
            ("cdn-cache-control", "max-age=1"),
            ("cdn-cache-control", "no-store"),
        ]);
        let parsed = targeted_directives(&fields, &[CDN]).unwrap();
        assert!(parsed.no_store && parsed.max_age.is_some());
    }

    #[test]
    fn an_empty_or_invalid_field_is_ignored_rfc_9213_2_1() {
        for value in [
            "",
            "max-age=60, &&&",
            "MAX-AGE=60",
            "max-age =60",
            "max-age= 60",
            "max-age=60,",
        ] {
            assert_eq!(directives(value), None, "{value}");
        }
    }

    #[test]
    fn a_value_of_the_wrong_type_leaves_no_time_and_allows_nothing() {
        for value in [
            "max-age=\"60\"",
            "max-age=60.0",
            "max-age",
            "max-age=-1",
            "max-age=(60)",
            "max-age=@60",
            "max-age=a",
        ] {
            assert_eq!(max_age(value), Some(0), "{value}");
        }
        for value in ["no-cache=(a)", "no-cache=1", "no-cache=a b"] {
            assert!(
                directives(value).is_none_or(|parsed| parsed.no_cache.is_all()),
                "{value}"
            );
        }
        assert!(directives("no-store=1").unwrap().no_store);
    }

    #[test]
    fn the_first_field_of_the_list_that_is_valid_counts_rfc_9213_2_2() {
        let own = HeaderName::from_static("own-cache-control");
        let list = [own, CDN];
        let fields = headers(&[
            ("cdn-cache-control", "max-age=1"),
            ("own-cache-control", "max-age=2"),
        ]);
        let parsed = targeted_directives(&fields, &list).unwrap();
        assert_eq!(parsed.max_age, Some(Duration::from_secs(2)));
        let fields = headers(&[
            ("cdn-cache-control", "max-age=1"),
            ("own-cache-control", "!"),
        ]);
        let parsed = targeted_directives(&fields, &list).unwrap();
        assert_eq!(parsed.max_age, Some(Duration::from_secs(1)));
    }
}
