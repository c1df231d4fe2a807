//! Cache groups: RFC 9875, and its other spellings `Cache-Tag` and `Surrogate-Key`.

use std::sync::Arc;

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
