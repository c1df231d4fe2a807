//! A stored response. It does not change, except for its content, which may still arrive, and the mark of a soft purge.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{HeaderMap, StatusCode};

use crate::content::ContentReader;
use crate::encoding::Renditions;
use crate::limits::MIN_COMPRESSED_BYTES;
use crate::rules::Policy;
use crate::rules::groups::{Groups, groups};
use crate::rules::vary::VaryKey;
use crate::{Content, Moment};

/// A stored response to `GET` (RFC 9111 §3).
///
/// Freshening makes a new one that shares the content (§4.3.4), so readers of the old one go on.
#[derive(Debug)]
pub struct StoredResponse {
    /// The final status. A 206 is stored as 200 with a partial [`Representation`].
    pub status: StatusCode,
    /// The fields, without those that §3.1 excludes and without `Age`.
    pub headers: HeaderMap,
    /// Which requests it answers (§4.1).
    pub vary: VaryKey,
    /// The rules for its reuse, read from the fields once.
    pub policy: Policy,
    /// When the request was sent (§4.2.3).
    pub request_time: Moment,
    /// When the response came (§4.2.3).
    pub response_time: Moment,
    /// Its age when it came (§4.2.3).
    pub corrected_initial_age: Duration,
    /// The groups by which it is invalidated (RFC 9875 §2, and its other spellings).
    pub groups: Groups,
    /// Its content.
    pub representation: Representation,
    /// Whether its content may be compressed, and gets smaller.
    pub is_compressible: bool,
    /// The compressed forms of its content.
    pub(crate) renditions: Arc<Renditions>,
    /// Whether a soft purge has marked it stale.
    pub(crate) purged: AtomicBool,
}

/// The content of a stored response, complete or in parts (RFC 9111 §3.3).
#[derive(Clone, Debug)]
pub enum Representation {
    /// All of it; some may still arrive.
    Whole(Arc<Content>),
    /// Ranges of it, in ascending order, which neither overlap nor touch.
    Parts {
        /// The length of the whole, in bytes.
        complete_length: u64,
        /// Each part with the offset of its first byte.
        parts: Arc<[(u64, Arc<Content>)]>,
    },
}

impl StoredResponse {
    /// A response without delay, in the groups that its fields name.
    #[must_use]
    pub fn new(
        status: StatusCode,
        headers: HeaderMap,
        vary: VaryKey,
        policy: Policy,
        received: Moment,
        representation: Representation,
    ) -> Self {
        Self {
            status,
            groups: groups(&headers),
            headers,
            vary,
            policy,
            request_time: received,
            response_time: received,
            corrected_initial_age: Duration::ZERO,
            representation,
            is_compressible: false,
            renditions: Arc::default(),
            purged: AtomicBool::new(false),
        }
    }

    /// Marks it stale: it is validated before its next use, and still serves when the origin fails.
    pub(crate) fn mark_stale(&self) {
        self.purged.store(true, Ordering::Release);
    }

    /// Whether it was marked stale.
    #[must_use]
    pub fn is_marked_stale(&self) -> bool {
        self.purged.load(Ordering::Acquire)
    }

    /// Whether its content can be read: it has neither broken off nor turned out too large.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        match &self.representation {
            Representation::Whole(content) => content.is_readable(),
            Representation::Parts { .. } => true,
        }
    }

    /// The length of the whole representation in bytes, if known.
    #[must_use]
    pub fn complete_length(&self) -> Option<u64> {
        match &self.representation {
            Representation::Whole(content) => content.length(),
            Representation::Parts {
                complete_length, ..
            } => Some(*complete_length),
        }
    }

    /// Whether its content is complete, and shorter than what is compressed.
    pub(crate) fn is_short(&self) -> bool {
        let length = self.complete_length();
        length.is_some_and(|length| length < MIN_COMPRESSED_BYTES)
    }

    /// The content that has all bytes of a range, with the offset of its first byte.
    pub(crate) fn part_with(&self, range: &Range<u64>) -> Option<(u64, &Arc<Content>)> {
        match &self.representation {
            Representation::Whole(content) => Some((0, content)),
            Representation::Parts { parts, .. } => {
                let holds = |start: u64, content: &Content| {
                    let length = content.length().unwrap_or_default();
                    start <= range.start && range.end <= start + length
                };
                let mut parts = parts.iter();
                let found = parts.find(|(start, content)| holds(*start, content))?;
                Some((found.0, &found.1))
            }
        }
    }

    /// Reads the bytes of a range.
    pub(crate) fn reader(&self, range: &Range<u64>) -> Option<ContentReader> {
        let (start, content) = self.part_with(range)?;
        content.reader(range.start - start..range.end.saturating_sub(start))
    }
}
