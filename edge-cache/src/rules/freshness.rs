//! How long a response is fresh (RFC 9111 §4.2.1 and §4.2.2).

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};

use super::dates::date;
use super::directives::ResponseDirectives;
use crate::limits::{HEURISTIC_DIVISOR, MAX_DELTA_SECONDS, MAX_HEURISTIC_FRESHNESS};

/// The statuses that are heuristically cacheable (RFC 9110 §15.1).
const HEURISTICALLY_CACHEABLE: [u16; 12] =
    [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501];

/// How long errors without an explicit lifetime are fresh, by status: a heuristic (RFC 9111 §4.2.2) that the operator
/// chooses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NegativeCaching(pub Vec<(StatusCode, Duration)>);

impl NegativeCaching {
    /// How long responses of a status are fresh; `None` if it is not an error.
    #[must_use]
    pub fn of(&self, status: StatusCode) -> Option<Duration> {
        let is_failure = status.is_client_error() || status.is_server_error();
        let found = self.0.iter().find(|(of, _)| is_failure && *of == status);
        found.map(|(_, lifetime)| *lifetime)
    }
}

/// Where a freshness lifetime comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FreshnessSource {
    /// There is none.
    #[default]
    None,
    /// A targeted field (RFC 9213).
    Targeted,
    /// `s-maxage`.
    SMaxage,
    /// `max-age`.
    MaxAge,
    /// `Expires`.
    Expires,
    /// `Last-Modified`.
    Heuristic,
    /// The operator's choice for errors.
    Negative,
}

impl FreshnessSource {
    /// Whether the response states its lifetime itself, so that heuristics do not apply.
    #[must_use]
    pub fn is_explicit(self) -> bool {
        matches!(
            self,
            Self::Targeted | Self::SMaxage | Self::MaxAge | Self::Expires
        )
    }
}

/// The input for a freshness lifetime.
#[derive(Clone, Copy, Debug)]
pub struct FreshnessFacts<'a> {
    /// The status.
    pub status: StatusCode,
    /// The fields.
    pub headers: &'a HeaderMap,
    /// The directives that count.
    pub directives: &'a ResponseDirectives,
    /// Whether they come from a targeted field, so that `Expires` does not count (RFC 9213 §2.2).
    pub is_targeted: bool,
    /// When the response was made (RFC 9111 §4.2.3).
    pub date_value: SystemTime,
    /// When it came. It decides the century of dates with two digits for the year.
    pub response_time: SystemTime,
}

/// How long a response is fresh from the time it was made, and why.
#[must_use]
pub fn freshness_lifetime(
    facts: &FreshnessFacts<'_>,
    negative_caching: &NegativeCaching,
) -> (Duration, FreshnessSource) {
    if let Some(stated) = explicit_expiration(facts) {
        return stated;
    }
    if let Some(lifetime) = heuristic_freshness(facts) {
        return (lifetime, FreshnessSource::Heuristic);
    }
    match negative_caching.of(facts.status) {
        Some(lifetime) if !says_something(facts) => (lifetime, FreshnessSource::Negative),
        _ => (Duration::ZERO, FreshnessSource::None),
    }
}

/// The explicit lifetime (§4.2.1). A value that can't be read makes the response stale.
fn explicit_expiration(facts: &FreshnessFacts<'_>) -> Option<(Duration, FreshnessSource)> {
    let ResponseDirectives {
        s_maxage, max_age, ..
    } = *facts.directives;
    let source = |source| {
        if facts.is_targeted {
            FreshnessSource::Targeted
        } else {
            source
        }
    };
    let s_maxage = s_maxage.map(|lifetime| (lifetime, source(FreshnessSource::SMaxage)));
    let stated = s_maxage.or_else(|| Some((max_age?, source(FreshnessSource::MaxAge))));
    if stated.is_some() || facts.is_targeted || !facts.headers.contains_key(header::EXPIRES) {
        return stated;
    }
    let expires = date(facts.headers, &header::EXPIRES, facts.response_time);
    let lifetime = expires.and_then(|expires| expires.duration_since(facts.date_value).ok());
    let lifetime = lifetime
        .unwrap_or_default()
        .min(Duration::from_secs(MAX_DELTA_SECONDS));
    Some((lifetime, FreshnessSource::Expires))
}

/// The heuristic lifetime (§4.2.2), for statuses that allow it and for `public`.
///
/// None for a response that sets a cookie: only the origin knows whether it is for one user.
fn heuristic_freshness(facts: &FreshnessFacts<'_>) -> Option<Duration> {
    let allowed = is_heuristically_cacheable(facts.status) || facts.directives.public;
    if !allowed || facts.headers.contains_key(header::SET_COOKIE) {
        return None;
    }
    let last_modified = date(facts.headers, &header::LAST_MODIFIED, facts.response_time)?;
    let unchanged = facts.date_value.duration_since(last_modified).ok()?;
    Some((unchanged / HEURISTIC_DIVISOR).min(MAX_HEURISTIC_FRESHNESS))
}

