//! Collapsing (RFC 9211 §2.6): of requests for the same at the same time, the leader forwards, and the others wait for its
//! response. Which requests collapse, how long a follower waits, and which response serves it.

use std::pin::pin;
use std::sync::Arc;

use futures::future::{Either, select};
use http::{Method, header};

use super::answer::Answer;
use super::forwarding::LeaderResponse;
use super::hit::Decision;
use super::keyed_request::KeyedRequest;
use super::upstream::{Route, Upstream};
use super::{Cache, respond};
use crate::collapse::{CollapseEnd, Follower, Leader, Role};
use crate::limits::{MAX_COLLAPSE_WAIT, MAX_LEADERS_LOST};
use crate::rules::cache_status::{CacheStatus, ForwardReason};
use crate::store::Generation;
use crate::stored_response::StoredResponse;
use crate::time::Moment;

impl Cache {
    /// Forwards a request as a leader or alone, or answers it as a follower.
    pub(super) async fn forward_collapsed<U>(
        &self,
        keyed: KeyedRequest,
        content: U::Content,
        stale: Option<Arc<StoredResponse>>,
        reason: ForwardReason,
        upstream: &U,
    ) -> Result<Answer<U::Body>, U::Error>
    where
        U: Upstream,
    {
        if keyed.directives.only_if_cached {
            return Ok(self.answer_without_forward(keyed, stale, reason).await);
        }
        let (keyed, leader, stale, reason) =
            match self.role(&keyed, stale.as_deref(), self.clock.now()) {
                None => (keyed, None, stale, reason),
                Some(Role::Leader(leader)) => {
                    // The last leader may have stored its response since the lookup.
                    let now = self.clock.now();
                    if let Decision::Hit { stored, .. } = self.decide(&keyed, now) {
                        return Ok(self.hit(keyed, stored, false, now));
                    }
                    (keyed, Some(leader), stale, reason)
                }
                Some(Role::Follower(follower)) => {
                    let following = self.follow(keyed, stale, reason, follower, upstream);
                    // Boxed, so that the future of a request that does not wait stays small.
                    match Box::pin(following).await {
                        Followed::Answered(answer) => return Ok(*answer),
                        Followed::Forward(keyed, leader, stale, reason) => {
                            (*keyed, leader, stale, reason)
                        }
                    }
                }
            };
        self.forward(keyed, content, leader, stale, reason, upstream)
            .await
    }

    /// The answer to `only-if-cached` if no response in memory may be used.
    async fn answer_without_forward<B>(
        &self,
        keyed: KeyedRequest,
        stale: Option<Arc<StoredResponse>>,
        reason: ForwardReason,
    ) -> Answer<B> {
        if let Some(level) = &self.second_level {
            let forwarding = self.forwarding(keyed, None, stale, reason);
            if let Ok(answer) = self.lookup_in_level(level, forwarding).await {
                return answer;
            }
        }
        respond::not_cached(reason)
    }

    /// Decides about what is stored by now.
    fn decide(&self, keyed: &KeyedRequest, now: Moment) -> Decision {
        let variants = self.store.get(&keyed.key);
        Decision::among(variants.as_ref(), keyed, now).if_current(self.is_memory_current())
    }

    /// Whether a request leads or follows; `None` if it is forwarded alone.
    ///
    /// It is alone if its response is unlikely to serve others: with `Authorization` or a range, or if the last response of
    /// its URL or route was not cacheable. A stored response for the URL outweighs the latter.
    fn role(
        &self,
        keyed: &KeyedRequest,
        stale: Option<&StoredResponse>,
        now: Moment,
    ) -> Option<Role<LeaderResponse>> {
        let KeyedRequest { key, head, .. } = keyed;
        let alone = head.method != Method::GET
            || !keyed.may_share()
            || head.headers.contains_key(header::RANGE)
            || keyed.directives.no_store
            || (stale.is_none()
                && (self.bypass_memory.contains(key, now)
                    || self.is_uncacheable(keyed.route, now)));
        (!alone).then(|| self.collapser.join(key))
    }

    fn is_uncacheable(&self, route: Option<Route>, now: Moment) -> bool {
        route.is_some_and(|route| self.bypass_memory.contains(&route, now))
    }

    /// Waits for the leader's response, for a short time in all. A leader that is slow or fails does not make its followers
    /// slow or fail.
    async fn follow<U>(
        &self,
        keyed: KeyedRequest,
        mut stale: Option<Arc<StoredResponse>>,
        mut reason: ForwardReason,
        mut follower: Follower<LeaderResponse>,
        upstream: &U,
    ) -> Followed<U::Body>
    where
        U: Upstream,
    {
        let mut wait = pin!(upstream.sleep(MAX_COLLAPSE_WAIT));
        let mut leader = None;
        for lost in 1.. {
            let joined = self.store.generation();
            let end = match select(follower, wait.as_mut()).await {
                Either::Left((end, _)) => end,
                Either::Right(_) => CollapseEnd::NotShared,
            };
            if let CollapseEnd::Shared(shared) = &end
                && let Some(answer) = self.respond_collapsed(&keyed, shared, joined, reason)
            {
                return Followed::Answered(Box::new(answer));
            }
            // Another response may be stored by now.
            let now = self.clock.now();
            match self.decide(&keyed, now) {
                Decision::Hit { stored, validate } => {
                    let answer = self.hit(keyed, stored, validate, now);
                    return Followed::Answered(Box::new(answer));
                }
                Decision::Forward {
                    stale: found,
                    reason: why,
                } => (stale, reason) = (found, why),
            }
            if end != CollapseEnd::LeaderLost || lost > MAX_LEADERS_LOST {
                break;
            }
            match self.role(&keyed, stale.as_deref(), now) {
                Some(Role::Follower(next)) => follower = next,
                Some(Role::Leader(led)) => {
                    leader = Some(led);
                    break;
                }
                None => break,
            }
        }
        Followed::Forward(Box::new(keyed), leader, stale, reason)
    }

    /// The answer to a follower, if the response of its leader serves it.
    fn respond_collapsed<B>(
        &self,
        keyed: &KeyedRequest,
        shared: &LeaderResponse,
        joined: Generation,
        reason: ForwardReason,
    ) -> Option<Answer<B>> {
        let LeaderResponse { response, since } = shared;
        // A follower that came after an invalidation must not get a response from before it.
        let outdated = self
            .store
            .was_invalidated(&keyed.key, &response.groups, *since, joined);
        let is_for_it = !outdated
            && response.is_readable()
            && response.vary.matches(&keyed.head.headers)
            && respond::has_what_is_asked(response, &keyed.head);
        let status = CacheStatus::forwarded(reason).collapsed();
        is_for_it.then(|| self.respond(keyed, response, status, self.clock.now()))
    }
}

/// How the wait of a follower ended.
enum Followed<B> {
    Answered(Box<Answer<B>>),
    /// The request is to be forwarded, perhaps as the next leader.
    Forward(
        Box<KeyedRequest>,
        Option<Leader<LeaderResponse>>,
        Option<Arc<StoredResponse>>,
        ForwardReason,
    ),
}
