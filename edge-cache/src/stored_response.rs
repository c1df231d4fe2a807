//! What is kept of one exchange: immutable but for its content, which may still arrive, and its mark.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{HeaderMap, StatusCode};

use crate::rules::Policy;
use crate::rules::groups::CacheGroup;
use crate::rules::vary::VaryKey;
use crate::{Content, Moment};

/// A response to `GET`, as it is kept (RFC 9111 §3).
///
/// Validation makes a new one that shares the content (§4.3.4), so a reader's stays as it was.
#[derive(Debug)]
pub struct StoredResponse {
    /// The final status; 206 is kept as 200 with a partial [`Representation`].
    pub status: StatusCode,
    /// The fields, without those that §3.1 leaves out, without `Age`.
    pub headers: HeaderMap,
    /// Which requests it answers (§4.1).
    pub vary: VaryKey,
    /// What the fields say about storing and reusing it, judged once.
    pub policy: Policy,
    /// When the request was sent (§4.2.3).
    pub request_time: Moment,
    /// When the response came (§4.2.3).
    pub response_time: Moment,
    /// Its age when it came (§4.2.3).
    pub corrected_initial_age: Duration,
    /// What it is invalidated with (RFC 9875 §2, and its other spellings).
    pub groups: Box<[CacheGroup]>,
    /// Its content.
    pub representation: Representation,
    /// Whether a soft purge has marked it stale.
    pub(crate) purged: AtomicBool,
}

/// The content of a stored response, complete or in parts (RFC 9111 §3.3).
#[derive(Clone, Debug)]
pub enum Representation {
    /// All of it, though some may still be arriving.
    Whole(Arc<Content>),
    /// Ranges of it, in ascending order, which neither overlap nor touch.
    Parts {
        /// The length of the whole in bytes, which is always known.
        complete_length: u64,
        /// Each part with the offset of its first byte.
        parts: Arc<[(u64, Arc<Content>)]>,
    },
}

impl StoredResponse {
    /// Marks it stale: it is validated before it is used again, but still serves where stale responses may.
    pub(crate) fn mark_stale(&self) {
        self.purged.store(true, Ordering::Release);
    }

    /// Whether it was marked stale.
    #[must_use]
    pub fn is_marked_stale(&self) -> bool {
        self.purged.load(Ordering::Acquire)
    }
}
