//! Cache groups: RFC 9875, and its other spellings `Cache-Tag` and `Surrogate-Key`.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use sfv::visitor::{
    EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ListVisitor, ParameterVisitor,
};
use sfv::{BareItemFromInput, Parser};

use super::list;
use super::targeted::joined;

/// The most groups of one response, eight times what RFC 9875 §2 asks for. A response in more of them is not stored: it
/// could not be invalidated with all of them.
pub const MAX_GROUPS: usize = 256;

/// The longest name of a group, in bytes; RFC 9875 §2 asks for 32.
pub const MAX_GROUP_BYTES: usize = 1024;

const CACHE_GROUPS: HeaderName = HeaderName::from_static("cache-groups");
const CACHE_GROUP_INVALIDATION: HeaderName = HeaderName::from_static("cache-group-invalidation");
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");
const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");

/// The name of a group of stored responses that are invalidated together.
///
/// It is part of a text that it shares with the other groups of its response: a response may be in hundreds, and as many
/// pieces of memory cost more than all else that is done to store it.
#[derive(Clone)]
pub struct CacheGroup {
    text: Arc<str>,
    start: usize,
    end: usize,
}

impl CacheGroup {
    /// The group of this name, which is compared character by character (RFC 9875 §2).
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            text: name.into(),
            start: 0,
            end: name.len(),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text[self.start..self.end]
    }
}

impl PartialEq for CacheGroup {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for CacheGroup {}

impl Hash for CacheGroup {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for CacheGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CacheGroup").field(&self.as_str()).finish()
    }
}

/// The groups that a response is in, each once, in order.
#[must_use]
pub fn groups(response: &HeaderMap) -> Box<[CacheGroup]> {
    let mut names = strings(response, &CACHE_GROUPS);
    for line in response.get_all(CACHE_TAG) {
        list::members(line.as_bytes()).for_each(|tag| names.push_bytes(tag));
    }
    for line in response.get_all(SURROGATE_KEY) {
        let keys = line.as_bytes().split(u8::is_ascii_whitespace);
        keys.filter(|key| !key.is_empty())
            .for_each(|key| names.push_bytes(key));
    }
    let mut groups: Vec<_> = names.into_groups().collect();
    groups.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    groups.dedup();
    groups.into()
}

/// The groups that a response to an unsafe request invalidates (RFC 9875 §3).
#[must_use]
pub fn invalidated_groups(response: &HeaderMap) -> Vec<CacheGroup> {
    let names = strings(response, &CACHE_GROUP_INVALIDATION);
    names.into_groups().collect()
}

/// Whether these are no more groups, and none with a longer name, than are kept track of.
#[must_use]
pub fn are_bounded(groups: &[CacheGroup]) -> bool {
    let is_bounded = |group: &CacheGroup| group.as_str().len() <= MAX_GROUP_BYTES;
    groups.len() <= MAX_GROUPS && groups.iter().all(is_bounded)
}

/// The strings of a structured field; none if it is not a list of just strings (RFC 9875 §2, RFC 9651 §3).
fn strings(response: &HeaderMap, name: &HeaderName) -> Names {
    let Some(field) = joined(response, name) else {
        return Names::default();
    };
    let commas = field.iter().filter(|byte| **byte == b',').count();
    let names = Names {
        text: String::with_capacity(field.len()),
        ends: Vec::with_capacity(commas + 1),
    };
    let parsed = Parser::new(&field).parse_list_with_visitor(names);
    parsed.unwrap_or_default()
}

/// Names of groups, one after the other. As a visitor it takes the strings out of a list as that is read, without whole
/// lists of items with their parameters.
#[derive(Default)]
struct Names {
    text: String,
    ends: Vec<usize>,
}

impl Names {
    fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(self.text.len());
    }

    /// Bytes beyond ASCII are told apart as they are.
    fn push_bytes(&mut self, name: &[u8]) {
        self.text.extend(name.iter().copied().map(char::from));
        self.ends.push(self.text.len());
    }

    fn into_groups(self) -> impl Iterator<Item = CacheGroup> {
        let text: Arc<str> = self.text.into();
        let mut start = 0;
        self.ends.into_iter().map(move |end| {
            let group = CacheGroup {
                text: Arc::clone(&text),
                start,
                end,
            };
            start = end;
            group
        })
    }
}

/// A member of a list is something else.
#[derive(Debug)]
struct NoString;

impl fmt::Display for NoString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member is not a string")
    }
}

impl std::error::Error for NoString {}

impl<'de> ListVisitor<'de> for Names {
    type Out = Self;
    type Error = NoString;

    fn entry(&mut self) -> Result<impl EntryVisitor<'de>, NoString> {
        Ok(self)
    }

    fn finish(self) -> Result<Self, NoString> {
        Ok(self)
    }
}

impl<'de> EntryVisitor<'de> for &mut Names {
    type Error = NoString;

    fn item(self) -> Result<impl ItemVisitor<'de>, NoString> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, NoString> {
        Err::<Ignored, _>(NoString)
    }
}

impl<'de> ItemVisitor<'de> for &mut Names {
    type Out = ();
    type Error = NoString;

    fn bare_item(
        self,
        item: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de, Out = ()>, NoString> {
        let BareItemFromInput::String(text) = item else {
            return Err(NoString);
        };
        self.push(text.as_str());
        Ok(Ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::headers;

    fn of(fields: &[(&'static str, &str)]) -> Vec<String> {
        groups(&headers(fields))
            .iter()
            .map(|group| group.as_str().to_owned())
            .collect()
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
            are_bounded(&groups(&headers(&[("cache-groups", &names.join(", "))])))
        };
        assert!(list(32, 32) && list(MAX_GROUPS, MAX_GROUP_BYTES));
        assert!(!list(MAX_GROUPS + 1, 32) && !list(1, MAX_GROUP_BYTES + 1));
    }
}
