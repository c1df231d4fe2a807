//! What a purge means, and whether a response is meant by it.

use std::sync::Arc;

use crate::rules::groups::{CacheGroup, Groups};
use crate::rules::key::CacheKey;

/// What is to be purged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purge {
    /// All variants of one URL.
    Url(CacheKey),
    /// All variants of one path and query, such as `/a?b=c`, of every scheme and host: for servers whose host names are
    /// names of the same thing.
    Path(Arc<str>),
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
    /// The same path and query as a key has, of every scheme and host.
    #[must_use]
    pub fn path_of(key: &CacheKey) -> Self {
        Self::Path(key.path_and_query().into())
    }

    /// Whether a response with this key and these groups is meant.
    pub(super) fn means(&self, key: &CacheKey, groups: &Groups) -> bool {
        match self {
            Self::Url(url) => url == key,
            Self::Path(wanted) => key.path_and_query() == &**wanted,
            Self::Prefix(prefix) => key.as_str().starts_with(&**prefix),
            Self::Group {
                origin: wanted,
                group,
            } => {
                let is_of_origin = wanted
                    .as_deref()
                    .is_none_or(|wanted| wanted == key.origin());
                is_of_origin && groups.contains(group)
            }
            Self::All => true,
        }
    }
}
