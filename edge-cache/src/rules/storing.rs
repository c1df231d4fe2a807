//! Whether a response may be stored (RFC 9111 §3), and the facts that are stored with it.

mod config;
mod guard;
mod reason;

use http::request;
use http::response;
use http::{HeaderMap, HeaderName, Method, Response, StatusCode, header};

use super::Policy;
use super::age::date_value;
use super::directives::{RequestDirectives, ResponseDirectives};
use super::freshness::{
    FreshnessFacts, FreshnessSource, freshness_lifetime, is_heuristically_cacheable,
};
use super::groups::{self, Groups};
use super::key::CacheKey;
use super::range::content_range;
use super::targeted::targeted_directives;
use super::validation::{freshen, has_validator};
use super::vary::VaryKey;
use crate::{Moment, StoredResponse};

pub use config::{SetCookie, StoringConfig};
pub use guard::{has_content, steers_the_origin};
pub use reason::NoStoreReason;

/// The facts that are stored with a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storable {
    /// The status that it is stored with. A part is stored as part of a 200.
    pub status: StatusCode,
    /// Which requests it answers.
    pub vary: VaryKey,
    /// The rules for its reuse.
    pub policy: Policy,
    /// The fields that are not stored with it, because qualified directives name them.
    pub excluded: Vec<HeaderName>,
    /// The groups that it is in.
    pub groups: Groups,
}

/// A stored response whose fields a newer one has freshened.
#[derive(Clone, Debug)]
pub struct Freshened {
    /// Its fields, including those that are not stored.
    pub headers: HeaderMap,
    /// The facts that are stored with it.
    pub storable: Storable,
    /// Whether it may stay stored: the newer response may forbid that.
    pub may_keep: Result<(), NoStoreReason>,
}

/// Whether the response to a `GET` may be stored (RFC 9111 §3), or that to a `POST` that [`is_also_for_get`].
///
/// # Errors
/// Why it may not.
pub fn may_store(
    key: &CacheKey,
    request: &request::Parts,
    head: &response::Parts,
    config: &StoringConfig,
    response_time: Moment,
) -> Result<Storable, NoStoreReason> {
    if !matches!(request.method, Method::GET | Method::POST) {
        return Err(NoStoreReason::Method);
    }
    if RequestDirectives::parse(&request.headers).no_store {
        return Err(NoStoreReason::RequestNoStore);
    }
    if steers_the_origin(&request.headers, key)
        || (request.method == Method::GET && has_content(&request.headers))
    {
        return Err(NoStoreReason::UnkeyedInput);
    }
    let judged = Judged::for_all(head, config, response_time)?;
    authorization_allows(&request.headers, &judged.directives)?;
    cookies_allow(&request.headers, &judged)?;
    let status = stored_status(head);
    let vary = if status == StatusCode::PARTIAL_CONTENT {
        VaryKey::of_same_range(&request.headers, &head.headers)
    } else {
        VaryKey::new(&request.headers, &head.headers)
    };
    Ok(judged.storable(status, vary.ok_or(NoStoreReason::Vary)?))
}

/// Whether a response may be stored, as far as its request has no say.
///
/// # Errors
/// Why it may not.
pub fn response_allows(
    head: &response::Parts,
    config: &StoringConfig,
    response_time: Moment,
) -> Result<(), NoStoreReason> {
    Judged::for_all(head, config, response_time).map(drop)
}

/// Freshens a stored response with a 304 or a response to `HEAD` (RFC 9111 §4.3.4).
#[must_use]
pub fn freshened(
    request: &request::Parts,
    stored: &StoredResponse,
    newer: &HeaderMap,
    config: &StoringConfig,
    response_time: Moment,
) -> Freshened {
    let mut head = Response::new(()).into_parts().0;
    head.status = stored.status;
    head.headers = freshen(&stored.headers, newer);
    let mut judged = Judged::new(&head, config, response_time);
    // A new cookie is for the client that caused the validation, unless the origin says otherwise. The content is for all.
    if judged
        .set_cookie_allows(&head.headers, config.set_cookie)
        .is_err()
    {
        judged.excluded.push(header::SET_COOKIE);
    }
    let vary = stored.vary.freshened(&request.headers, newer);
    let may_keep = judged
        .may_store(&head)
        .and_then(|()| authorization_allows(&request.headers, &judged.directives))
        .and_then(|()| vary.as_ref().map(drop).ok_or(NoStoreReason::Vary));
    let vary = vary.unwrap_or_else(|| stored.vary.clone());
    Freshened {
        headers: head.headers,
        storable: judged.storable(stored.status, vary),
        may_keep,
    }
}

