//! A second level that several caches share, such as a database in memory.
//!
//! A cache looks there before a forward, puts stored responses there, and tells it about purges. From the level it learns
//! what other caches purge.

#[cfg(test)]
pub(crate) mod memory;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Generation, Purge, PurgeMode};
use crate::rules::groups::Groups;
use crate::rules::key::CacheKey;

/// The answer of a shared level.
pub type SharedFuture<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, SharedLevelError>> + Send + 'a>>;

/// A shared level that failed. The request goes on as if nothing was stored there.
#[derive(Debug)]
pub struct SharedLevelError(pub Box<dyn std::error::Error + Send + Sync>);

impl std::fmt::Display for SharedLevelError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the shared level of the cache failed: {}", self.0)
    }
}

impl std::error::Error for SharedLevelError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

/// The responses of a shared level under a key.
#[derive(Clone, Debug)]
pub struct SharedLookup {
    /// The level's present generation, for the put that may follow.
    pub generation: Generation,
    /// The responses, newest first.
    pub responses: Vec<SharedResponse>,
}

/// A stored response as a shared level keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedResponse {
    /// The variant: equal for responses that replace each other.
    pub variant: Bytes,
    /// The response itself.
    pub encoded: Bytes,
    /// Whether a soft purge has marked it stale there.
    pub is_marked_stale: bool,
}

/// A place in the log of a level's purges, which caches can tell each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPosition {
    /// The name of the log. A level that has forgotten its purges begins another one.
    pub log: Arc<str>,
    /// The number of a purge. Later ones have greater numbers.
    pub number: u64,
}

/// Purges of a shared level.
#[derive(Clone, Debug)]
pub struct SharedPurges {
    /// The level's generation after them.
    pub generation: Generation,
    /// In order.
    pub purges: Vec<(Purge, PurgeMode)>,
}

/// A second level that several caches share.
pub trait SharedLevel: Send + Sync + 'static {
    /// Its word in `Cache-Status`, for a response that comes from it.
    fn name(&self) -> &'static str {
        "shared-level"
    }

    /// The responses under a key.
    fn get<'a>(&'a self, key: &'a CacheKey) -> SharedFuture<'a, SharedLookup>;

    /// Stores a response for at most `keep_for`, in the place of an equal variant. It is not stored if it was invalidated
    /// after `since`, the generation of the lookup before the forward. Returns whether it is stored.
    fn put<'a>(
        &'a self,
        key: &'a CacheKey,
        groups: &'a Groups,
        response: SharedResponse,
        keep_for: Duration,
        since: Generation,
    ) -> SharedFuture<'a, bool>;

    /// The purges of all caches after a generation; waits until there is one, or for a while. A level that has forgotten some of
    /// them answers [`Purge::All`]. With each call, the cache confirms that it has done what the last one returned.
    fn purges_after(&self, generation: Generation) -> SharedFuture<'_, SharedPurges>;

    /// Whether this cache has been told of all purges of others up to a moment ago. While it has not, no response in memory counts
    /// as fresh.
    fn is_followed(&self) -> bool;

    /// Removes responses or marks them stale, in order, and returns the place of the last one in the log. A response whose request is
    /// under way is not stored.
    fn purge<'a>(&'a self, purges: &'a [(Purge, PurgeMode)]) -> SharedFuture<'a, LogPosition>;
}
