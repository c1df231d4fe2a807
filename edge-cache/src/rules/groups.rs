//! Cache groups: RFC 9875, and its other spellings `Cache-Tag` and `Surrogate-Key`.

use std::borrow::Cow;
use std::mem;
use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use sfv::{BareItem, List, ListEntry, Parser};

use super::list;
use super::targeted::joined;
use crate::limits::{MAX_GROUP_BYTES, MAX_GROUPS};

const CACHE_GROUPS: HeaderName = HeaderName::from_static("cache-groups");
const CACHE_GROUP_INVALIDATION: HeaderName = HeaderName::from_static("cache-group-invalidation");
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");
const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");

/// The name of a group of stored responses that are invalidated together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheGroup(Arc<str>);

impl CacheGroup {
    /// The group of this name, which is compared character by character (RFC 9875 §2).
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The groups that a response is in, each once, in order. Cloning is cheap.
///
/// The names are one text. A response may be in hundreds of groups, and an allocation for each would cost more than all
/// other work to store it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    text: Arc<str>,
    /// Where each name ends.
    ends: Arc<[usize]>,
}

impl Groups {
    fn of(mut names: Vec<Cow<'_, str>>) -> Self {
        names.sort_unstable();
        names.dedup();
        let mut text = String::with_capacity(names.iter().map(|name| name.len()).sum());
        let ends = names.iter().map(|name| {
            text.push_str(name);
            text.len()
        });
        Self {
            ends: ends.collect(),
            text: text.into(),
        }
    }

    /// Their names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends
            .iter()
            .map(move |end| &self.text[mem::replace(&mut start, *end)..*end])
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// Whether a group is among them.
    #[must_use]
    pub fn contains(&self, group: &CacheGroup) -> bool {
        self.iter().any(|name| name == group.as_str())
    }

    /// The memory that they take, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.text.len() + size_of_val(&*self.ends)
    }

    /// Whether they are within [`MAX_GROUPS`] and [`MAX_GROUP_BYTES`].
    #[must_use]
    pub fn are_bounded(&self) -> bool {
        self.count() <= MAX_GROUPS && self.iter().all(|name| name.len() <= MAX_GROUP_BYTES)
    }
}

/// The groups that a response is in.
#[must_use]
pub fn groups(response: &HeaderMap) -> Groups {
    let field = joined(response, &CACHE_GROUPS).unwrap_or_default();
    let mut names = strings(&field);
    for line in response.get_all(CACHE_TAG) {
        names.extend(list::members(line.as_bytes()).map(characters));
    }
    for line in response.get_all(SURROGATE_KEY) {
        let keys = line.as_bytes().split(u8::is_ascii_whitespace);
        names.extend(keys.filter(|key| !key.is_empty()).map(characters));
    }
    Groups::of(names)
}

/// The groups that a response to an unsafe request invalidates (RFC 9875 §3).
#[must_use]
pub fn invalidated_groups(response: &HeaderMap) -> Vec<CacheGroup> {
    let field = joined(response, &CACHE_GROUP_INVALIDATION).unwrap_or_default();
    let names = strings(&field);
    names.iter().map(|name| CacheGroup::new(name)).collect()
}

/// Bytes beyond ASCII are compared unchanged.
fn characters(name: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(name) {
        Ok(name) if name.is_ascii() => Cow::Borrowed(name),
        _ => Cow::Owned(name.iter().copied().map(char::from).collect()),
    }
}

/// The strings of a structured field; none if it is not a list of just strings (RFC 9875 §2, RFC 9651 §3).
fn strings(field: &[u8]) -> Vec<Cow<'_, str>> {
    plain_strings(field).unwrap_or_else(|| parsed_strings(field).unwrap_or_default())
}

/// The strings of a list in its usual form: only strings without escapes, and one space after each comma. `None` for any
/// other list. It takes a tenth of the time of the general parser, which took half of the time to judge a response in twenty
/// groups.
fn plain_strings(field: &[u8]) -> Option<Vec<Cow<'_, str>>> {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    let mut rest = str::from_utf8(field).ok()?;
    let mut strings = Vec::new();
    loop {
        rest = rest.strip_prefix('"')?;
        let end = rest.bytes().position(|byte| !is_plain(byte))?;
        strings.push(Cow::Borrowed(&rest[..end]));
        rest = rest[end..].strip_prefix('"')?;
        if rest.is_empty() {
            return Some(strings);
        }
        rest = rest.strip_prefix(", ")?;
    }
}

