//! Targeted cache control (RFC 9213): fields such as `CDN-Cache-Control` that speak to one kind of cache.

use http::{HeaderMap, HeaderName};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use super::directives::ResponseDirectives;

/// What the first targeted field of the list says that is there and valid (RFC 9213 §2.2). It then counts in place of
/// `Cache-Control` and `Expires`.
#[must_use]
pub fn targeted_directives(
    headers: &HeaderMap,
    target_list: &[HeaderName],
) -> Option<ResponseDirectives> {
    target_list.iter().find_map(|name| valid(headers, name))
}

/// The directives of one field; `None` if it is missing, empty or invalid (RFC 9213 §2.1).
fn valid(headers: &HeaderMap, name: &HeaderName) -> Option<ResponseDirectives> {
    let mut lines = headers.get_all(name).iter();
    let mut field = lines.next()?.as_bytes().to_vec();
    for line in lines {
        field.extend_from_slice(b", ");
        field.extend_from_slice(line.as_bytes());
    }
    let dictionary: Dictionary = Parser::new(&field).parse().ok()?;
    if dictionary.is_empty() {
        return None;
    }
    let mut directives = ResponseDirectives::default();
    for (key, member) in &dictionary {
        let ListEntry::Item(item) = member else {
            continue;
        };
        add(&mut directives, key.as_str(), &item.bare_item)?;
    }
    Some(directives)
}

/// Takes in one member. `None` if its value is of another type than the directive's, which makes the field invalid: what
/// was meant is unknown, and `Cache-Control` says it for sure.
fn add(directives: &mut ResponseDirectives, name: &str, value: &BareItem) -> Option<()> {
    let takes_seconds = matches!(
        name,
        "max-age" | "s-maxage" | "stale-while-revalidate" | "stale-if-error"
    );
    match value {
        BareItem::Integer(seconds) if takes_seconds => {
            let seconds = i64::from(*seconds).to_string();
            directives.add(name, Some(&seconds));
        }
        _ if takes_seconds => return None,
        BareItem::Boolean(true) => directives.add(name, None),
        BareItem::String(fields) if matches!(name, "no-cache" | "private") => {
            directives.add(name, Some(fields.as_str()));
        }
        _ => {}
    }
    Some(())
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

    #[test]
    fn a_targeted_field_is_a_dictionary_rfc_9213_2_1() {
        let parsed = directives("foo, max-age=60;a=b, private=\"x\", no-store").unwrap();
        assert_eq!(parsed.max_age, Some(Duration::from_secs(60)));
        assert_eq!(parsed.private.fields(), ["x"]);
        assert!(parsed.no_store);
        assert!(!directives("max-age=60, no-store=?0").unwrap().no_store);
    }

    #[test]
    fn an_invalid_or_empty_field_is_ignored_rfc_9213_2_1() {
        for value in [
            "",
            "max-age=60, &&&",
            "max-age=\"60\"",
            "max-age=1.5",
            "MAX-AGE=60",
            "max-age =60",
        ] {
            assert_eq!(directives(value), None, "{value}");
        }
        assert_eq!(
            directives("max-age=-1").unwrap().max_age,
            Some(Duration::ZERO)
        );
    }

    #[test]
    fn the_first_field_of_the_list_that_is_valid_counts_rfc_9213_2_2() {
        let fields = headers(&[
            ("cdn-cache-control", "max-age=1"),
            ("own-cache-control", "max-age=2"),
        ]);
        let own = HeaderName::from_static("own-cache-control");
        let parsed = targeted_directives(&fields, &[own.clone(), CDN]).unwrap();
        assert_eq!(parsed.max_age, Some(Duration::from_secs(2)));
        let fields = headers(&[
            ("cdn-cache-control", "max-age=1"),
            ("own-cache-control", "!"),
        ]);
        let parsed = targeted_directives(&fields, &[own, CDN]).unwrap();
        assert_eq!(parsed.max_age, Some(Duration::from_secs(1)));
    }
}
