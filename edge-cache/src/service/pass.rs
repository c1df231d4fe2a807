//! Requests that pass by: those that a cache has nothing to do with, and those for what was not cacheable when it was last
//! asked for.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;

use super::{Answer, Cache, ForwardError};
use crate::rules::cache_status::{CacheStatus, ForwardReason};
use crate::rules::key::CacheKey;
use crate::time::Moment;

/// A plain `GET` for what was not cacheable when it was last asked for, and of which nothing is stored.
#[derive(Debug)]
pub struct Passing {
    key: CacheKey,
    now: Moment,
}

impl<E: ForwardError> Cache<E> {
    /// Tells with the response to a request that has passed by that it has, and looks whether it is cacheable now: then it
    /// is the next one that is stored. Fields of the connection stay.
    pub fn passed<B>(&self, passing: &Passing, response: Response<B>) -> (Response<B>, CacheStatus)
    where
        B: Body<Data = Bytes, Error = E>,
    {
        let (mut head, body) = response.into_parts();
        let status = CacheStatus::forwarded(ForwardReason::UriMiss).forward_status(head.status);
        let status = match self.response_allows(&head, &body, passing.now) {
            Err(reason) => status.detail(reason.as_str()),
            Ok(()) => {
                self.uncacheable.forget(&passing.key);
                status
            }
        };
        self.counters.count(&status);
        status.add_to(&mut head.headers, self.config.name);
        (Response::from_parts(head, body), status)
    }

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
}

impl Passing {
    pub(super) fn new(key: CacheKey, now: Moment) -> Self {
        Self { key, now }
    }
}
