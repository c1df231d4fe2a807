//! Requests that change a resource. Before a response to one is sent, its URL and the URLs and groups that it names are
//! invalidated (RFC 9111 §4.4, RFC 9875 §3), so a client reads its own writes.

use http::{Method, Request, Response};

use super::Cache;
use super::answer::Answer;
use super::forwarding::Forwarding;
use super::keyed_request::KeyedRequest;
use super::second_level::{LevelLookup, Told};
use super::upstream::Upstream;
use crate::rules::cache_status::{CacheStatus, ForwardReason};
use crate::rules::key::CacheKey;
use crate::rules::{groups, invalidation, storing};
use crate::store::{Purge, PurgeMode};

impl Cache {
    /// Forwards a request that changes a resource.
    pub(super) async fn forward_change<U>(
        &self,
        key: CacheKey,
        request: Request<U::Content>,
        upstream: &U,
    ) -> Result<Answer<U::Body>, U::Error>
    where
        U: Upstream,
    {
        let (head, content) = request.into_parts();
        let mut keyed = KeyedRequest::new(key, head, false);
        keyed.route = upstream.route(&keyed.head.uri);
        let request_time = self.clock.now();
        let response = upstream
            .forward(Request::from_parts(keyed.head.clone(), content))
            .await?;
        let outdated = outdated(&keyed.key, &keyed.head.method, &response);
        let told = self.invalidate(&outdated).await;
        let response_time = self.clock.now();
        // A response to POST may be stored for GET if it says so (RFC 9110 §9.3.3).
        if storing::is_also_for_get(&keyed.key, &keyed.head, &response) {
            let forwarding = Forwarding {
                keyed,
                stale: None,
                leader: None,
                reason: ForwardReason::Method,
                level: LevelLookup::None,
                // After its own invalidation, which would keep it from being stored.
                since: self.store.generation(),
                request_time,
                response_time,
            };
            let answer = self.store_or_pass(forwarding, response).await;
            return Ok(answer.told(told));
        }
        let status =
            CacheStatus::forwarded(ForwardReason::Method).forward_status(response.status());
        Ok(self.pass(response, status).told(told))
    }

    /// Purges memory, and tells the shared level: also about what the caller of the cache has purged.
    pub(super) async fn invalidate(&self, outdated: &[Purge]) -> Option<Told> {
        self.purge_yielding(outdated, PurgeMode::Hard).await;
        self.tell_shared_level().await
    }
}

/// An unsafe request whose URL has no key, because it is too long. Nothing is stored for it, but its response may name
/// other URLs and groups.
pub(super) struct UnkeyedWrite {
    method: Method,
    /// The URL without its query, to resolve what the response names.
    base: CacheKey,
}

impl UnkeyedWrite {
    /// `None` if the request is safe, or its URL is too long without the query as well.
    pub(super) fn of<Q>(request: &Request<Q>) -> Option<Self> {
        let method = request.method();
        if method.is_safe() {
            return None;
        }
        Some(Self {
            method: method.clone(),
            base: CacheKey::without_query(request)?,
        })
    }

    /// What the response invalidates.
    pub(super) fn outdated<B>(&self, response: &Response<B>) -> Vec<Purge> {
        let mut outdated = outdated(&self.base, &self.method, response);
        // The base itself was not changed.
        outdated.retain(|purge| !matches!(purge, Purge::Url(key) if *key == self.base));
        outdated
    }
}

/// What the response to an unsafe request invalidates.
fn outdated<B>(key: &CacheKey, method: &Method, response: &Response<B>) -> Vec<Purge> {
    if !invalidation::invalidates(method, response.status()) {
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
