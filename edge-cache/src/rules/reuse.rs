//! Whether a stored response may be used as it is (RFC 9111 §4.2, §4.2.4 and §5.2.1; RFC 5861; RFC 8246).

use std::time::Duration;

use http::StatusCode;

use super::Policy;
use super::age::current_age;
use super::cache_status::ForwardReason;
use super::directives::RequestDirectives;
use crate::{Moment, StoredResponse};

/// Whether a stored response answers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// It is fresh, and fresh enough for the client.
    Fresh,
    /// It is stale, and the client accepts that (RFC 9111 §5.2.1.2).
    StaleAllowed,
    /// It is stale, and may be used while it is validated (RFC 5861 §3).
    StaleWhileRevalidate,
    /// It is to be validated first.
    Forward(ForwardReason),
}

/// A stored response with its age at one moment.
#[derive(Clone, Copy, Debug)]
pub struct AgedResponse<'a> {
    /// The rules of its fields.
    pub policy: &'a Policy,
    /// Its age.
    pub current_age: Duration,
    /// Whether a soft purge has marked it stale.
    pub is_marked_stale: bool,
}

/// Whether a stored response answers a request that selects it.
#[must_use]
pub fn may_reuse(stored: &StoredResponse, request: &RequestDirectives, now: Moment) -> Reuse {
    AgedResponse::of(stored, now).may_reuse(request)
}

/// Whether a stored response may be served in place of one with this status (RFC 5861 §4). The origin or the client has to
/// allow it.
#[must_use]
pub fn may_serve_stale_on_error(
    stored: &StoredResponse,
    request: &RequestDirectives,
    status: StatusCode,
    now: Moment,
) -> bool {
    AgedResponse::of(stored, now).may_replace_error(status, request)
}

/// Whether a stored response may be served when the origin can't be reached (RFC 9111 §4.2.4). It may have been stale for
/// `limit`, unless it says how long itself.
#[must_use]
pub fn may_serve_stale_when_disconnected(
    stored: &StoredResponse,
    request: &RequestDirectives,
    now: Moment,
    limit: Duration,
) -> bool {
    AgedResponse::of(stored, now).may_serve_when_disconnected(request, limit)
}

/// How long it is still fresh, in seconds; negative if it is stale (RFC 9211 §2.4).
#[must_use]
pub fn time_to_live(stored: &StoredResponse, now: Moment) -> i64 {
    AgedResponse::of(stored, now).time_to_live()
}

/// The age that its client is told. After a soft purge it is at least the freshness lifetime: another cache must not take for fresh
/// what this one takes for stale (RFC 9111 §4.2.3 has no other field for it).
#[must_use]
pub fn told_age(stored: &StoredResponse, now: Moment) -> Duration {
    let aged = AgedResponse::of(stored, now);
    match aged.is_marked_stale {
        false => aged.current_age,
        true => aged.current_age.max(aged.policy.freshness_lifetime),
    }
}

impl<'a> AgedResponse<'a> {
    /// A stored response now.
    #[must_use]
    pub fn of(stored: &'a StoredResponse, now: Moment) -> Self {
        Self {
            policy: &stored.policy,
            current_age: current_age(stored.corrected_initial_age, stored.response_time, now),
            is_marked_stale: stored.is_marked_stale(),
        }
    }

    /// Whether it answers a request.
    #[must_use]
    pub fn may_reuse(&self, request: &RequestDirectives) -> Reuse {
        if self.policy.no_cache {
            return Reuse::Forward(ForwardReason::Stale);
        }
        if request.no_cache {
            return Reuse::Forward(ForwardReason::Request);
        }
        if self.is_fresh() {
            let enough = self.policy.immutable
                || self.is_young_enough(request) && self.is_fresh_enough(request);
            return if enough {
                Reuse::Fresh
            } else {
                Reuse::Forward(ForwardReason::Request)
            };
        }
        if !self.is_young_enough(request) || request.min_fresh.is_some() {
            return Reuse::Forward(ForwardReason::Stale);
        }
        if !self.forbids_stale()
            && request
                .max_stale
                .is_some_and(|max_stale| self.staleness() <= max_stale)
        {
            return Reuse::StaleAllowed;
        }
        let window = self
            .policy
            .stale_while_revalidate
            .filter(|_| !self.must_validate());
        if window.is_some_and(|window| self.staleness() <= window) {
            return Reuse::StaleWhileRevalidate;
        }
        Reuse::Forward(ForwardReason::Stale)
    }

