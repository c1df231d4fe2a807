//! A request for a representation: answered from the store where the rules allow it, else by one forward for all who ask
//! for the same at the same time.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body::Body;

use super::forward::Shared;
use super::lookup::{Asking, Found};
use super::tasks::Revalidation;
use super::{Answer, Cache, ForwardError, respond};
use crate::collapse::{FlightEnd, Follower, Role};
use crate::rules::cache_status::{CacheStatus, ForwardReason};
use crate::rules::reuse::{self, Reuse};
use crate::stored_response::StoredResponse;
use crate::time::Moment;

/// How many leaders a follower may lose before it forwards itself. Each wait is bounded by its leader's, so this bounds
/// the whole of it.
const MAX_LEADERS_LOST: usize = 2;

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

impl<E: ForwardError> Cache<E> {
    /// Has a response brought by a forward, be it this request's or another's.
    pub(super) async fn bring<F, R, Q, B>(
        self: &Arc<Self>,
        asking: Asking,
        content: Q,
        mut stale: Option<Arc<StoredResponse>>,
        mut reason: ForwardReason,
        forward: &F,
    ) -> Result<Answer<B, E>, E>
    where
        F: Fn(Request<Q>) -> R,
        R: Future<Output = Result<Response<B>, E>>,
        Q: Default,
        B: Body<Data = Bytes, Error = E>,
    {
        if asking.directives.only_if_cached {
            return Ok(self.answer_without_forward(asking, stale, reason).await);
        }
        for _ in 0..=MAX_LEADERS_LOST {
            let followed = match self.role(&asking, stale.as_deref(), self.clock.now()) {
                Some(Role::Leader(leader)) => {
                    return self
                        .ask(asking, content, Some(leader), stale, reason, forward)
                        .await;
                }
                Some(Role::Follower(follower)) => {
                    self.follow(&asking, follower, stale.as_ref(), reason).await
                }
                None => break,
            };
            if let Followed::Answered(answer) = followed {
                return *answer;
            }
            // What is stored may be another by now.
            let now = self.clock.now();
            match self.judge(&asking, now) {
                Verdict::Respond { stored, validate } => {
                    let status = CacheStatus::hit(reuse::time_to_live(&stored, now));
                    return Ok(self.respond_at_once(asking, stored, validate, status, now));
                }
                Verdict::Forward {
                    stale: found,
                    reason: why,
                } => (stale, reason) = (found, why),
            }
            if let Followed::InVain = followed {
                break;
            }
        }
        self.ask(asking, content, None, stale, reason, forward)
            .await
    }

    /// The answer to `only-if-cached` when nothing in memory may be used.
    async fn answer_without_forward<B>(
        &self,
        asking: Asking,
        stale: Option<Arc<StoredResponse>>,
        reason: ForwardReason,
    ) -> Answer<B, E> {
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
    ) -> Answer<B, E> {
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
    /// A response to `Authorization` or to a part is seldom for others, and neither is one that was not so before.
    fn role(
        &self,
        asking: &Asking,
        stale: Option<&StoredResponse>,
        now: Moment,
    ) -> Option<Role<Shared<E>>> {
        let Asking { key, head, .. } = asking;
        let alone = head.method != Method::GET
            || !asking.may_share()
            || head.headers.contains_key(header::RANGE)
            || asking.directives.no_store
            || (stale.is_none() && self.uncacheable.contains(key, now));
        (!alone).then(|| self.collapser.join(key))
    }

    /// Waits for the leader.
    async fn follow<B>(
        &self,
        asking: &Asking,
        follower: Follower<Shared<E>>,
        stale: Option<&Arc<StoredResponse>>,
        reason: ForwardReason,
    ) -> Followed<B, E> {
        let joined = self.store.generation();
        let shared = match follower.await {
            FlightEnd::Shared(shared) => shared,
            FlightEnd::NotShared => return Followed::InVain,
            FlightEnd::LeaderLost => return Followed::LeaderLost,
        };
        let status = CacheStatus::forwarded(reason).collapsed();
        match shared {
            Shared::Stored { response, since } => {
                // What was invalidated after the leader began is not for those who came after that.
                let outdated =
                    self.store
                        .was_invalidated(&asking.key, &response.groups, since, joined);
                let unfit = !response.vary.matches(&asking.head.headers)
                    || !respond::has_what_is_asked(&response, &asking.head);
                if outdated || unfit || !response.is_readable() {
                    return Followed::InVain;
                }
                let answer = self.respond(asking, &response, status, self.clock.now());
                Followed::Answered(Box::new(Ok(answer)))
            }
            Shared::Failed(error) => {
                let answer = self.respond_despite(asking, error, stale, status);
                Followed::Answered(Box::new(answer))
            }
        }
    }
}

/// How following ended.
enum Followed<B, E> {
    Answered(Box<Result<Answer<B, E>, E>>),
    /// What the leader had was of no use.
    InVain,
    LeaderLost,
}