/// Whether a status may be assumed to stay for a while (RFC 9110 §15.1).
#[must_use]
pub fn is_heuristically_cacheable(status: StatusCode) -> bool {
    HEURISTICALLY_CACHEABLE.contains(&status.as_u16())
}

/// Whether a response says anything about caching, or about whom it is for.
fn says_something(facts: &FreshnessFacts<'_>) -> bool {
    let fields = [
        header::CACHE_CONTROL,
        header::EXPIRES,
        header::SET_COOKIE,
        header::PRAGMA,
    ];
    facts.is_targeted || fields.iter().any(|name| facts.headers.contains_key(name))
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
            response_time: moment(1_000_000).wall,
        };
        let negative = NegativeCaching(vec![
            (StatusCode::NOT_FOUND, Duration::from_secs(7)),
            (StatusCode::OK, Duration::from_secs(7)),
        ]);
        let (lifetime, source) = freshness_lifetime(&facts, &negative);
        (lifetime.as_secs(), source)
    }

    #[test]
    fn s_maxage_counts_before_max_age_and_that_before_expires_rfc_9111_4_2_1() {
        use FreshnessSource::{Expires, MaxAge, SMaxage};
        let expires = ("expires", "Mon, 12 Jan 1970 13:50:00 GMT");
        assert_eq!(lifetime(200, &[expires]), (200, Expires));
        assert_eq!(
            lifetime(200, &[("cache-control", "max-age=5"), expires]),
            (5, MaxAge)
        );
        assert_eq!(
            lifetime(200, &[("cache-control", "max-age=5, s-maxage=9")]),
            (9, SMaxage)
        );
        assert_eq!(
            lifetime(
                200,
                &[
                    ("cache-control", "s-maxage=3"),
                    ("cache-control", "max-age=5")
                ]
            ),
            (3, SMaxage)
        );
    }

    #[test]
    fn expires_that_is_no_date_or_past_states_that_it_is_stale_rfc_9111_5_3() {
        let modified = ("last-modified", "Mon, 12 Jan 1970 13:36:40 GMT");
        for expires in [
            "0",
            "-1",
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "Mon, 12 Jan 1970 13:46:40 GMT",
        ] {
            let stated = lifetime(200, &[("expires", expires), modified]);
            assert_eq!(stated, (0, FreshnessSource::Expires), "{expires}");
        }
    }

    #[test]
    fn targeted_directives_count_before_expires_rfc_9213_2_2() {
        let headers = headers(&[("expires", "Mon, 12 Jan 1970 13:50:00 GMT")]);
        let facts = FreshnessFacts {
            status: StatusCode::OK,
            headers: &headers,
            directives: &ResponseDirectives {
                max_age: Some(Duration::from_secs(9)),
                ..ResponseDirectives::default()
            },
            is_targeted: true,
            date_value: moment(0).wall,
            response_time: moment(0).wall,
        };
        let none = NegativeCaching::default();
        assert_eq!(
            freshness_lifetime(&facts, &none),
            (Duration::from_secs(9), FreshnessSource::Targeted)
        );
        let facts = FreshnessFacts {
            directives: &ResponseDirectives::default(),
            ..facts
        };
        assert_eq!(
            freshness_lifetime(&facts, &none),
            (Duration::ZERO, FreshnessSource::None)
        );
    }

    #[test]
    fn a_tenth_of_the_time_unchanged_is_assumed_and_a_day_at_most_rfc_9111_4_2_2() {
        use FreshnessSource::{Heuristic, None};
        let modified = ("last-modified", "Mon, 12 Jan 1970 13:36:40 GMT");
        assert_eq!(lifetime(200, &[modified]), (60, Heuristic));
        assert_eq!(lifetime(201, &[modified]), (0, None));
        assert_eq!(lifetime(599, &[modified]), (0, None));
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
        let later = ("last-modified", "Mon, 12 Jan 1970 13:46:41 GMT");
        assert_eq!(lifetime(200, &[later]), (0, None));
    }

    #[test]
    fn a_failure_is_kept_as_configured_if_it_says_nothing() {
        assert_eq!(lifetime(404, &[]), (7, FreshnessSource::Negative));
        assert_eq!(lifetime(404, &[("cache-control", "no-cache")]).0, 0);
        assert_eq!(lifetime(404, &[("set-cookie", "a=b")]).0, 0);
        assert_eq!(lifetime(500, &[]), (0, FreshnessSource::None));
        assert_eq!(
            lifetime(200, &[]),
            (0, FreshnessSource::None),
            "it is no failure"
        );
    }
}
