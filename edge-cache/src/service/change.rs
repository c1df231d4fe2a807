//! A request that changes a resource: forwarded, and what it makes outdated is invalidated before its response is sent,
//! so that a client that wrote reads what it wrote.

use std::sync::Arc;

use http::request::Parts;
use http::{Request, Response};

use super::forward::Forwarding;
use super::lookup::Asking;
use super::second_level::LevelAsked;
use super::upstream::Upstream;
use super::{Answer, Cache};
use crate::rules::cache_status::{CacheStatus, ForwardReason};
use crate::rules::key::CacheKey;
use crate::rules::{groups, invalidation, storing};
use crate::store::{Purge, PurgeMode};

impl Cache {
    /// Forwards a request that changes a resource.
    pub(super) async fn change<U>(
        self: &Arc<Self>,
        key: CacheKey,
        request: Request<U::Content>,
        upstream: &U,
    ) -> Result<Answer<U::Body>, U::Error>
    where
        U: Upstream,
    {
        let (head, content) = request.into_parts();
        let mut asking = Asking::new(key, head, false);
        asking.route = upstream.route(&asking.head.uri);
        let request_time = self.clock.now();
        let response = upstream
            .forward(Request::from_parts(asking.head.clone(), content))
            .await?;
        let outdated = outdated(&asking.key, &asking.head, &response);
        self.purge_in_turns(&outdated, PurgeMode::Hard).await;
        self.tell_shared_level().await;
        let response_time = self.clock.now();
        // A response to POST that says it is what GET would bring (RFC 9110 §9.3.3).
        if storing::is_also_for_get(&asking.key, &asking.head, &response) {
            let forwarding = Forwarding {
                asking,
                stale: None,
                leader: None,
                reason: ForwardReason::Method,
                level: LevelAsked::No,
                // After its own invalidation.
                since: self.store.generation(),
                request_time,
                response_time,
            };
            return Ok(self.take_in(forwarding, response).await);
        }
        let status =
            CacheStatus::forwarded(ForwardReason::Method).forward_status(response.status());
        Ok(self.forwarded(response, status))
    }
}

/// What a response to an unsafe request makes outdated (RFC 9111 §4.4, RFC 9875 §3).
fn outdated<B>(key: &CacheKey, head: &Parts, response: &Response<B>) -> Vec<Purge> {
    if !invalidation::invalidates(&head.method, response.status()) {
        return Vec::new();
    }
    let keys = invalidation::invalidated_keys(key, response.headers());
    let groups = groups::invalidated_groups(response.headers()).into_iter();
    let groups = groups.map(|group| Purge::Group {
        origin: Some(key.origin().into()),
        group,
    });
    keys.into_iter().map(Purge::Url).chain(groups).collect()
}
