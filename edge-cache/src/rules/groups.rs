//! Cache groups: RFC 9875, and its other spellings `Cache-Tag` and `Surrogate-Key`.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use sfv::{List, ListEntry, Parser};

/// The most groups of one response; more are left out, as RFC 9875 §2.3 allows beyond 32.
pub const MAX_GROUPS: usize = 128;

/// The longest name of a group, in bytes; longer ones are left out, as RFC 9875 §2.3 allows beyond 32.
pub const MAX_GROUP_BYTES: usize = 256;

const CACHE_GROUPS: HeaderName = HeaderName::from_static("cache-groups");
const CACHE_GROUP_INVALIDATION: HeaderName = HeaderName::from_static("cache-group-invalidation");
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");
const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");

/// The name of a group of stored responses that are invalidated together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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

/// The groups that a response belongs to (RFC 9875 §2).
#[must_use]
pub fn groups(response: &HeaderMap) -> Box<[CacheGroup]> {
    let mut groups = structured(response, &CACHE_GROUPS);
    groups.extend(separated(response, &CACHE_TAG, ','));
    groups.extend(separated(response, &SURROGATE_KEY, ' '));
    bounded(groups)
}

/// The groups that the response to an unsafe request invalidates (RFC 9875 §3).
#[must_use]
pub fn invalidated_groups(response: &HeaderMap) -> Box<[CacheGroup]> {
    bounded(structured(response, &CACHE_GROUP_INVALIDATION))
}

fn bounded(mut groups: Vec<CacheGroup>) -> Box<[CacheGroup]> {
    groups.retain(|group| !group.0.is_empty() && group.0.len() <= MAX_GROUP_BYTES);
    let mut seen = std::collections::HashSet::new();
    groups.retain(|group| seen.insert(group.clone()));
    groups.truncate(MAX_GROUPS);
    groups.into()
}

/// A list of strings. A field that is none is ignored as a whole (RFC 9651 §4.2), a member that is no string by itself
/// (RFC 9875 §2).
fn structured(headers: &HeaderMap, name: &HeaderName) -> Vec<CacheGroup> {
    let mut lines = headers.get_all(name).iter();
    let Some(first) = lines.next() else {
        return Vec::new();
    };
    let mut field = first.as_bytes().to_vec();
    for line in lines {
        field.extend_from_slice(b", ");
        field.extend_from_slice(line.as_bytes());
    }
    let list: List = Parser::new(&field).parse().unwrap_or_default();
    let names = list.iter().filter_map(|member| match member {
        ListEntry::Item(item) => item.bare_item.as_string(),
        ListEntry::InnerList(_) => None,
    });
    names.map(|name| CacheGroup::new(name.as_str())).collect()
}

fn separated(headers: &HeaderMap, name: &HeaderName, separator: char) -> Vec<CacheGroup> {
    let lines = headers
        .get_all(name)
        .iter()
        .filter_map(|line| line.to_str().ok());
    let names = lines.flat_map(|line| line.split(separator)).map(str::trim);
    names.map(CacheGroup::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::headers;

    fn names(groups: &[CacheGroup]) -> Vec<&str> {
        groups.iter().map(CacheGroup::as_str).collect()
    }

    #[test]
    fn groups_are_a_list_of_strings_rfc_9875_2() {
        let fields = headers(&[
            ("cache-groups", "\"a b\", c;x=y, \"d\";q=1"),
            ("cache-groups", "\"A B\""),
        ]);
        assert_eq!(names(&groups(&fields)), ["a b", "d", "A B"]);
        assert!(groups(&headers(&[("cache-groups", "\"a")])).is_empty());
    }

    #[test]
    fn other_spellings_name_groups_too() {
        let fields = headers(&[("cache-tag", "a, b"), ("surrogate-key", "c  a")]);
        assert_eq!(names(&groups(&fields)), ["a", "b", "c"]);
    }

    #[test]
    fn groups_beyond_the_bounds_are_left_out_rfc_9875_2_3() {
        let many: Vec<String> = (0..200).map(|number| format!("g{number}")).collect();
        let fields = headers(&[("cache-tag", &many.join(","))]);
        assert_eq!(groups(&fields).len(), MAX_GROUPS);
        let long = "x".repeat(MAX_GROUP_BYTES + 1);
        assert!(groups(&headers(&[("cache-tag", &long)])).is_empty());
    }

    #[test]
    fn an_invalidation_names_groups_rfc_9875_3() {
        let fields = headers(&[("cache-group-invalidation", "\"a\", \"b\"")]);
        assert_eq!(names(&invalidated_groups(&fields)), ["a", "b"]);
    }
}
