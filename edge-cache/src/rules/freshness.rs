//! How long a response is fresh (RFC 9111 §4.2.1 and §4.2.2).

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};

use super::dates::date;
use super::directives::ResponseDirectives;

/// Of the time since a response was last modified, the part that it is taken to stay as it is (RFC 9111 §4.2.2 names
/// 10 %).
const HEURISTIC_DIVISOR: u32 = 10;

/// The longest that a response is fresh by heuristics: beyond a day users must be told of it, by an `Age` that nobody reads.
pub const MAX_HEURISTIC_FRESHNESS: Duration = Duration::from_secs(24 * 60 * 60);

/// The statuses that are heuristically cacheable (RFC 9110 §15.1).
const HEURISTICALLY_CACHEABLE: [u16; 12] =
    [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501];

/// How long responses of a status are kept that say nothing about it. An installation's choice, as RFC 9111 §4.2.2 has
/// it: heuristics without `Last-Modified`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NegativeCaching(pub Vec<(StatusCode, Duration)>);

impl NegativeCaching {
    fn of(&self, status: StatusCode) -> Option<Duration> {
        let found = self.0.iter().find(|(of, _)| *of == status);
        found.map(|(_, lifetime)| *lifetime)
    }
}

/// Where a freshness lifetime comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreshnessSource {
    /// `s-maxage`, `max-age` or `Expires`, or a targeted field.
    Explicit,
    /// `Last-Modified`.
    Heuristic,
    /// The installation's choice for the status.
    Configured,
    /// Nothing says that it is fresh at all.
    None,
}

/// What a freshness lifetime follows from.
#[derive(Clone, Copy, Debug)]
pub struct FreshnessFacts<'a> {
    /// The status.
    pub status: StatusCode,
    /// The fields.
    pub headers: &'a HeaderMap,
    /// What of them counts.
    pub directives: &'a ResponseDirectives,
    /// Whether that comes from a targeted field, so that `Expires` does not count (RFC 9213 §2.2).
    pub is_targeted: bool,
    /// When the response was made (RFC 9111 §4.2.3).
    pub date_value: SystemTime,
}

/// How long a response is fresh from the time it was made, and why.
#[must_use]
pub fn freshness_lifetime(
    facts: &FreshnessFacts<'_>,
    negative_caching: &NegativeCaching,
) -> (Duration, FreshnessSource) {
    if let Some(lifetime) = explicit_expiration(facts) {
        return (lifetime, FreshnessSource::Explicit);
    }
    if let Some(lifetime) = heuristic_freshness(facts) {
        return (lifetime, FreshnessSource::Heuristic);
    }
    match negative_caching.of(facts.status) {
        Some(lifetime) if !says_something(facts) => (lifetime, FreshnessSource::Configured),
        _ => (Duration::ZERO, FreshnessSource::None),
    }
}

/// The lifetime that the response states (§4.2.1). Invalid values state that it is stale.
fn explicit_expiration(facts: &FreshnessFacts<'_>) -> Option<Duration> {
    let directives = facts.directives;
    let stated = directives.s_maxage.or(directives.max_age);
    if stated.is_some() || facts.is_targeted || !facts.headers.contains_key(header::EXPIRES) {
        return stated;
    }
    let expires = date(facts.headers, &header::EXPIRES);
    let lifetime = expires.and_then(|expires| expires.duration_since(facts.date_value).ok());
    Some(lifetime.unwrap_or_default())
}

/// The lifetime that may be assumed (§4.2.2), for statuses that allow it and what is marked `public`.
///
/// Never for what sets a cookie: whether that is for one user or for all only the origin knows.
fn heuristic_freshness(facts: &FreshnessFacts<'_>) -> Option<Duration> {
    let allowed =
        HEURISTICALLY_CACHEABLE.contains(&facts.status.as_u16()) || facts.directives.public;
    if !allowed || facts.headers.contains_key(header::SET_COOKIE) {
        return None;
    }
    let last_modified = date(facts.headers, &header::LAST_MODIFIED)?;
    let unchanged = facts.date_value.duration_since(last_modified).ok()?;
    Some((unchanged / HEURISTIC_DIVISOR).min(MAX_HEURISTIC_FRESHNESS))
}

/// Whether a response says anything about how it is to be cached.
fn says_something(facts: &FreshnessFacts<'_>) -> bool {
    facts.is_targeted
        || facts.headers.contains_key(header::CACHE_CONTROL)
        || facts.headers.contains_key(header::SET_COOKIE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{headers, moment};

    fn lifetime(status: u16, fields: &[(&'static str, &str)]) -> (u64, FreshnessSource) {
        let headers = headers(fields);
        let facts = FreshnessFacts {
            status: StatusCode::from_u16(status).unwrap(),
            headers: &headers,
            directives: &ResponseDirectives::parse(&headers),
            is_targeted: false,
            date_value: moment(1_000_000).wall,
        };
        let negative = NegativeCaching(vec![(StatusCode::NOT_FOUND, Duration::from_secs(7))]);
        let (lifetime, source) = freshness_lifetime(&facts, &negative);
        (lifetime.as_secs(), source)
    }

    #[test]
    fn s_maxage_counts_before_max_age_and_that_before_expires_rfc_9111_4_2_1() {
        use FreshnessSource::Explicit;
        let expires = ("expires", "Mon, 12 Jan 1970 13:50:00 GMT");
        assert_eq!(lifetime(200, &[expires]), (200, Explicit));
        assert_eq!(
            lifetime(200, &[("cache-control", "max-age=5"), expires]),
            (5, Explicit)
        );
        assert_eq!(
            lifetime(200, &[("cache-control", "max-age=5, s-maxage=9")]),
            (9, Explicit)
        );
    }

    #[test]
    fn expires_that_is_no_date_or_past_states_that_it_is_stale_rfc_9111_5_3() {
        assert_eq!(lifetime(200, &[("expires", "0")]).0, 0);
        assert_eq!(
            lifetime(200, &[("expires", "Thu, 01 Jan 1970 00:00:00 GMT")]).0,
            0
        );
    }

    #[test]
    fn a_tenth_of_the_time_unchanged_is_assumed_and_a_day_at_most_rfc_9111_4_2_2() {
        use FreshnessSource::{Heuristic, None};
        let modified = ("last-modified", "Mon, 12 Jan 1970 13:36:40 GMT");
        assert_eq!(lifetime(200, &[modified]), (60, Heuristic));
        assert_eq!(lifetime(201, &[modified]), (0, None));
        assert_eq!(
            lifetime(599, &[modified, ("cache-control", "public")]),
            (60, Heuristic)
        );
        assert_eq!(lifetime(200, &[modified, ("set-cookie", "a=b")]), (0, None));
        let long_ago = ("last-modified", "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(
            lifetime(200, &[long_ago]).0,
            MAX_HEURISTIC_FRESHNESS.as_secs()
        );
    }

    #[test]
    fn a_failure_is_kept_as_configured_if_it_says_nothing() {
        assert_eq!(lifetime(404, &[]), (7, FreshnessSource::Configured));
        assert_eq!(lifetime(404, &[("cache-control", "no-cache")]).0, 0);
        assert_eq!(lifetime(500, &[]), (0, FreshnessSource::None));
    }
}
