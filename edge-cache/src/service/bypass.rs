//! Requests past the cache: those for a URL whose last response was not cacheable, and those in which a cache has no part.
//! Which URLs are remembered so is in `bypass_memory`.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;

use super::Cache;
use super::answer::Answer;
use super::invalidate::UnkeyedWrite;
use super::upstream::Upstream;
use crate::rules::cache_status::{CacheStatus, ForwardReason};
use crate::rules::key::CacheKey;
use crate::time::Moment;

/// The token of a bypass: a plain `GET` for a URL without a stored response, and whose last response was not cacheable.
#[derive(Debug)]
pub struct Bypass {
    key: CacheKey,
    now: Moment,
}

impl Cache {
    /// Takes the response to a request that bypassed the cache, and adds `Cache-Status`. If it is cacheable, the next
    /// response for its URL is stored. It leaves the hop-by-hop fields in.
    pub fn bypassed<B>(&self, bypass: &Bypass, response: Response<B>) -> (Response<B>, CacheStatus)
    where
        B: Body<Data = Bytes>,
    {
        let (mut head, body) = response.into_parts();
        let status = CacheStatus::forwarded(ForwardReason::UriMiss).forward_status(head.status);
        let status = match self.response_allows(&head, &body, bypass.now) {
            Err(reason) => status.detail(reason.as_str()),
            Ok(()) => {
                let length_is_known = body.size_hint().exact().is_some();
                self.bypass_memory.forget(&bypass.key, length_is_known);
                status
            }
        };
        self.counters.count(&status);
        status.add_to(&mut head.headers, self.config.name);
        (Response::from_parts(head, body), status)
    }

    /// Forwards a request in which the cache has no part.
    pub(super) async fn forward_past<U>(
        &self,
        request: Request<U::Content>,
        reason: ForwardReason,
        upstream: &U,
    ) -> Result<Answer<U::Body>, U::Error>
    where
        U: Upstream,
    {
        let is_safe = request.method().is_safe();
        let write = UnkeyedWrite::of(&request);
        let response = upstream.forward(request).await?;
        let mut told = None;
        if !is_safe {
            let outdated = write.map(|write| write.outdated(&response));
            told = self.invalidate(&outdated.unwrap_or_default()).await;
        }
        let answer = self.pass(response, CacheStatus::forwarded(reason));
        Ok(answer.told(told))
    }
}

impl Bypass {
    pub(super) fn new(key: CacheKey, now: Moment) -> Self {
        Self { key, now }
    }
}
