//! Forwarding a request, and what becomes of the answer.

use std::sync::Arc;

use http::request::Parts;
use http::{Method, Request, Response, StatusCode, header};

use super::lookup::Asking;
use super::second_level::LevelAsked;
use super::upstream::Upstream;
use super::{Answer, Cache, CacheBody, ForwardError, Tasks, respond};
use crate::collapse::{FlightEnd, Leader};
use crate::rules::cache_status::{CacheStatus, ForwardReason};
use crate::rules::directives::RequestDirectives;
use crate::rules::reuse::Reuse;
use crate::rules::{conditional, fields, range, reuse, validation};
use crate::store::Generation;
use crate::stored_response::{Representation, StoredResponse};
use crate::time::Moment;

/// What a leader shares with its followers: a response that may serve them.
#[derive(Clone, Debug)]
pub(super) struct LeaderResponse {
    pub(super) response: Arc<StoredResponse>,
    /// When it was asked for, in the order of invalidations.
    pub(super) since: Generation,
}

impl PartialEq for LeaderResponse {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.response, &other.response)
    }
}

/// What the forwarded request asks for.
enum Plan {
    /// What the client asks for; its preconditions are left out if the response may be stored, and judged here.
    Whole { without_preconditions: bool },
    /// Whether a stored response is still good.
    Validate,
    /// The bytes from here to the end, which a stored part lacks.
    Complete { offset: u64 },
}

/// A request that is forwarded, and what is to be known when its response comes.
pub(super) struct Forwarding {
    pub(super) asking: Asking,
    pub(super) stale: Option<Arc<StoredResponse>>,
    pub(super) leader: Option<Leader<LeaderResponse>>,
    pub(super) reason: ForwardReason,
    pub(super) level: LevelAsked,
    pub(super) since: Generation,
    pub(super) request_time: Moment,
    pub(super) response_time: Moment,
}