/// The rules for the reuse of a response that is stored already.
#[must_use]
pub fn policy(head: &response::Parts, config: &StoringConfig, response_time: Moment) -> Policy {
    Judged::new(head, config, response_time).policy
}

/// Whether a response to `POST` may be stored for `GET` (RFC 9110 §9.3.3): it says so, and for how long.
#[must_use]
pub fn is_also_for_get<B>(
    key: &CacheKey,
    request: &request::Parts,
    response: &Response<B>,
) -> bool {
    let headers = response.headers();
    let directives = ResponseDirectives::parse(headers);
    let is_explicit = directives.s_maxage.or(directives.max_age).is_some()
        || headers.contains_key(header::EXPIRES);
    request.method == Method::POST
        && response.status() == StatusCode::OK
        && is_explicit
        && content_location(key, headers).as_ref() == Some(key)
}

fn content_location(target: &CacheKey, response: &HeaderMap) -> Option<CacheKey> {
    let mut locations = response.get_all(header::CONTENT_LOCATION).iter();
    let location = locations.next().filter(|_| locations.next().is_none())?;
    target.resolve(location.to_str().ok()?)
}

/// What a response's fields say, for any request.
struct Judged {
    directives: ResponseDirectives,
    /// Whether they come from a targeted field.
    is_targeted: bool,
    policy: Policy,
    excluded: Vec<HeaderName>,
    /// `None` until it is found that the response may be stored.
    groups: Groups,
}

impl Judged {
    fn new(head: &response::Parts, config: &StoringConfig, response_time: Moment) -> Self {
        let headers = &head.headers;
        let targeted = targeted_directives(headers, &config.target_list);
        let is_targeted = targeted.is_some();
        let directives = targeted.unwrap_or_else(|| ResponseDirectives::parse(headers));
        let facts = FreshnessFacts {
            status: head.status,
            headers,
            directives: &directives,
            is_targeted,
            date_value: date_value(headers, response_time),
            response_time: response_time.wall,
        };
        let (freshness_lifetime, source) = freshness_lifetime(&facts, &config.negative_caching);
        Self {
            policy: Policy::new(&directives, freshness_lifetime, source),
            excluded: [directives.no_cache.fields(), directives.private.fields()].concat(),
            directives,
            is_targeted,
            groups: Groups::default(),
        }
    }

    /// The same for a response that may be stored, for any request.
    fn for_all(
        head: &response::Parts,
        config: &StoringConfig,
        response_time: Moment,
    ) -> Result<Self, NoStoreReason> {
        let mut judged = Self::new(head, config, response_time);
        judged.may_store(head)?;
        judged.set_cookie_allows(&head.headers, config.set_cookie)?;
        Ok(judged)
    }

    /// What they say about storing it.
    fn may_store(&mut self, head: &response::Parts) -> Result<(), NoStoreReason> {
        let Self {
            directives, policy, ..
        } = self;
        status_allows(head.status, directives)?;
        directives_allow(directives)?;
        is_permitted(head.status, directives, policy)?;
        is_reusable(head, directives, policy)?;
        self.groups = groups::groups(&head.headers);
        if self.groups.are_bounded() {
            Ok(())
        } else {
            Err(NoStoreReason::TooManyGroups)
        }
    }

    /// A response that sets a cookie has to say for how long it is fresh and that it is for all clients, unless a
    /// qualified directive keeps the cookie out of the store.
    ///
    /// RFC 9111 §7.3 asks for neither. But a lifetime alone is often added by a framework to all responses, and a stored
    /// session cookie logs its readers in as one another.
    fn set_cookie_allows(
        &self,
        headers: &HeaderMap,
        set_cookie: SetCookie,
    ) -> Result<(), NoStoreReason> {
        let Self {
            directives, policy, ..
        } = self;
        if !headers.contains_key(header::SET_COOKIE) || self.excluded.contains(&header::SET_COOKIE)
        {
            return Ok(());
        }
        let has_lifetime =
            policy.source.is_explicit() && !policy.freshness_lifetime.is_zero() && !policy.no_cache;
        let is_for_all = match set_cookie {
            SetCookie::IfForAll => {
                self.is_targeted || directives.public || directives.s_maxage.is_some()
            }
            SetCookie::Store => true,
        };
        if has_lifetime && is_for_all {
            Ok(())
        } else {
            Err(NoStoreReason::SetCookie)
        }
    }

