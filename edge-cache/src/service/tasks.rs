//! The work that a response leaves when it has begun, as data. `background` does it.

use std::sync::Arc;

use super::arrival::Arrival;
use super::forwarding::LeaderResponse;
use super::keyed_request::KeyedRequest;
use super::second_level::{LevelLookup, LevelPut};
use crate::collapse::Leader;
use crate::encoding::Encoding;
use crate::rules::key::CacheKey;
use crate::rules::range::ContentRange;
use crate::rules::vary::VaryKey;
use crate::store::Generation;
use crate::stored_response::StoredResponse;

/// At most one task of each kind. Each is boxed, since most requests leave none.
pub(super) struct Tasks<B> {
    pub(super) storing: Option<Box<Storing<B>>>,
    pub(super) encoding: Option<Box<(CacheKey, Encoding)>>,
    pub(super) revalidation: Option<Box<Revalidation>>,
    pub(super) level_put: Option<Box<LevelPut>>,
}

/// Content that still arrives, and where it goes.
pub(super) struct Storing<B> {
    pub(super) arrival: Arrival<B>,
    pub(super) target: StoreTarget,
}

/// Where content goes when it has arrived.
pub(super) enum StoreTarget {
    /// Its response is in the store already.
    Whole {
        key: CacheKey,
        response: Arc<StoredResponse>,
        level: LevelLookup,
    },
    /// It is a part of a representation, and stored when the part is complete.
    Part(Box<ArrivingPart>),
}

/// A part of a representation that still arrives.
pub(super) struct ArrivingPart {
    pub(super) key: CacheKey,
    pub(super) response: StoredResponse,
    /// The range that its `Content-Range` names.
    pub(super) range: ContentRange,
    /// The key under which it is stored if it turns out to have another length: it then answers the same range request
    /// only.
    pub(super) same_range: Option<VaryKey>,
    pub(super) since: Generation,
    pub(super) level: LevelLookup,
}

/// A response that was served stale and is to be validated.
pub(super) struct Revalidation {
    pub(super) keyed: KeyedRequest,
    pub(super) stale: Arc<StoredResponse>,
    pub(super) leader: Leader<LeaderResponse>,
}

impl<B> Default for Tasks<B> {
    fn default() -> Self {
        Self {
            storing: None,
            encoding: None,
            revalidation: None,
            level_put: None,
        }
    }
}

impl<B> Tasks<B> {
    /// Whether nothing is left to do.
    pub(super) fn are_none(&self) -> bool {
        self.storing.is_none()
            && self.encoding.is_none()
            && self.revalidation.is_none()
            && self.level_put.is_none()
    }
}
