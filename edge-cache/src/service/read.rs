//! A request for a representation: answered from the store where the rules allow it, else by one forward for all who ask
//! for the same at the same time.

use std::pin::pin;
use std::sync::Arc;

use futures::future::{Either, select};
use http::{Method, header};

use super::forward::LeaderResponse;
use super::limits::{MAX_COLLAPSE_WAIT, MAX_LEADERS_LOST};
use super::lookup::{Asking, Found};
use super::tasks::Revalidation;
use super::upstream::{Route, Upstream};
use super::{Answer, Cache, respond};
use crate::collapse::{FlightEnd, Follower, Leader, Role};
use crate::rules::cache_status::{CacheStatus, ForwardReason};
use crate::rules::reuse::{self, Reuse};
use crate::store::Generation;
use crate::stored_response::StoredResponse;
use crate::time::Moment;

/// What is to be done about a request.
pub(super) enum Verdict {
    /// The stored response answers it; if it is stale, it is to be validated beside that.
    Respond {
        stored: Arc<StoredResponse>,
        validate: bool,
    },
    /// It is to be forwarded, with what is stored but may not be used as it is.
    Forward {
        stale: Option<Arc<StoredResponse>>,
        reason: ForwardReason,
    },
}

impl Cache {
    /// Forwards a request, unless another that asks for the same brings the response.
    pub(super) async fn bring<U>(
        &self,
        asking: Asking,
        content: U::Content,
        stale: Option<Arc<StoredResponse>>,
        reason: ForwardReason,
        upstream: &U,
    ) -> Result<Answer<U::Body>, U::Error>
    where
        U: Upstream,
    {
        if asking.directives.only_if_cached {
            return Ok(self.answer_without_forward(asking, stale, reason).await);
        }
        let leader = match self.role(&asking, stale.as_deref(), self.clock.now()) {
            None => None,
            Some(Role::Leader(leader)) => Some(leader),
            Some(Role::Follower(follower)) => {
                let following = self.follow(asking, stale, reason, follower, upstream);
                // Apart, so that it takes no room where nothing is waited for.
                match Box::pin(following).await {
                    Followed::Answered(answer) => return Ok(*answer),
                    Followed::Forward(asking, leader, stale, reason) => {
                        return self
                            .ask(*asking, content, leader, stale, reason, upstream)
                            .await;
                    }
                }
            }
        };
        self.ask(asking, content, leader, stale, reason, upstream)
            .await
    }

    /// The answer to `only-if-cached` when nothing in memory may be used.
    async fn answer_without_forward<B>(
        &self,
        asking: Asking,
        stale: Option<Arc<StoredResponse>>,
        reason: ForwardReason,
    ) -> Answer<B> {
        if let Some(level) = &self.second_level {
            let forwarding = self.forwarding(asking, None, stale, reason);
            if let Ok(answer) = self.answer_from_level(level, forwarding).await {
                return answer;
            }
        }
        respond::not_cached(reason)
    }

    fn judge(&self, asking: &Asking, now: Moment) -> Verdict {
        let variants = self.store.get(&asking.key);
        Self::verdict(Found::among(variants.as_ref(), asking), asking, now)
    }

    /// What is to be done about a request for which this was found.
    pub(super) fn verdict(found: Found, asking: &Asking, now: Moment) -> Verdict {
        let stored = match found {
            Found::Stored(stored) => stored,
            Found::Nothing(reason) => {
                return Verdict::Forward {
                    stale: None,
                    reason,
                };
            }
        };
        if !respond::has_what_is_asked(&stored, &asking.head) {
            return Verdict::Forward {
                stale: Some(stored),
                reason: ForwardReason::Partial,
            };
        }
        match reuse::may_reuse(&stored, &asking.directives, now) {
            Reuse::Fresh | Reuse::StaleAllowed => Verdict::Respond {
                stored,
                validate: false,
            },
            Reuse::StaleWhileRevalidate => Verdict::Respond {
                stored,
                validate: true,
            },
            Reuse::Forward(reason) => Verdict::Forward {
                stale: Some(stored),
                reason,
            },
        }
    }