    fn storable(self, status: StatusCode, vary: VaryKey) -> Storable {
        Storable {
            status,
            vary,
            policy: self.policy,
            excluded: self.excluded,
            groups: self.groups,
        }
    }
}

/// The status that a response is stored with: 200 for a part with `Content-Range`.
fn stored_status(head: &response::Parts) -> StatusCode {
    if head.status == StatusCode::PARTIAL_CONTENT && content_range(&head.headers).is_some() {
        StatusCode::OK
    } else {
        head.status
    }
}

/// The status is final, does not depend on the request, and is understood if it has to be (RFC 9111 §3, §5.2.2.3).
fn status_allows(status: StatusCode, directives: &ResponseDirectives) -> Result<(), NoStoreReason> {
    let allows = match status.as_u16() {
        // Their meaning depends on the request's preconditions and range.
        ..200 | 304 | 412 | 416 => false,
        other => !directives.must_understand || is_understood(other),
    };
    if allows {
        Ok(())
    } else {
        Err(NoStoreReason::Status)
    }
}

/// The final statuses of RFC 9110 §15, and those of RFC 6585 and RFC 7725, which have no special rules for caches.
fn is_understood(status: u16) -> bool {
    matches!(
        status,
        200..=206 | 300..=305 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 428 | 429 | 431 | 451 | 500..=505 | 511
    )
}

/// No directive forbids it (RFC 9111 §3, §5.2.2.3, §5.2.2.5, §5.2.2.7).
fn directives_allow(directives: &ResponseDirectives) -> Result<(), NoStoreReason> {
    // With `must-understand`, `no-store` is for caches that do not understand the status (§5.2.2.3).
    if directives.no_store && !directives.must_understand {
        return Err(NoStoreReason::NoStore);
    }
    if directives.private.is_all() {
        return Err(NoStoreReason::Private);
    }
    Ok(())
}

/// A response to a request with `Authorization` has to allow it (RFC 9111 §3.5).
fn authorization_allows(
    request: &HeaderMap,
    directives: &ResponseDirectives,
) -> Result<(), NoStoreReason> {
    let allowed = directives.public || directives.must_revalidate || directives.s_maxage.is_some();
    if request.contains_key(header::AUTHORIZATION) && !allowed {
        return Err(NoStoreReason::Authorization);
    }
    Ok(())
}

/// A response to a request with cookies has to allow it. Heuristics are not enough.
fn cookies_allow(request: &HeaderMap, judged: &Judged) -> Result<(), NoStoreReason> {
    let ResponseDirectives {
        public, no_cache, ..
    } = &judged.directives;
    let says_so = judged.policy.source.is_explicit() || *public || no_cache.is_all();
    if request.contains_key(header::COOKIE) && !says_so {
        return Err(NoStoreReason::Cookie);
    }
    Ok(())
}

/// Something permits to store it: a directive, `Expires`, or its status (RFC 9111 §3).
fn is_permitted(
    status: StatusCode,
    directives: &ResponseDirectives,
    policy: &Policy,
) -> Result<(), NoStoreReason> {
    let is_permitted = directives.public
        || policy.source.is_explicit()
        || policy.source == FreshnessSource::Negative
        || is_heuristically_cacheable(status);
    if is_permitted {
        Ok(())
    } else {
        Err(NoStoreReason::NotReusable)
    }
}

/// The response may be reused: while it is fresh, stale, or after a validation.
///
/// A response without any directive may be for one client, so it is not validated for others.
fn is_reusable(
    head: &response::Parts,
    directives: &ResponseDirectives,
    policy: &Policy,
) -> Result<(), NoStoreReason> {
    let is_fresh = !policy.freshness_lifetime.is_zero() && !policy.no_cache;
    let may_be_stale = policy.stale_while_revalidate.is_some() || policy.stale_if_error.is_some();
    let says_something =
        policy.source != FreshnessSource::None || directives.public || policy.no_cache;
    let may_be_validated =
        says_something && head.status.is_success() && has_validator(&head.headers);
    if is_fresh || may_be_stale || may_be_validated {
        Ok(())
    } else {
        Err(NoStoreReason::NotReusable)
    }
}

#[cfg(test)]
mod tests;
