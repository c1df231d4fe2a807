//! Requests that pass through: those that a cache has nothing to do with, and those for what was not cacheable when it was
//! last asked for.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, Method, Request, Response, header};
use http_body::Body;

use super::{Answer, Cache, ForwardError};
use crate::rules::cache_status::{CacheStatus, ForwardReason};
use crate::rules::key::CacheKey;
use crate::time::Moment;

/// Fields by which a request wants more of the cache than the whole of what is there.
const DEMANDS: [HeaderName; 6] = [
    header::CACHE_CONTROL,
    header::PRAGMA,
    header::RANGE,
    header::IF_RANGE,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
];

impl<E: ForwardError> Cache<E> {
    /// Forwards what the cache has nothing to do with.
    pub(super) async fn pass<F, R, Q, B>(
        &self,
        request: Request<Q>,
        reason: ForwardReason,
        forward: &F,
    ) -> Result<Answer<B, E>, E>
    where
        F: Fn(Request<Q>) -> R,
        R: Future<Output = Result<Response<B>, E>>,
    {
        let response = forward(request).await?;
        Ok(self.forwarded(response, CacheStatus::forwarded(reason)))
    }

    /// Whether a plain request for this key can go [the short way](Self::pass_uncacheable): nothing of it is stored, and
    /// the last response was of no use to others.
    pub(super) fn passes(&self, key: &CacheKey, head: &Parts, now: Moment) -> bool {
        head.method == Method::GET
            && self.uncacheable.contains(key, now)
            && !head.headers.keys().any(|name| DEMANDS.contains(name))
            && self.store.get(key).is_none()
    }

    /// Forwards a request for what is not cacheable, without keeping what storing the response would need: that would cost
    /// as much as a quarter of what a small function takes. If the response is of use to others after all, it is the next
    /// one that is stored.
    pub(super) async fn pass_uncacheable<F, R, Q, B>(
        &self,
        key: CacheKey,
        request: Request<Q>,
        forward: &F,
        now: Moment,
    ) -> Result<Answer<B, E>, E>
    where
        F: Fn(Request<Q>) -> R,
        R: Future<Output = Result<Response<B>, E>>,
        B: Body<Data = Bytes, Error = E>,
    {
        let response = forward(request).await?;
        let status =
            CacheStatus::forwarded(ForwardReason::UriMiss).forward_status(response.status());
        let (head, body) = response.into_parts();
        let allowed = self.response_allows(&head, &body, now);
        let status = match allowed {
            Err(reason) => status.detail(reason.as_str()),
            Ok(()) => {
                self.uncacheable.forget(&key);
                status
            }
        };
        Ok(self.forwarded(Response::from_parts(head, body), status))
    }
}
