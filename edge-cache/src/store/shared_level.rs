//! A second level that several caches share, such as a database in memory.
//!
//! It is asked before a forward, given what was stored, and told what was purged. A cache purges its own memory itself, and
//! hears from the level what others have purged.

#[cfg(test)]
pub(crate) mod memory;

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;

use super::{Generation, Purge, PurgeMode};
use crate::rules::groups::Groups;
use crate::rules::key::CacheKey;

/// What a shared level answers with, sooner or later.
pub type SharedFuture<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, SharedLevelError>> + Send + 'a>>;

/// A shared level that could not be asked. The request goes on as if nothing was stored there.
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

/// What a shared level has under a key.
#[derive(Clone, Debug)]
pub struct SharedLookup {
    /// The level's present generation, to be given back with the response that is put there.
    pub generation: Generation,
    /// The responses, newest first.
    pub responses: Vec<SharedResponse>,
}

/// A stored response as a shared level keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedResponse {
    /// What tells it from the other variants of its key: equal for equal ones.
    pub variant: Bytes,
    /// The response itself.
    pub encoded: Bytes,
    /// Whether a soft purge has marked it stale there.
    pub is_marked_stale: bool,
}

/// What was purged from a shared level.
#[derive(Clone, Debug)]
pub struct SharedPurges {
    /// The level's generation after them.
    pub generation: Generation,
    /// In order.
    pub purges: Vec<(Purge, PurgeMode)>,
}

/// A second level that several caches share.
pub trait SharedLevel: Send + Sync + 'static {
    /// What is there under a key.
    fn get<'a>(&'a self, key: &'a CacheKey) -> SharedFuture<'a, SharedLookup>;

    /// Keeps a response for at most so long, in the place of an equal variant. It is not kept if it was invalidated
    /// since the lookup that came before the request was forwarded; returns whether it is.
    fn put<'a>(
        &'a self,
        key: &'a CacheKey,
        groups: &'a Groups,
        response: SharedResponse,
        keep_for: Duration,
        since: Generation,
    ) -> SharedFuture<'a, bool>;

    /// The purges after a generation, whichever cache they came from; waits until there is one. A level that does not
    /// remember all of them says that everything was purged.
    fn purges_after(&self, generation: Generation) -> SharedFuture<'_, SharedPurges>;

    /// Removes or marks what is there, and keeps what is under way from being put there. Returns how many responses that
    /// were.
    fn purge<'a>(&'a self, what: &'a Purge, mode: PurgeMode) -> SharedFuture<'a, u64>;
}