impl Plan {
    fn new(asking: &Asking, stale: Option<&StoredResponse>, may_store: bool) -> Self {
        if let Some(stale) = stale {
            match &stale.representation {
                Representation::Whole(_) if validation::has_validator(&stale.headers) => {
                    return Self::Validate;
                }
                Representation::Parts { parts, .. }
                    if may_store && !asking.head.headers.contains_key(header::RANGE) =>
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
    fn head(&self, asking: &Asking, stale: Option<&StoredResponse>) -> Parts {
        let mut head = asking.head.clone();
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
    /// Forwards a request, stores what may be stored, and answers.
    pub(super) async fn ask<U>(
        &self,
        asking: Asking,
        content: U::Content,
        leader: Option<Leader<LeaderResponse>>,
        stale: Option<Arc<StoredResponse>>,
        reason: ForwardReason,
        upstream: &U,
    ) -> Result<Answer<U::Body>, U::Error>
    where
        U: Upstream,
    {
        let mut forwarding = self.forwarding(asking, leader, stale, reason);
        if let Some(level) = &self.second_level {
            // Apart, so that it takes no room where there is none.
            match Box::pin(self.answer_from_level(level, forwarding)).await {
                Ok(answer) => return Ok(answer),
                Err(unanswered) => forwarding = unanswered,
            }
        }
        let asking = &forwarding.asking;
        let may_store = asking.head.method == Method::GET
            && !asking.directives.no_store
            && !self
                .uncacheable
                .contains(&asking.key, forwarding.request_time);
        let plan = Plan::new(asking, forwarding.stale.as_deref(), may_store);
        let head = plan.head(&forwarding.asking, forwarding.stale.as_deref());
        let outcome = upstream.forward(Request::from_parts(head, content)).await;
        forwarding.response_time = self.clock.now();
        let response = match outcome {
            Ok(response) => response,
            Err(error) => return self.failed(forwarding, error),
        };
        if forwarding.may_serve_stale_for(response.status()) {
            return Ok(self.respond_stale(forwarding, response.status()));
        }
        let useless = match plan {
            Plan::Validate if response.status() == StatusCode::NOT_MODIFIED => {
                match self.validated(forwarding, response) {
                    Ok(answer) => return Ok(answer),
                    Err(forwarding) => forwarding,
                }
            }
            Plan::Complete { offset } if response.status() == StatusCode::PARTIAL_CONTENT => {
                match self.completed(forwarding, response, offset).await {
                    Ok(answer) => return Ok(answer),
                    Err(forwarding) => forwarding,
                }
            }
            _ => return Ok(self.take_in(forwarding, response).await),
        };
        self.ask_again(useless, upstream).await
    }

    /// A request that is forwarded now.
    pub(super) fn forwarding(
        &self,
        asking: Asking,
        leader: Option<Leader<LeaderResponse>>,
        stale: Option<Arc<StoredResponse>>,
        reason: ForwardReason,
    ) -> Forwarding {
        let now = self.clock.now();
        Forwarding {
            since: self.store.generation(),
            request_time: now,
            response_time: now,
            asking,
            stale,
            leader,
            reason,
            level: LevelAsked::No,
        }
    }

    /// Forwards without what made the first response useless.
    async fn ask_again<U>(
        &self,
        mut forwarding: Box<Forwarding>,
        upstream: &U,
    ) -> Result<Answer<U::Body>, U::Error>
    where
        U: Upstream,
    {
        let plan = Plan::Whole {
            without_preconditions: true,
        };
        let head = plan.head(&forwarding.asking, None);
        forwarding.since = self.store.generation();
        forwarding.request_time = self.clock.now();
        let outcome = upstream
            .forward(Request::from_parts(head, U::Content::default()))
            .await;
        forwarding.response_time = self.clock.now();
        match outcome {
            Ok(response) => Ok(self.take_in(*forwarding, response).await),
            Err(error) => self.failed(*forwarding, error),
        }
    }

    fn failed<B, E: ForwardError>(
        &self,
        mut forwarding: Forwarding,
        error: E,
    ) -> Result<Answer<B>, E> {
        // It failed for this request: another may have more time, or better luck.
        forwarding.share(FlightEnd::NotShared);
        let status = forwarding.status();
        let Forwarding { asking, stale, .. } = forwarding;
        self.respond_despite(&asking, error, stale.as_ref(), status)
    }

    /// Serves a stale response in place of a failure, where that is allowed.
    pub(super) fn respond_despite<B, E: ForwardError>(
        &self,
        asking: &Asking,
        error: E,
        stale: Option<&Arc<StoredResponse>>,
        status: CacheStatus,
    ) -> Result<Answer<B>, E> {
        let now = self.clock.now();
        let limit = self.config.stale_when_disconnected;
        match stale {
            Some(stale)
                if error.is_disconnected()
                    && respond::has_what_is_asked(stale, &asking.head)
                    && reuse::may_serve_stale_when_disconnected(
                        stale,
                        &asking.directives,
                        now,
                        limit,
                    ) =>
            {
                let status = status.stale(reuse::time_to_live(stale, now));
                Ok(self.respond(asking, stale, status, now))
            }
            _ => Err(error),
        }
    }

    fn respond_stale<B>(&self, mut forwarding: Forwarding, failed_with: StatusCode) -> Answer<B> {
        let stale = forwarding
            .stale
            .take()
            .expect("it was found to be good enough");
        forwarding.share_stored(&stale);
        let now = forwarding.response_time;
        let status = forwarding
            .status()
            .forward_status(failed_with)
            .stale(reuse::time_to_live(&stale, now));
        self.respond(&forwarding.asking, &stale, status, now)
    }

    /// Answers with a response that is not stored.
    pub(super) fn forwarded<B>(&self, response: Response<B>, status: CacheStatus) -> Answer<B> {
        let (mut head, body) = response.into_parts();
        fields::remove_hop_by_hop(&mut head.headers);
        status.add_to(&mut head.headers, self.config.name);
        let body = CacheBody::forwarded(body);
        Answer {
            response: Response::from_parts(head, body),
            status,
            tasks: Tasks::default(),
        }
    }
}

impl Forwarding {
    /// Tells the followers how the forward ended.
    pub(super) fn share(&mut self, end: FlightEnd<LeaderResponse>) {
        if let Some(leader) = self.leader.take() {
            leader.end(end);
        }
    }

    fn share_stored(&mut self, response: &Arc<StoredResponse>) {
        let (response, since) = (Arc::clone(response), self.since);
        self.share(FlightEnd::Shared(LeaderResponse { response, since }));
    }

    /// Shares a response if it may be used without asking the origin again.
    pub(super) fn share_if_fresh(&mut self, response: &Arc<StoredResponse>) {
        let no_wishes = RequestDirectives::default();
        match reuse::may_reuse(response, &no_wishes, self.response_time) {
            Reuse::Fresh => self.share_stored(response),
            _ => self.share(FlightEnd::NotShared),
        }
    }

    /// Whether a stored response is to stand in for a failure with this status (RFC 5861 §4).
    fn may_serve_stale_for(&self, status: StatusCode) -> bool {
        self.stale.as_ref().is_some_and(|stale| {
            reuse::may_serve_stale_on_error(
                stale,
                &self.asking.directives,
                status,
                self.response_time,
            ) && respond::has_what_is_asked(stale, &self.asking.head)
        })
    }
}
