//! The work that a response leaves when it has begun, as one future: content is stored and compressed, a response that was
//! served stale is validated, and a stored response is put into the shared level.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::OptionFuture;
use http_body::Body;

use super::Cache;
use super::arrival::ArrivalEnd;
use super::second_level::LevelPut;
use super::tasks::{Revalidation, StoreTarget, Storing, Tasks};
use super::upstream::Upstream;
use crate::encoding::Encoding;
use crate::rules::cache_status::ForwardReason;
use crate::rules::key::CacheKey;

impl<B> Tasks<B> {
    /// A future that does all of the work; `None` if there is none. It is boxed because it is large, nearly always absent,
    /// and moved with each response.
    pub(super) fn into_work<U>(
        self,
        cache: Arc<Cache>,
        upstream: U,
    ) -> Option<impl Future<Output = ()>>
    where
        U: Upstream<Body = B>,
        B: Body<Data = Bytes>,
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
            let level_put = OptionFuture::from(
                self.level_put
                    .map(|level_put| cache.put_in_level(*level_put)),
            );
            futures::join!(storing, encoding, revalidation, level_put);
        }))
    }
}

impl Cache {
    async fn arrive<B: Body<Data = Bytes>>(&self, storing: Storing<B>) {
        let Storing { arrival, target } = storing;
        match arrival.take_while_storable().await {
            Ok(end) => {
                if let Some(level_put) = self.settle(target, end) {
                    self.put_in_level(*level_put).await;
                }
            }
            Err((arrival, excess)) => {
                self.settle(target, ArrivalEnd::NotStored(excess));
                arrival.pass_rest().await;
            }
        }
    }

    async fn encode(&self, (key, encoding): (CacheKey, Encoding)) {
        encoding.run().await;
        self.store.reweigh(&key);
    }

    /// Validates a response that was served stale (RFC 5861 §3).
    async fn revalidate<U>(&self, job: Revalidation, upstream: &U)
    where
        U: Upstream,
    {
        let Revalidation {
            keyed,
            stale,
            leader,
        } = job;
        let asked = self.forward(
            keyed,
            U::Content::default(),
            Some(leader),
            Some(stale),
            ForwardReason::Stale,
            upstream,
        );
        // After a failure the stored response stays as it is.
        let Ok(answer) = asked.await else { return };
        if let Some(storing) = answer.tasks.storing {
            self.arrive(*storing).await;
        }
        if let Some(level_put) = answer.tasks.level_put {
            self.put_in_level(*level_put).await;
        }
    }

    /// Finishes a response whose content has ended: a complete part is stored, a complete whole is weighed, and an incomplete
    /// whole is removed. Returns the put for the shared level.
    pub(super) fn settle(&self, target: StoreTarget, end: ArrivalEnd) -> Option<Box<LevelPut>> {
        let (key, response, level) = match (target, end) {
            (
                StoreTarget::Whole {
                    key,
                    response,
                    level,
                },
                ArrivalEnd::Complete,
            ) => {
                self.store.reweigh(&key);
                (key, response, level)
            }
            (StoreTarget::Whole { key, response, .. }, end) => {
                self.remember_excess(&key, end);
                self.store.remove(&key, &response);
                return None;
            }
            (StoreTarget::Part(part), ArrivalEnd::Complete) => {
                let (key, level) = (part.key.clone(), part.level);
                (key, self.put_part(*part)?, level)
            }
            (StoreTarget::Part(_), _) => return None,
        };
        level.put_for(&key, &response)
    }
}
