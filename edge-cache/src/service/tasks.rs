//! What is left to do when a response has begun, as data; [`Tasks::into_work`] makes a future of it.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::OptionFuture;
use http_body::Body;

use super::Cache;
use super::arrival::{Arrival, ArrivalEnd};
use super::forward::LeaderResponse;
use super::lookup::Asking;
use super::second_level::{LevelAsked, Sharing};
use super::upstream::Upstream;
use crate::collapse::Leader;
use crate::encoding::Encoding;
use crate::rules::cache_status::ForwardReason;
use crate::rules::key::CacheKey;
use crate::rules::range::ContentRange;
use crate::rules::vary::VaryKey;
use crate::store::Generation;
use crate::stored_response::StoredResponse;

/// Work of one request, at most one of each kind. Most requests leave none, so it takes little room.
pub(super) struct Tasks<B> {
    pub(super) storing: Option<Box<Storing<B>>>,
    pub(super) encoding: Option<Box<(CacheKey, Encoding)>>,
    pub(super) revalidation: Option<Box<Revalidation>>,
    pub(super) sharing: Option<Box<Sharing>>,
}

/// Content that is still arriving, and what becomes of it.
pub(super) struct Storing<B> {
    pub(super) arrival: Arrival<B>,
    pub(super) sink: Sink,
}

/// What becomes of content when it has arrived.
pub(super) enum Sink {
    /// It is in the store already.
    Whole {
        key: CacheKey,
        response: Arc<StoredResponse>,
        level: LevelAsked,
    },
    /// It is one part of a representation, and stored when all of the part is there.
    Part(Box<ArrivingPart>),
}

/// A part of a representation that is on its way.
pub(super) struct ArrivingPart {
    pub(super) key: CacheKey,
    pub(super) response: StoredResponse,
    /// What the part says it is.
    pub(super) range: ContentRange,
    /// What makes it the answer to the same question only, should it not be what it says.
    pub(super) same_range: Option<VaryKey>,
    pub(super) since: Generation,
    pub(super) level: LevelAsked,
}

/// A response that was served stale, and is to be validated.
pub(super) struct Revalidation {
    pub(super) asking: Asking,
    pub(super) stale: Arc<StoredResponse>,
    pub(super) leader: Leader<LeaderResponse>,
}

impl<B> Default for Tasks<B> {
    fn default() -> Self {
        Self {
            storing: None,
            encoding: None,
            revalidation: None,
            sharing: None,
        }
    }
}

impl<B> Tasks<B> {
    /// Whether nothing is left to do.
    pub(super) fn are_none(&self) -> bool {
        self.storing.is_none()
            && self.encoding.is_none()
            && self.revalidation.is_none()
            && self.sharing.is_none()
    }
}

impl<B: Body<Data = Bytes>> Tasks<B> {
    /// A future that does it all; `None` if nothing is left to do. It is on the heap, because it is large and nearly always
    /// absent, and moves with each response.
    pub(super) fn into_work<U>(
        self,
        cache: Arc<Cache>,
        upstream: U,
    ) -> Option<impl Future<Output = ()>>
    where
        U: Upstream<Body = B>,
    {
        if self.are_none() {
            return None;
        }
        Some(Box::pin(async move {
            let storing = OptionFuture::from(self.storing.map(|storing| cache.arrive(*storing)));
            let encoding =
                OptionFuture::from(self.encoding.map(|encoding| cache.encode(*encoding)));
            let revalidation = OptionFuture::from(
                self.revalidation
                    .map(|job| cache.revalidate(*job, &upstream)),
            );
            let sharing = OptionFuture::from(self.sharing.map(|sharing| cache.share(*sharing)));
            futures::join!(storing, encoding, revalidation, sharing);
        }))
    }
}

impl Cache {
    async fn arrive<B: Body<Data = Bytes>>(&self, storing: Storing<B>) {
        let Storing { arrival, sink } = storing;
        match arrival.take_while_storable().await {
            Ok(end) => {
                if let Some(sharing) = self.settle(sink, end) {
                    self.share(*sharing).await;
                }
            }
            Err((arrival, excess)) => {
                self.settle(sink, ArrivalEnd::NotStored(excess));
                arrival.pass_rest().await;
            }
        }
    }

    async fn encode(&self, (key, encoding): (CacheKey, Encoding)) {
        encoding.run().await;
        self.store.reweigh(&key);
    }

    /// Validates what was served stale (RFC 5861 §3).
    async fn revalidate<U>(&self, job: Revalidation, upstream: &U)
    where
        U: Upstream,
    {
        let Revalidation {
            asking,
            stale,
            leader,
        } = job;
        let asked = self.ask(
            asking,
            U::Content::default(),
            Some(leader),
            Some(stale),
            ForwardReason::Stale,
            upstream,
        );
        // It has failed for those who wait for it, and what is stored stays as it is.
        let Ok(answer) = asked.await else { return };
        if let Some(storing) = answer.tasks.storing {
            self.arrive(*storing).await;
        }
        if let Some(sharing) = answer.tasks.sharing {
            self.share(*sharing).await;
        }
    }

    /// Puts content that has arrived where it belongs. Returns what is to be put into the shared level.
    pub(super) fn settle(&self, sink: Sink, end: ArrivalEnd) -> Option<Box<Sharing>> {
        let (key, response, level) = match (sink, end) {
            (
                Sink::Whole {
                    key,
                    response,
                    level,
                },
                ArrivalEnd::Complete,
            ) => {
                self.store.reweigh(&key);
                (key, response, level)
            }
            (Sink::Whole { key, response, .. }, end) => {
                self.remember_excess(&key, end);
                self.store.remove(&key, &response);
                return None;
            }
            (Sink::Part(part), ArrivalEnd::Complete) => {
                let (key, level) = (part.key.clone(), part.level);
                (key, self.put_part(*part)?, level)
            }
            (Sink::Part(_), _) => return None,
        };
        level.sharing(&key, &response)
    }
}
