//! Caching of responses, and the cache groups that each write invalidates (RFC 9111, RFC 9213, RFC 9875).
//!
//! Only what anybody sees is shared: reads without an `Authorization` field that succeed. Such a response says of what
//! it is made, as groups, and the response to a write names the groups of what it has changed. docs/conduit-caching.md
//! has both as tables.

use std::collections::BTreeSet;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use terrace_sdk::Response;
use terrace_sdk::http::header::{AUTHORIZATION, CACHE_CONTROL, VARY};
use terrace_sdk::http::{HeaderName, HeaderValue};

use crate::call::Call;
use crate::limits::{MAX_GROUP_NAME_BYTES, MAX_NAMED_ARTICLES, MAX_NAMED_TAGS, MAX_NAMED_USERS};

const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");
const CACHE_GROUPS: HeaderName = HeaderName::from_static("cache-groups");
const CACHE_GROUP_INVALIDATION: HeaderName = HeaderName::from_static("cache-group-invalidation");

/// For caches that know nothing of groups, browsers' among them.
const ASK_EACH_TIME: HeaderValue = HeaderValue::from_static("no-cache");

/// For caches that forget by groups. Five minutes bound what a write can leave behind whose response got lost.
const KEEP: HeaderValue =
    HeaderValue::from_static("max-age=300, stale-while-revalidate=60, stale-if-error=86400");

/// For everyone, of what concerns one user.
const KEEP_NOTHING: HeaderValue = HeaderValue::from_static("private, no-store");

/// What need not be escaped in the name of a group.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Something that public responses are made of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Group<'a> {
    /// Which articles there are.
    Articles,
    /// What is shown of an article, in lists as well.
    Article(i64),
    /// The comments under an article.
    Comments(i64),
    /// What is shown of a user, also as an author.
    User(i64),
    /// Which articles are by the user of that name.
    Author(&'a str),
    /// Which articles have that tag.
    Tag(&'a str),
    /// Which articles the user of that name likes.
    Favorited(&'a str),
    /// Which articles anybody likes: in all lists by that, for articles that go.
    Favorites,
    /// Which tags are used, and how often.
    Tags,
}

/// Groups as they are gathered: those of a kind that may be many by themselves.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    names: BTreeSet<String>,
    articles: BTreeSet<String>,
    users: BTreeSet<String>,
    tags: BTreeSet<String>,
}

/// On which side of an invalidation groups stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// What a response is made of.
    Made,
    /// What a write has changed.
    Changed,
}

impl Groups {
    /// These groups.
    pub(crate) fn of<'a>(groups: impl IntoIterator<Item = Group<'a>>) -> Self {
        let mut all = Self::default();
        groups.into_iter().for_each(|group| all.add(group));
        all
    }

    /// Adds a group.
    pub(crate) fn add(&mut self, group: Group<'_>) {
        let kind = match group {
            Group::Article(_) => &mut self.articles,
            Group::User(_) => &mut self.users,
            Group::Tag(_) => &mut self.tags,
            _ => &mut self.names,
        };
        let mut name = group.to_string();
        // Two names that look alike where they are cut are forgotten together, which does no harm.
        name.truncate(MAX_GROUP_NAME_BYTES);
        kind.insert(name);
    }

    /// A list of strings (RFC 9651 §3.1); `None` if there is none.
    ///
    /// A response that is made of too many articles or users says that it is made of any, and a write that changes one
    /// changes that. A write that changes too many tags says that it changes any, and a list by a tag is made of that.
    fn into_field(self, side: Side) -> Option<HeaderValue> {
        let mut names = self.names;
        let (is_made, is_changed) = (side == Side::Made, side == Side::Changed);
        name(
            self.articles,
            MAX_NAMED_ARTICLES,
            "any-article",
            is_changed,
            &mut names,
        );
        name(
            self.users,
            MAX_NAMED_USERS,
            "any-user",
            is_changed,
            &mut names,
        );
        name(self.tags, MAX_NAMED_TAGS, "any-tag", is_made, &mut names);
        let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        let field = HeaderValue::try_from(names.join(", "));
        (!names.is_empty()).then(|| field.expect("names are visible ASCII"))
    }
}

/// Names groups of one kind: one by one up to so many, and by the name for `any` of them where they are more, or always.
fn name(
    groups: BTreeSet<String>,
    most: usize,
    any: &str,
    always_any: bool,
    names: &mut BTreeSet<String>,
) {
    let is_too_many = groups.len() > most;
    if is_too_many || (always_any && !groups.is_empty()) {
        names.insert(any.to_owned());
    }
    if !is_too_many {
        names.extend(groups);
    }
}

