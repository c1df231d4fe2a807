//! The cache key (RFC 9111 §2): what makes two requests ask for the same resource.

use std::sync::Arc;

/// The target URI of `GET`, in a form that is compared character by character.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheKey(Arc<str>);

impl CacheKey {
    /// The key of a target URI. `None` if it has no scheme, no host, or user information.
    #[must_use]
    pub fn new(target: &http::Uri) -> Option<Self> {
        let scheme = target.scheme_str()?;
        let authority = target.authority()?.as_str();
        let path = target.path_and_query().map_or("/", |path| path.as_str());
        Some(Self(format!("{scheme}://{authority}{path}").into()))
    }

    /// The URI as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