    /// Whether it may be served in place of a response with this status.
    #[must_use]
    pub fn may_replace_error(&self, status: StatusCode, request: &RequestDirectives) -> bool {
        let is_failure = matches!(status.as_u16(), 500 | 502 | 503 | 504);
        is_failure
            && self.is_usable_stale(request)
            && self
                .stale_if_error(request)
                .is_some_and(|window| self.staleness() <= window)
    }

    /// Whether it may be served when the origin can't be reached.
    #[must_use]
    pub fn may_serve_when_disconnected(
        &self,
        request: &RequestDirectives,
        limit: Duration,
    ) -> bool {
        let limit = match self.stale_if_error(request) {
            Some(window) => window,
            None if self.policy.has_s_maxage => return false,
            None => limit,
        };
        self.is_usable_stale(request) && self.staleness() <= limit
    }

    /// How long it is still fresh, in seconds.
    #[must_use]
    pub fn time_to_live(&self) -> i64 {
        let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        seconds(self.policy.freshness_lifetime).saturating_sub(seconds(self.current_age))
    }

    /// RFC 9111 §4.2: it is younger than its freshness lifetime.
    fn is_fresh(&self) -> bool {
        self.current_age < self.policy.freshness_lifetime && !self.is_marked_stale
    }

    /// How long it has been stale.
    fn staleness(&self) -> Duration {
        self.current_age
            .saturating_sub(self.policy.freshness_lifetime)
    }

    /// RFC 9111 §5.2.1.1, which clients also send to reload an immutable response (RFC 8246 §2).
    fn is_young_enough(&self, request: &RequestDirectives) -> bool {
        request
            .max_age
            .is_none_or(|max_age| self.current_age <= max_age)
    }

    /// RFC 9111 §5.2.1.3.
    fn is_fresh_enough(&self, request: &RequestDirectives) -> bool {
        let fresh_for = self
            .policy
            .freshness_lifetime
            .saturating_sub(self.current_age);
        request
            .min_fresh
            .is_none_or(|min_fresh| fresh_for >= min_fresh)
    }

    fn is_usable_stale(&self, request: &RequestDirectives) -> bool {
        !request.no_cache && !self.must_validate()
    }

    /// How stale it may be to replace an error: the shorter time, if both the origin and the client name one.
    fn stale_if_error(&self, request: &RequestDirectives) -> Option<Duration> {
        let both = self.policy.stale_if_error.zip(request.stale_if_error);
        let shorter = both.map(|(one, other)| one.min(other));
        // A client can't override `s-maxage`, which implies `proxy-revalidate` (RFC 9111 §5.2.2.10).
        let asked = request.stale_if_error.filter(|_| !self.policy.has_s_maxage);
        shorter.or(self.policy.stale_if_error).or(asked)
    }

    /// Whether it must not be served stale (RFC 9111 §5.2.2.2, §5.2.2.4, §5.2.2.8).
    fn must_validate(&self) -> bool {
        self.policy.must_revalidate || self.policy.no_cache
    }

    /// The same, or `s-maxage`, which implies it (RFC 9111 §5.2.2.10). `stale-while-revalidate` and `stale-if-error` override
    /// that, since they would have no effect otherwise.
    fn forbids_stale(&self) -> bool {
        self.must_validate() || self.policy.has_s_maxage
    }
}

#[cfg(test)]
mod tests;
