//! Whether a response may be stored (RFC 9111 §3), and what is judged once when it is.

use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, Response, StatusCode, header, response};

use super::age::date_value;
use super::directives::{RequestDirectives, ResponseDirectives};
use super::freshness::{FreshnessFacts, FreshnessSource, NegativeCaching, freshness_lifetime};
use super::invalidation::referred;
use super::key::CacheKey;
use super::targeted::targeted_directives;
use super::validation::has_validator;
use super::vary::VaryKey;
use super::{Policy, range};
use crate::time::Moment;

/// Statuses that the cache understands (RFC 9111 §3), for `must-understand`: those of RFC 9110 §15 that are final, and 451 of
/// RFC 7725, 429 and the like of RFC 6585.
fn is_understood(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200..=206 | 300..=305 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 428 | 429 | 431 | 451 | 500..=505 | 511
    )
}

/// Why a response is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoStoreReason {
    /// The request was not one for a representation, or forbade it (RFC 9111 §5.2.1.5).
    Request,
    /// The request was authorised, and nothing says that the response is for others (§3.5).
    Authorization,
    /// The response forbids it (§5.2.2.5, §5.2.2.7).
    Forbidden,
    /// Nothing says that it may be used again, now or after validation.
    NotReusable,
    /// It is for no other request (§4.1).
    VariesOnEverything,
    /// Its status is not understood, or means nothing by itself.
    Status,
    /// The installation does not want it, or it is too large.
    NotWanted,
}

impl NoStoreReason {
    /// The reason as a token, for `Cache-Status`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Authorization => "authorization",
            Self::Forbidden => "forbidden",
            Self::NotReusable => "not-reusable",
            Self::VariesOnEverything => "vary",
            Self::Status => "status",
            Self::NotWanted => "not-wanted",
        }
    }

    /// Whether the next response for the same target is likely not to be stored either.
    #[must_use]
    pub fn is_lasting(self) -> bool {
        !matches!(self, Self::Request | Self::Authorization | Self::Status)
    }
}

/// What is judged when a response is stored.
#[derive(Clone, Debug)]
pub struct Storable {
    /// The status under which it is stored: a part is one of a 200.
    pub status: StatusCode,
    /// What its fields say.
    pub policy: Policy,
    /// Which requests it answers.
    pub vary: VaryKey,
    /// The fields that are not stored.
    pub excluded: Vec<HeaderName>,
}

/// What a response's fields say about storing and reusing it.
#[must_use]
pub fn policy(
    head: &response::Parts,
    target_list: &[HeaderName],
    negative_caching: &NegativeCaching,
    response_time: Moment,
) -> (Policy, FreshnessSource) {
    let targeted = targeted_directives(&head.headers, target_list);
    let is_targeted = targeted.is_some();
    let directives = targeted.unwrap_or_else(|| ResponseDirectives::parse(&head.headers));
    let facts = FreshnessFacts {
        status: head.status,
        headers: &head.headers,
        directives: &directives,
        is_targeted,
        date_value: date_value(&head.headers, response_time),
    };
    let (freshness_lifetime, source) = freshness_lifetime(&facts, negative_caching);
    let policy = Policy {
        directives,
        freshness_lifetime,
    };
    (policy, source)
}

/// Whether the response to a request may be stored (RFC 9111 §3), and if so what follows from its fields.
///
/// # Errors
/// The first reason against it.
pub fn may_store(
    request: &Parts,
    head: &response::Parts,
    target_list: &[HeaderName],
    negative_caching: &NegativeCaching,
    response_time: Moment,
) -> Result<Storable, NoStoreReason> {
    let (policy, source) = policy(head, target_list, negative_caching, response_time);
    let directives = &policy.directives;
    may_store_status(head, directives)?;
    if RequestDirectives::parse(&request.headers).no_store {
        return Err(NoStoreReason::Request);
    }
    // `no-store` beside `must-understand` is for caches that do not understand the status (§5.2.2.3).
    if (directives.no_store && !directives.must_understand) || directives.private.is_all() {
        return Err(NoStoreReason::Forbidden);
    }
    if request.headers.contains_key(header::AUTHORIZATION) && !is_for_others(directives) {
        return Err(NoStoreReason::Authorization);
    }
    if !is_reusable(&policy, source, &head.headers) {
        return Err(NoStoreReason::NotReusable);
    }
    let is_part = range::content_range(&head.headers).is_some();
    let is_opaque = head.status == StatusCode::PARTIAL_CONTENT && !is_part;
    let vary = if is_opaque {
        VaryKey::of_same_range(&request.headers, &head.headers)
    } else {
        VaryKey::new(&request.headers, &head.headers)
    };
    let vary = vary.ok_or(NoStoreReason::VariesOnEverything)?;
    let excluded = policy.excluded_fields();
    let status = if head.status == StatusCode::PARTIAL_CONTENT && is_part {
        StatusCode::OK
    } else {
        head.status
    };
    Ok(Storable {
        status,
        vary,
        excluded,
        policy,
    })
}

/// Whether a response with this status can be stored (§3, §3.3).
fn may_store_status(
    head: &response::Parts,
    directives: &ResponseDirectives,
) -> Result<(), NoStoreReason> {
    let status = head.status;
    match status {
        // They mean something only together with the request that they answer.
        StatusCode::NOT_MODIFIED
        | StatusCode::RANGE_NOT_SATISFIABLE
        | StatusCode::PRECONDITION_FAILED => {
            return Err(NoStoreReason::Status);
        }
        _ if status.is_informational() => return Err(NoStoreReason::Status),
        _ => {}
    }
    if directives.must_understand && !is_understood(status) {
        return Err(NoStoreReason::Status);
    }
    Ok(())
}

/// Whether a response to an authorised request says that it is for others too (§3.5).
fn is_for_others(directives: &ResponseDirectives) -> bool {
    directives.public || directives.must_revalidate || directives.s_maxage.is_some()
}

/// Whether it can ever be used again: while it is fresh, after validation, or stale. What is fresh by nobody's word is
/// kept only if the origin can be asked about it.
fn is_reusable(policy: &Policy, source: FreshnessSource, headers: &HeaderMap) -> bool {
    let directives = &policy.directives;
    let says_something =
        source != FreshnessSource::None || directives.public || directives.no_cache.is_all();
    let may_be_stale =
        directives.stale_while_revalidate.is_some() || directives.stale_if_error.is_some();
    let is_fresh = policy.freshness_lifetime.as_secs() > 0 && !directives.no_cache.is_all();
    is_fresh || may_be_stale || (says_something && has_validator(headers))
}

/// Whether the response to `POST` says that it is what `GET` would bring (RFC 9110 §9.3.3): it has the target's
/// `Content-Location` and states how long it is fresh.
#[must_use]
pub fn is_also_for_get<B>(key: &CacheKey, request: &Parts, response: &Response<B>) -> bool {
    let headers = response.headers();
    let directives = ResponseDirectives::parse(headers);
    let states_freshness = directives.s_maxage.or(directives.max_age).is_some()
        || headers.contains_key(header::EXPIRES);
    request.method == Method::POST
        && response.status() == StatusCode::OK
        && states_freshness
        && referred(key, headers, &header::CONTENT_LOCATION).as_ref() == Some(key)
}

#[cfg(test)]
mod tests;
