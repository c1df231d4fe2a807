//! A request that is to be forwarded, by the caller's upstream.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body::Body;

use super::answer::Answer;
use super::keyed_request::KeyedRequest;
use super::upstream::Upstream;
use super::{Cache, Served};
use crate::rules::cache_status::ForwardReason;
use crate::rules::key::CacheKey;
use crate::stored_response::StoredResponse;

/// A request that the lookup did not answer.
pub struct Pending<Q, B> {
    cache: Arc<Cache>,
    action: Action<Q, B>,
}

/// How a pending request is answered.
pub(super) enum Action<Q, B> {
    /// By a hit that leaves work, such as a validation in the background.
    Respond(Box<Answer<B>>),
    /// By a forward, which may be collapsed and whose response may be stored.
    Forward {
        keyed: KeyedRequest,
        content: Q,
        stale: Option<Arc<StoredResponse>>,
        reason: ForwardReason,
    },
    /// By a forward that may change the resource.
    Change(CacheKey, Request<Q>),
    /// By a forward whose response is passed on.
    Pass(ForwardReason, Request<Q>),
}

impl<Q, B> Pending<Q, B> {
    pub(super) fn new(cache: Arc<Cache>, action: Action<Q, B>) -> Self {
        Self { cache, action }
    }

    /// Forwards the request, or waits for another forward for the same, and answers with the response.
    ///
    /// If the future is dropped, a follower of this request becomes the leader in its place.
    ///
    /// # Errors
    /// The upstream's error, unless a stale response is served in its place.
    pub async fn forward<U>(
        self,
        upstream: U,
    ) -> Result<Served<B, impl Future<Output = ()> + use<Q, B, U>>, U::Error>
    where
        U: Upstream<Content = Q, Body = B>,
        B: Body<Data = Bytes>,
    {
        let Self { cache, action } = self;
        let answer = match action {
            Action::Respond(answer) => *answer,
            Action::Forward {
                mut keyed,
                content,
                stale,
                reason,
            } => {
                keyed.route = upstream.route(&keyed.head.uri);
                cache
                    .forward_collapsed(keyed, content, stale, reason, &upstream)
                    .await?
            }
            Action::Change(key, request) => cache.forward_change(key, request, &upstream).await?,
            Action::Pass(reason, request) => cache.forward_past(request, reason, &upstream).await?,
        };
        cache.counters.count(&answer.status);
        let background = answer.tasks.into_work(cache, upstream);
        Ok(Served {
            response: answer.response,
            background,
            status: answer.status,
            told: answer.told,
        })
    }
}
