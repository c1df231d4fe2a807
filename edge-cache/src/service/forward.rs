//! Forwards one request: as the client sent it, or to validate or complete a stored response. The response is then stored,
//! passed on, or replaced by a stale one, in files of their own.

use std::sync::Arc;

use http::request::Parts;
use http::{Method, Request, StatusCode, header};

use super::Cache;
use super::answer::Answer;
use super::forwarding::{Forwarding, LeaderResponse};
use super::keyed_request::KeyedRequest;
use super::second_level::LevelLookup;
use super::upstream::Upstream;
use crate::collapse::Leader;
use crate::rules::cache_status::ForwardReason;
use crate::rules::{conditional, range, validation};
use crate::stored_response::{Representation, StoredResponse};

/// The goal of a forwarded request.
#[derive(Clone, Copy)]
enum Goal {
    /// To get the response. If it may be stored, the client's preconditions are left out, and applied to the response.
    Whole { without_preconditions: bool },
    /// To validate the stored response (RFC 9111 §4.3.1).
    Validate,
    /// To get the bytes from `offset` on, which the stored response lacks (RFC 9111 §3.4).
    Complete { offset: u64 },
}

impl Goal {
    fn new(keyed: &KeyedRequest, stale: Option<&StoredResponse>, may_store: bool) -> Self {
        if let Some(stale) = stale {
            match &stale.representation {
                Representation::Whole(_) if validation::has_validator(&stale.headers) => {
                    return Self::Validate;
                }
                Representation::Parts { parts, .. }
                    if may_store && !keyed.head.headers.contains_key(header::RANGE) =>
                {
                    if let Some((0, beginning)) = parts.first()
                        && let Some(offset) = beginning.length()
                    {
                        return Self::Complete { offset };
                    }
                }
                _ => {}
            }
        }
        Self::Whole {
            without_preconditions: may_store,
        }
    }

    /// The head that is forwarded.
    fn head(&self, keyed: &KeyedRequest, stale: Option<&StoredResponse>) -> Parts {
        let mut head = keyed.head.clone();
        let headers = &mut head.headers;
        match (self, stale) {
            (Self::Validate, Some(stale)) => {
                conditional::remove_preconditions(headers);
                headers.remove(header::RANGE);
                validation::add_validators(headers, &stale.headers);
            }
            (Self::Complete { offset }, Some(stale)) => {
                conditional::remove_preconditions(headers);
                range::ask_from(headers, *offset, &stale.headers);
            }
            (
                Self::Whole {
                    without_preconditions: true,
                },
                _,
            ) if !headers.contains_key(header::RANGE) => {
                conditional::remove_preconditions(headers);
            }
            _ => {}
        }
        head
    }
}

impl Cache {
    /// Forwards a request, and answers it.
    pub(super) async fn forward<U>(
        &self,
        keyed: KeyedRequest,
        content: U::Content,
        leader: Option<Leader<LeaderResponse>>,
        stale: Option<Arc<StoredResponse>>,
        reason: ForwardReason,
        upstream: &U,
    ) -> Result<Answer<U::Body>, U::Error>
    where
        U: Upstream,
    {
        let mut forwarding = self.forwarding(keyed, leader, stale, reason);
        if let Some(level) = &self.second_level {
            // Boxed, so that a future without a shared level stays small.
            match Box::pin(self.lookup_in_level(level, forwarding)).await {
                Ok(answer) => return Ok(answer),
                Err(unanswered) => forwarding = unanswered,
            }
        }
        let may_store = self.may_be_stored(&forwarding);
        let goal = Goal::new(&forwarding.keyed, forwarding.stale.as_deref(), may_store);
        let head = goal.head(&forwarding.keyed, forwarding.stale.as_deref());
        let outcome = upstream.forward(Request::from_parts(head, content)).await;
        forwarding.response_time = self.clock.now();
        let response = match outcome {
            Ok(response) => response,
            Err(error) => return self.stale_or_error(forwarding, error),
        };
        if let Some(answer) = self.stale_for_status(&mut forwarding, response.status()) {
            return Ok(answer);
        }
        let answered = match (goal, response.status()) {
            (Goal::Validate, StatusCode::NOT_MODIFIED) => self.validated(forwarding, response),
            (Goal::Complete { offset }, StatusCode::PARTIAL_CONTENT) => {
                self.completed(forwarding, response, offset).await
            }
            _ => return Ok(self.store_or_pass(forwarding, response).await),
        };
        match answered {
            Ok(answer) => Ok(answer),
            Err(forwarding) => self.forward_again(forwarding, upstream).await,
        }
    }

    /// Whether the response may be stored, as far as is known before it comes.
    fn may_be_stored(&self, forwarding: &Forwarding) -> bool {
        let (keyed, now) = (&forwarding.keyed, forwarding.request_time);
        keyed.head.method == Method::GET
            && !keyed.directives.no_store
            && !self.bypass_memory.contains(&keyed.key, now)
    }

    /// A request that is forwarded now.
    pub(super) fn forwarding(
        &self,
        keyed: KeyedRequest,
        leader: Option<Leader<LeaderResponse>>,
        stale: Option<Arc<StoredResponse>>,
        reason: ForwardReason,
    ) -> Forwarding {
        let now = self.clock.now();
        Forwarding {
            since: self.store.generation(),
            request_time: now,
            response_time: now,
            keyed,
            stale,
            leader,
            reason,
            level: LevelLookup::None,
        }
    }

    /// Forwards again, after the response belonged to another stored response.
    async fn forward_again<U>(
        &self,
        mut forwarding: Box<Forwarding>,
        upstream: &U,
    ) -> Result<Answer<U::Body>, U::Error>
    where
        U: Upstream,
    {
        let goal = Goal::Whole {
            without_preconditions: true,
        };
        let head = goal.head(&forwarding.keyed, None);
        forwarding.since = self.store.generation();
        forwarding.request_time = self.clock.now();
        let outcome = upstream
            .forward(Request::from_parts(head, U::Content::default()))
            .await;
        forwarding.response_time = self.clock.now();
        match outcome {
            Ok(response) => Ok(self.store_or_pass(*forwarding, response).await),
            Err(error) => self.stale_or_error(*forwarding, error),
        }
    }
}