/// The strings of any list, by the algorithm of RFC 9651 §4.2.
fn parsed_strings(field: &[u8]) -> Option<Vec<Cow<'_, str>>> {
    let list: List = Parser::new(field).parse().ok()?;
    let strings = list.into_iter().map(|member| match member {
        ListEntry::Item(item) => match item.bare_item {
            BareItem::String(text) => Some(Cow::Owned(String::from(text))),
            _ => None,
        },
        ListEntry::InnerList(_) => None,
    });
    strings.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rules::testing::headers;

    fn of(fields: &[(&'static str, &str)]) -> Vec<String> {
        let groups = groups(&headers(fields));
        groups.iter().map(str::to_owned).collect()
    }

    #[test]
    fn groups_are_a_list_of_strings_rfc_9875_2() {
        assert_eq!(
            of(&[("cache-groups", "\"b\", \"a, c\";x=1, \"b\"")]),
            ["a, c", "b"]
        );
        assert_eq!(
            of(&[("cache-groups", "\"a\""), ("cache-groups", "\"A\"")]),
            ["A", "a"]
        );
    }

    #[test]
    fn a_field_that_is_no_list_of_strings_is_ignored_rfc_9651_4_2() {
        for value in ["a", "\"a\", b", "\"a\", 1", "(\"a\")", "\"a", "\"a\",", ""] {
            assert_eq!(of(&[("cache-groups", value)]), [""; 0], "{value}");
        }
    }

    proptest! {
        #[test]
        fn plain_lists_are_read_as_the_standard_has_it_rfc_9651_4_2(
            field in "(\"[ -~&&[^\\\\]]{0,3}\"(, ?)?){0,4}|[ \",\\\\a\u{e9};]{0,9}"
        ) {
            if let Some(plain) = plain_strings(field.as_bytes()) {
                prop_assert_eq!(Some(plain), parsed_strings(field.as_bytes()), "{}", field);
            }
        }
    }

    #[test]
    fn lists_as_they_are_usually_written_need_no_parser() {
        for (field, names) in [("\"\"", vec![""]), ("\"a\", \"b c\"", vec!["a", "b c"])] {
            assert_eq!(
                plain_strings(field.as_bytes()),
                Some(names.into_iter().map(Cow::from).collect())
            );
        }
        for field in [
            "",
            "\"",
            "\"a",
            "a\"",
            "\"a\",\"b\"",
            "\"\\\"\"",
            "\"a\";b",
            "\"\u{e9}\"",
        ] {
            assert_eq!(plain_strings(field.as_bytes()), None, "{field}");
        }
    }

    #[test]
    fn tags_and_keys_are_groups_too() {
        assert_eq!(
            of(&[
                ("cache-tag", "a, b c,,"),
                ("surrogate-key", "d  e"),
                ("cache-groups", "\"a\"")
            ]),
            ["a", "b c", "d", "e"]
        );
    }

    #[test]
    fn invalidated_groups_are_a_list_of_strings_rfc_9875_3() {
        let invalidated =
            |value: &str| invalidated_groups(&headers(&[("cache-group-invalidation", value)]));
        assert_eq!(
            invalidated("\"a\", \"b\";c"),
            [CacheGroup::new("a"), CacheGroup::new("b")]
        );
        assert_eq!(invalidated("a"), []);
    }

    #[test]
    fn the_standard_asks_for_32_groups_of_32_characters_rfc_9875_2() {
        let list = |count: usize, length: usize| {
            let names: Vec<_> = (0..count)
                .map(|index| format!("\"{index:0length$}\""))
                .collect();
            groups(&headers(&[("cache-groups", &names.join(", "))])).are_bounded()
        };
        assert!(list(32, 32) && list(MAX_GROUPS, MAX_GROUP_BYTES));
        assert!(!list(MAX_GROUPS + 1, 32) && !list(1, MAX_GROUP_BYTES + 1));
    }
}
