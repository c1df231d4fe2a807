//! What is stored of that which a request asks for.

use std::sync::Arc;

use http::request::Parts;
use http::{Method, header};

use super::{Cache, ForwardError};
use crate::rules::cache_status::ForwardReason;
use crate::rules::conditional;
use crate::rules::directives::RequestDirectives;
use crate::rules::key::CacheKey;
use crate::rules::selection;
use crate::stored_response::StoredResponse;

/// A request for a representation, with what the cache has judged of it.
#[derive(Clone)]
pub(super) struct Asking {
    pub(super) key: CacheKey,
    pub(super) head: Parts,
    pub(super) directives: RequestDirectives,
    /// Whether a client waits for the answer; otherwise the cache asks for itself.
    pub(super) has_client: bool,
}

impl Asking {
    pub(super) fn new(key: CacheKey, head: Parts) -> Self {
        Self {
            key,
            directives: RequestDirectives::parse(&head.headers),
            head,
            has_client: true,
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

impl<E: ForwardError> Cache<E> {
    /// Selects the stored response for a request (RFC 9111 §4 and §4.1).
    pub(super) fn look_up(&self, asking: &Asking) -> Found {
        let Some(variants) = self.store.get(&asking.key) else {
            return Found::Nothing(ForwardReason::UriMiss);
        };
        match selection::select(&variants, &asking.head.headers) {
            Some(stored) if stored.is_readable() => Found::Stored(Arc::clone(stored)),
            Some(_) => Found::Nothing(ForwardReason::UriMiss),
            None => Found::Nothing(ForwardReason::VaryMiss),
        }
    }
}
