//! What a purge means, and whether a response is meant by it.

use std::sync::Arc;

use crate::rules::groups::{CacheGroup, Groups};
use crate::rules::key::CacheKey;

/// What is to be purged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purge {
    /// All variants of one URL.
    Url(CacheKey),
    /// All URLs that begin so, compared as text: a prefix that names a host ends with `/`, or it means hosts whose names
    /// go on as well.
    Prefix(Arc<str>),
    /// All responses of a group.
    Group {
        /// As in the beginning of the keys, such as `http://example.org:8080`; without it, the group of each origin is
        /// meant (groups of different origins are different ones, RFC 9875 §2).
        origin: Option<Arc<str>>,
        /// Its name.
        group: CacheGroup,
    },
    /// Everything.
    All,
}

/// What becomes of what is purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PurgeMode {
    /// It is marked stale: validated before it is used again, but still there when the origin is not.
    Soft,
    /// It is removed.
    Hard,
}

impl Purge {
    /// Whether a response with this key and these groups is meant.
    pub(super) fn means(&self, key: &CacheKey, groups: &Groups) -> bool {
        match self {
            Self::Url(url) => url == key,
            Self::Prefix(prefix) => key.as_str().starts_with(&**prefix),
            Self::Group {
                origin: wanted,
                group,
            } => {
                let is_of_origin = || {
                    wanted
                        .as_deref()
                        .is_none_or(|wanted| wanted == origin(key.as_str()))
                };
                groups.contains(group) && is_of_origin()
            }
            Self::All => true,
        }
    }
}

/// The scheme and authority of a key.
pub(super) fn origin(key: &str) -> &str {
    let authority = key.find("://").map_or(0, |scheme| scheme + 3);
    let path = key[authority..].find('/');
    path.map_or(key, |path| &key[..authority + path])
}