impl fmt::Display for Group<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Articles => formatter.write_str("articles"),
            Self::Article(id) => write!(formatter, "article:{id}"),
            Self::Comments(id) => write!(formatter, "comments:{id}"),
            Self::User(id) => write!(formatter, "user:{id}"),
            Self::Author(name) => write!(formatter, "author:{}", escaped(name)),
            Self::Tag(name) => write!(formatter, "tag:{}", escaped(name)),
            Self::Favorited(name) => write!(formatter, "favorited:{}", escaped(name)),
            Self::Favorites => formatter.write_str("favorites"),
            Self::Tags => formatter.write_str("tags"),
        }
    }
}

/// A name in ASCII.
fn escaped(name: &str) -> PercentEncode<'_> {
    utf8_percent_encode(name, PLAIN)
}

/// A response that shared caches may keep until one of its groups changes; unless the request told who asks.
pub(crate) fn shared(call: &Call, mut response: Response, groups: Groups) -> Response {
    // A field without a token is none of ours, and no cache knows that.
    if call.head.headers.contains_key(AUTHORIZATION) {
        return response;
    }
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, ASK_EACH_TIME);
    headers.insert(CDN_CACHE_CONTROL, KEEP);
    headers.extend(
        groups
            .into_field(Side::Made)
            .map(|groups| (CACHE_GROUPS, groups)),
    );
    response
}

/// The response of a write that has changed these.
pub(crate) fn changed(mut response: Response, groups: Groups) -> Response {
    let groups = groups.into_field(Side::Changed);
    let headers = response.headers_mut();
    headers.extend(groups.map(|groups| (CACHE_GROUP_INVALIDATION, groups)));
    response
}

/// Says of every other response that it concerns its client only, and of all of them that they depend on who asks.
pub(crate) fn finish(response: &mut Response) {
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(KEEP_NOTHING);
    headers.append(VARY, HeaderValue::from_static("Authorization"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(groups: Groups) -> String {
        let field = groups.into_field(Side::Made);
        field
            .expect("there are groups")
            .to_str()
            .unwrap()
            .to_owned()
    }

    fn changed(groups: Groups) -> String {
        let field = groups.into_field(Side::Changed);
        field
            .expect("there are groups")
            .to_str()
            .unwrap()
            .to_owned()
    }

    fn many(count: usize, group: impl Fn(i64) -> Group<'static>) -> Groups {
        Groups::of((0..i64::try_from(count).unwrap()).map(group))
    }

    #[test]
    fn names_of_any_script_are_visible_ascii() {
        assert_eq!(
            changed(Groups::of([
                Group::Tag("日本\"\\"),
                Group::Author("a-b_c.d")
            ])),
            "\"author:a-b_c.d\", \"tag:%E6%97%A5%E6%9C%AC%22%5C\""
        );
    }

    #[test]
    fn long_names_are_cut_alike_wherever_they_come_from() {
        let long = "ü".repeat(MAX_GROUP_NAME_BYTES);
        let name = changed(Groups::of([Group::Tag(&long)]));
        assert_eq!(name.len(), MAX_GROUP_NAME_BYTES + 2);
        assert_eq!(name, changed(Groups::of([Group::Tag(&(long + "x"))])));
    }

    #[test]
    fn what_shows_too_many_is_changed_by_any() {
        assert_eq!(made(many(2, Group::User)), "\"user:0\", \"user:1\"");
        assert!(!made(many(MAX_NAMED_USERS, Group::User)).contains("any"));
        assert_eq!(made(many(MAX_NAMED_USERS + 1, Group::User)), "\"any-user\"");
        assert_eq!(changed(many(1, Group::User)), "\"any-user\", \"user:0\"");
        assert_eq!(
            made(many(MAX_NAMED_ARTICLES + 1, Group::Article)),
            "\"any-article\""
        );
        assert_eq!(
            changed(many(1, Group::Article)),
            "\"any-article\", \"article:0\""
        );
    }

    #[test]
    fn what_changes_too_many_tags_changes_all_lists_by_a_tag() {
        let tags: Vec<String> = (0..=MAX_NAMED_TAGS).map(|tag| tag.to_string()).collect();
        let groups = |count: usize| Groups::of(tags[..count].iter().map(|tag| Group::Tag(tag)));
        assert_eq!(made(groups(1)), "\"any-tag\", \"tag:0\"");
        assert!(!changed(groups(MAX_NAMED_TAGS)).contains("any"));
        assert_eq!(changed(groups(MAX_NAMED_TAGS + 1)), "\"any-tag\"");
    }

    /// RFC 9875 §2.3: this many are taken by every cache.
    #[test]
    fn the_most_that_a_field_names_is_32() {
        let mut groups = many(MAX_NAMED_ARTICLES, Group::Article);
        (0..7).for_each(|id| groups.add(Group::User(id)));
        for group in [
            Group::Tag("t"),
            Group::Author("a"),
            Group::Favorited("f"),
            Group::Favorites,
        ] {
            groups.add(group);
        }
        assert_eq!(made(groups).split(", ").count(), 32);
    }

    #[test]
    fn no_groups_are_no_field() {
        assert_eq!(Groups::default().into_field(Side::Made), None);
    }
}
