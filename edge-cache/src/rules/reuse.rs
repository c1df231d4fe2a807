//! Whether a stored response may be used as it is (RFC 9111 §4.2, §4.2.4 and §5.2.1; RFC 5861).

use std::time::Duration;

use http::StatusCode;

use super::age::current_age;
use super::cache_status::ForwardReason;
use super::directives::RequestDirectives;
use crate::stored_response::StoredResponse;
use crate::time::Moment;

/// What may be done with a stored response.
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

/// What may be done with a stored response that a request selects.
#[must_use]
pub fn may_reuse(stored: &StoredResponse, request: &RequestDirectives, now: Moment) -> Reuse {
    let directives = &stored.policy.directives;
    if directives.no_cache.is_all() {
        return Reuse::Forward(ForwardReason::Stale);
    }
    if request.no_cache {
        return Reuse::Forward(ForwardReason::Request);
    }
    let age = age(stored, now);
    let lifetime = stored.policy.freshness_lifetime;
    if request.max_age.is_some_and(|max_age| age > max_age) {
        return Reuse::Forward(ForwardReason::Request);
    }
    if age < lifetime && !stored.is_marked_stale() {
        let fresh_for = lifetime - age;
        let enough = request
            .min_fresh
            .is_none_or(|min_fresh| fresh_for >= min_fresh);
        return if enough {
            Reuse::Fresh
        } else {
            Reuse::Forward(ForwardReason::Request)
        };
    }
    if request.min_fresh.is_some() {
        return Reuse::Forward(ForwardReason::Stale);
    }
    let staleness = staleness(stored, now);
    if !forbids_stale(stored)
        && request
            .max_stale
            .is_some_and(|max_stale| staleness <= max_stale)
    {
        return Reuse::StaleAllowed;
    }
    let window = directives
        .stale_while_revalidate
        .filter(|_| !must_validate(stored));
    if window.is_some_and(|window| staleness <= window) {
        return Reuse::StaleWhileRevalidate;
    }
    Reuse::Forward(ForwardReason::Stale)
}

/// Whether a stored response may stand in for an answer with this status (RFC 5861 §4): the origin, or the client, has
/// to have said so.
#[must_use]
pub fn may_serve_stale_on_error(
    stored: &StoredResponse,
    request: &RequestDirectives,
    status: StatusCode,
    now: Moment,
) -> bool {
    let is_failure = matches!(status.as_u16(), 500 | 502 | 503 | 504);
    let window = stored
        .policy
        .directives
        .stale_if_error
        .or(request.stale_if_error);
    is_failure
        && !request.no_cache
        && !must_validate(stored)
        && window.is_some_and(|window| staleness(stored, now) <= window)
}

/// Whether a stored response may be used when the origin can't be reached (RFC 9111 §4.2.4), for at most `limit` after it
/// has become stale if it does not say how long itself.
#[must_use]
pub fn may_serve_stale_when_disconnected(
    stored: &StoredResponse,
    request: &RequestDirectives,
    now: Moment,
    limit: Duration,
) -> bool {
    if request.no_cache || must_validate(stored) {
        return false;
    }
    let limit = match stored
        .policy
        .directives
        .stale_if_error
        .or(request.stale_if_error)
    {
        Some(window) => window,
        None if forbids_stale(stored) => return false,
        None => limit,
    };
    staleness(stored, now) <= limit
}

/// How long it is still fresh, in seconds; negative if it is stale (RFC 9211 §2.3).
#[must_use]
pub fn time_to_live(stored: &StoredResponse, now: Moment) -> i64 {
    let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    seconds(stored.policy.freshness_lifetime) - seconds(age(stored, now))
}

fn age(stored: &StoredResponse, now: Moment) -> Duration {
    current_age(stored.corrected_initial_age, stored.response_time, now)
}

fn staleness(stored: &StoredResponse, now: Moment) -> Duration {
    age(stored, now).saturating_sub(stored.policy.freshness_lifetime)
}

/// Whether nothing but validation makes it usable once it is stale (RFC 9111 §5.2.2.2, §5.2.2.4, §5.2.2.8).
fn must_validate(stored: &StoredResponse) -> bool {
    let directives = &stored.policy.directives;
    directives.must_revalidate || directives.proxy_revalidate || directives.no_cache.is_all()
}

/// The same, with `s-maxage`, which implies it (RFC 9111 §5.2.2.10) unless the response says otherwise itself with
/// `stale-while-revalidate` or `stale-if-error`: those would mean nothing beside it.
fn forbids_stale(stored: &StoredResponse) -> bool {
    must_validate(stored) || stored.policy.directives.s_maxage.is_some()
}

#[cfg(test)]
mod tests;
