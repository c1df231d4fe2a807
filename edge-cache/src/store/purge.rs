//! The targets of a purge, and whether a response is among them.

use std::sync::Arc;

use crate::rules::groups::{CacheGroup, Groups};
use crate::rules::key::CacheKey;

/// What is to be purged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purge {
    /// All variants of one URL.
    Url(CacheKey),
    /// All variants of one path and query, such as `/a?b=c`, of every scheme and host: for a server that answers the same
    /// under each of its host names.
    Path(Arc<str>),
    /// All URLs with a prefix, compared as text. A prefix that names a host has to end with `/`, or it includes hosts with
    /// longer names.
    Prefix(Arc<str>),
    /// All responses of a group.
    Group {
        /// The origin as in keys, such as `http://example.org:8080`. `None` for the group of this name of each origin
        /// (RFC 9875 §2).
        origin: Option<Arc<str>>,
        /// Its name.
        group: CacheGroup,
    },
    /// Everything.
    All,
}

/// What a purge does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PurgeMode {
    /// It marks responses stale: they are validated before their next use, and still serve when the origin fails.
    Soft,
    /// It removes responses.
    Hard,
}

impl Purge {
    /// The same path and query as a key has, of every scheme and host.
    #[must_use]
    pub fn path_of(key: &CacheKey) -> Self {
        Self::Path(key.path_and_query().into())
    }

    /// What it takes in memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let texts = match self {
            Self::Url(key) => key.as_str().len(),
            Self::Path(text) | Self::Prefix(text) => text.len(),
            Self::Group { origin, group } => {
                origin.as_ref().map_or(0, |origin| origin.len()) + group.as_str().len()
            }
            Self::All => 0,
        };
        size_of::<Self>() + texts
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
