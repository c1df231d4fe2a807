//! A request with its cache key and the facts that the cache reads from it once.

use http::request::Parts;
use http::{HeaderName, Method, Request, header};

use super::upstream::Route;
use crate::rules::conditional;
use crate::rules::directives::RequestDirectives;
use crate::rules::key::CacheKey;

/// Fields of a request that has content, preconditions, a range or directives.
const DEMANDS: [HeaderName; 10] = [
    header::CACHE_CONTROL,
    header::CONTENT_LENGTH,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::PRAGMA,
    header::RANGE,
    header::TRANSFER_ENCODING,
];

/// Whether a request is a `GET` for all of a representation, without conditions. Most are, and one pass over the names of
/// their fields replaces ten look-ups.
pub(super) fn is_plain<Q>(request: &Request<Q>) -> bool {
    let mut names = request.headers().keys();
    request.method() == Method::GET && !names.any(|name| DEMANDS.contains(name))
}

/// A request for a representation.
#[derive(Clone)]
pub(super) struct KeyedRequest {
    pub(super) key: CacheKey,
    pub(super) head: Parts,
    pub(super) directives: RequestDirectives,
    /// See [`is_plain`].
    pub(super) is_plain: bool,
    /// Whether a client waits for the answer. If not, the cache validates in the background.
    pub(super) has_client: bool,
    /// The route that it takes, if known.
    pub(super) route: Option<Route>,
}

impl KeyedRequest {
    pub(super) fn new(key: CacheKey, head: Parts, is_plain: bool) -> Self {
        let directives = if is_plain {
            RequestDirectives::default()
        } else {
            RequestDirectives::parse(&head.headers)
        };
        Self {
            key,
            head,
            directives,
            is_plain,
            has_client: true,
            route: None,
        }
    }

    /// Whether its response is likely to serve other clients. A response to `Authorization` is not, and says nothing
    /// about the responses to requests without it.
    pub(super) fn may_share(&self) -> bool {
        !self.head.headers.contains_key(header::AUTHORIZATION)
    }

    /// The request by which the cache validates in the background: for all of the representation, without conditions.
    pub(super) fn for_the_cache_itself(mut self) -> Self {
        conditional::remove_preconditions(&mut self.head.headers);
        self.head.headers.remove(header::RANGE);
        self.head.headers.remove(header::IF_RANGE);
        self.head.method = Method::GET;
        self.has_client = false;
        self
    }
}