    /// Answers with what is stored, and has it validated beside that if it is to be.
    pub(super) fn respond_at_once<B>(
        &self,
        asking: Asking,
        stored: Arc<StoredResponse>,
        validate: bool,
        status: CacheStatus,
        now: Moment,
    ) -> Answer<B> {
        let mut answer = self.respond(&asking, &stored, status, now);
        if validate {
            // Whoever leads already does it.
            if let Role::Leader(leader) = self.collapser.join(&asking.key) {
                answer.tasks.revalidation = Some(Box::new(Revalidation {
                    asking: asking.for_the_cache_itself(),
                    stale: stored,
                    leader,
                }));
            }
        }
        answer
    }

    /// The part that a request has in a forward that others may share; `None` where they can't.
    ///
    /// A response to `Authorization` or to a part is seldom for others, and neither is one whose URL or route had one that was
    /// not for others. A stored response says more of its URL than either.
    fn role(
        &self,
        asking: &Asking,
        stale: Option<&StoredResponse>,
        now: Moment,
    ) -> Option<Role<LeaderResponse>> {
        let Asking { key, head, .. } = asking;
        let alone = head.method != Method::GET
            || !asking.may_share()
            || head.headers.contains_key(header::RANGE)
            || asking.directives.no_store
            || (stale.is_none()
                && (self.uncacheable.contains(key, now) || self.is_uncacheable(asking.route, now)));
        (!alone).then(|| self.collapser.join(key))
    }

    fn is_uncacheable(&self, route: Option<Route>, now: Moment) -> bool {
        route.is_some_and(|route| self.uncacheable.contains(&route, now))
    }

    /// Waits for what the leader brings, a short time in all: a leader that fails, or takes long, fails and takes long for
    /// itself.
    async fn follow<U>(
        &self,
        asking: Asking,
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
                Either::Right(_) => FlightEnd::NotShared,
            };
            if let FlightEnd::Shared(shared) = &end
                && let Some(answer) = self.respond_collapsed(&asking, shared, joined, reason)
            {
                return Followed::Answered(Box::new(answer));
            }
            // What is stored may be another by now.
            let now = self.clock.now();
            match self.judge(&asking, now) {
                Verdict::Respond { stored, validate } => {
                    let status = CacheStatus::hit(reuse::time_to_live(&stored, now));
                    let answer = self.respond_at_once(asking, stored, validate, status, now);
                    return Followed::Answered(Box::new(answer));
                }
                Verdict::Forward {
                    stale: found,
                    reason: why,
                } => (stale, reason) = (found, why),
            }
            if end != FlightEnd::LeaderLost || lost > MAX_LEADERS_LOST {
                break;
            }
            match self.role(&asking, stale.as_deref(), now) {
                Some(Role::Follower(next)) => follower = next,
                Some(Role::Leader(led)) => {
                    leader = Some(led);
                    break;
                }
                None => break,
            }
        }
        Followed::Forward(Box::new(asking), leader, stale, reason)
    }

    /// The answer to a follower, if the response that its leader shares is one for it.
    fn respond_collapsed<B>(
        &self,
        asking: &Asking,
        shared: &LeaderResponse,
        joined: Generation,
        reason: ForwardReason,
    ) -> Option<Answer<B>> {
        let LeaderResponse { response, since } = shared;
        // What was invalidated after the leader began is not for those who came after that.
        let outdated = self
            .store
            .was_invalidated(&asking.key, &response.groups, *since, joined);
        let is_for_it = !outdated
            && response.is_readable()
            && response.vary.matches(&asking.head.headers)
            && respond::has_what_is_asked(response, &asking.head);
        let status = CacheStatus::forwarded(reason).collapsed();
        is_for_it.then(|| self.respond(asking, response, status, self.clock.now()))
    }
}

/// How following ended.
enum Followed<B> {
    Answered(Box<Answer<B>>),
    /// The request is to be forwarded, perhaps as the next leader.
    Forward(
        Box<Asking>,
        Option<Leader<LeaderResponse>>,
        Option<Arc<StoredResponse>>,
        ForwardReason,
    ),
}
