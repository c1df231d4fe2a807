//! What caches may keep of the API, and what each write makes them forget (RFC 9111, RFC 9213, RFC 9875).
//!
//! Only what anybody sees is shared: reads without an `Authorization` field that succeed. Such a response says of what
//! it is made, as groups, and the response to a write names the groups of what it has changed. docs/conduit-caching.md
//! has both as tables.

use std::collections::BTreeSet;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use terrace_sdk::Response;
use terrace_sdk::http::header::{AUTHORIZATION, CACHE_CONTROL, VARY};
use terrace_sdk::http::{HeaderName, HeaderValue};

use crate::call::Call;
use crate::limits::{MAX_GROUP_NAME_BYTES, MAX_NAMED_USERS};

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
    /// What is shown of any user: for responses that show too many to name them.
    Users,
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

/// Groups as they are gathered.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    names: BTreeSet<String>,
    users: BTreeSet<i64>,
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
        match group {
            Group::User(id) => {
                self.users.insert(id);
            }
            group => {
                self.names.insert(group.to_string());
            }
        }
    }

    /// A list of strings (RFC 9651 §3.1); `None` if there is none.
    fn into_field(mut self) -> Option<HeaderValue> {
        let users = std::mem::take(&mut self.users);
        if users.len() > MAX_NAMED_USERS {
            self.names.insert(Group::Users.to_string());
        } else {
            self.names
                .extend(users.into_iter().map(|id| format!("user:{id}")));
        }
        let names: Vec<String> = self
            .names
            .into_iter()
            .map(|name| format!("\"{name}\""))
            .collect();
        let field = HeaderValue::try_from(names.join(", "));
        (!names.is_empty()).then(|| field.expect("names are visible ASCII"))
    }
}

impl fmt::Display for Group<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Articles => formatter.write_str("articles"),
            Self::Article(id) => write!(formatter, "article:{id}"),
            Self::Comments(id) => write!(formatter, "comments:{id}"),
            Self::User(id) => write!(formatter, "user:{id}"),
            Self::Users => formatter.write_str("users"),
            Self::Author(name) => write!(formatter, "author:{}", escaped(name)),
            Self::Tag(name) => write!(formatter, "tag:{}", escaped(name)),
            Self::Favorited(name) => write!(formatter, "favorited:{}", escaped(name)),
            Self::Favorites => formatter.write_str("favorites"),
            Self::Tags => formatter.write_str("tags"),
        }
    }
}

/// A name in ASCII. The end of a long one is cut off: two names that then look alike are forgotten together, which does
/// no harm.
fn escaped(name: &str) -> String {
    let mut escaped = utf8_percent_encode(name, PLAIN).to_string();
    escaped.truncate(MAX_GROUP_NAME_BYTES);
    escaped
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
    headers.extend(groups.into_field().map(|groups| (CACHE_GROUPS, groups)));
    response
}

/// The response of a write that has changed these.
pub(crate) fn changed(mut response: Response, groups: Groups) -> Response {
    let groups = groups.into_field();
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

    fn field(groups: Groups) -> String {
        let field = groups.into_field().expect("there are groups");
        field.to_str().unwrap().to_owned()
    }

    #[test]
    fn names_of_any_script_are_visible_ascii() {
        assert_eq!(
            field(Groups::of([
                Group::Tag("日本 \"x\"\\"),
                Group::Author("a-b_c.d")
            ])),
            "\"author:a-b_c.d\", \"tag:%E6%97%A5%E6%9C%AC%20%22x%22%5C\""
        );
    }

    #[test]
    fn long_names_are_cut_alike_wherever_they_come_from() {
        let long = "ü".repeat(MAX_GROUP_NAME_BYTES);
        let name = Group::Tag(&long).to_string();
        assert_eq!(name.len(), "tag:".len() + MAX_GROUP_NAME_BYTES);
        assert_eq!(name, Group::Tag(&(long.clone() + "x")).to_string());
    }

    #[test]
    fn too_many_users_are_named_together() {
        let many = |count: i64| Groups::of((0..count).map(Group::User));
        let most = i64::try_from(MAX_NAMED_USERS).unwrap();
        assert_eq!(field(many(2)), "\"user:0\", \"user:1\"");
        assert!(!field(many(most)).contains("users"));
        assert_eq!(field(many(most + 1)), "\"users\"");
    }

    #[test]
    fn no_groups_are_no_field() {
        assert_eq!(Groups::default().into_field(), None);
    }
}
