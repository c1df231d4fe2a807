//! What is stored of that which a request asks for.

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderName, Method, Request, header};

use super::upstream::Route;
use crate::rules::cache_status::ForwardReason;
use crate::rules::conditional;
use crate::rules::directives::RequestDirectives;
use crate::rules::key::CacheKey;
use crate::rules::selection;
use crate::store::Variants;
use crate::stored_response::StoredResponse;

/// Fields of a request that wants more of a cache than the whole of what is there, or has content.
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

/// Whether a request is a `GET` for the whole of what is there. Most are, and one look at the names of their fields saves
/// to look up each of those that mean more.
pub(super) fn is_plain<Q>(request: &Request<Q>) -> bool {
    let mut names = request.headers().keys();
    request.method() == Method::GET && !names.any(|name| DEMANDS.contains(name))
}

/// A request for a representation, with what the cache has judged of it.
#[derive(Clone)]
pub(super) struct Asking {
    pub(super) key: CacheKey,
    pub(super) head: Parts,
    pub(super) directives: RequestDirectives,
    /// Whether it is known to ask for the whole, on no condition.
    pub(super) is_plain: bool,
    /// Whether a client waits for the answer; otherwise the cache asks for itself.
    pub(super) has_client: bool,
    /// The route that it takes, where that is known.
    pub(super) route: Option<Route>,
}

impl Asking {
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

    /// Whether what the origin answers to it is likely to be for others as well. Who asks with `Authorization` waits for
    /// nobody, and a private answer says nothing of what those get who ask without it.
    pub(super) fn may_share(&self) -> bool {
        !self.head.headers.contains_key(header::AUTHORIZATION)
    }

    /// The same, asked by the cache: for all of the representation, whatever the client has of it.
    pub(super) fn for_the_cache_itself(mut self) -> Self {
        conditional::remove_preconditions(&mut self.head.headers);
        self.head.headers.remove(header::RANGE);
        self.head.headers.remove(header::IF_RANGE);
        self.head.method = Method::GET;
        self.has_client = false;
        self
    }
}

/// What was found.
pub(super) enum Found {
    /// The response that was selected.
    Stored(Arc<StoredResponse>),
    /// None; the reason is `uri_miss` or `vary_miss`.
    Nothing(ForwardReason),
}

impl Found {
    /// Selects one of the responses that are stored for what is asked for (RFC 9111 §4 and §4.1).
    pub(super) fn among(variants: Option<&Variants>, asking: &Asking) -> Self {
        let Some(variants) = variants else {
            return Self::Nothing(ForwardReason::UriMiss);
        };
        match selection::select(variants, &asking.head.headers) {
            Some(stored) if stored.is_readable() => Self::Stored(Arc::clone(stored)),
            Some(_) => Self::Nothing(ForwardReason::UriMiss),
            None => Self::Nothing(ForwardReason::VaryMiss),
        }
    }
}
