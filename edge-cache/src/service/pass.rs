//! Requests that pass by: those that a cache has nothing to do with, and those for what was not cacheable when it was last
//! asked for.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;

use super::upstream::Upstream;
use super::{Answer, Cache};
use crate::rules::cache_status::{CacheStatus, ForwardReason};
use crate::rules::key::CacheKey;
use crate::time::Moment;

/// A plain `GET` for what was not cacheable when it was last asked for, and of which nothing is stored.
#[derive(Debug)]
pub struct Passing {
    key: CacheKey,
    now: Moment,
}

impl Cache {
    /// Tells with the response to a request that has passed by that it has, and looks whether it is cacheable now: then it
    /// is the next one that is stored. Fields of the connection stay.
    pub fn passed<B>(&self, passing: &Passing, response: Response<B>) -> (Response<B>, CacheStatus)
    where
        B: Body<Data = Bytes>,
    {
        let (mut head, body) = response.into_parts();
        let status = CacheStatus::forwarded(ForwardReason::UriMiss).forward_status(head.status);
        let status = match self.response_allows(&head, &body, passing.now) {
            Err(reason) => status.detail(reason.as_str()),
            Ok(()) => {
                let length_is_known = body.size_hint().exact().is_some();
                self.uncacheable.forget(&passing.key, length_is_known);
                status
            }
        };
        self.counters.count(&status);
        status.add_to(&mut head.headers, self.config.name);
        (Response::from_parts(head, body), status)
    }

    /// Forwards what the cache has nothing to do with.
    pub(super) async fn pass<U>(
        &self,
        request: Request<U::Content>,
        reason: ForwardReason,
        upstream: &U,
    ) -> Result<Answer<U::Body>, U::Error>
    where
        U: Upstream,
    {
        let response = upstream.forward(request).await?;
        Ok(self.forwarded(response, CacheStatus::forwarded(reason)))
    }
}

impl Passing {
    pub(super) fn new(key: CacheKey, now: Moment) -> Self {
        Self { key, now }
    }
}
