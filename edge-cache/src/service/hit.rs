//! Whether a stored response answers a request (RFC 9111 §4), and the answer if it does. The response itself is built in
//! `respond`.

use std::sync::Arc;

use http::{HeaderMap, Response};

use super::answer::Answer;
use super::body::CacheBody;
use super::keyed_request::KeyedRequest;
use super::tasks::Revalidation;
use super::{Cache, respond};
use crate::collapse::Role;
use crate::rules::cache_status::{CacheStatus, ForwardReason};
use crate::rules::directives::RequestDirectives;
use crate::rules::reuse::{self, Reuse};
use crate::rules::selection;
use crate::store::Variants;
use crate::stored_response::{Representation, StoredResponse};
use crate::time::Moment;

/// Whether a stored response answers a request.
pub(super) enum Decision {
    /// It does; if `validate`, it is stale and to be validated in the background.
    Hit {
        stored: Arc<StoredResponse>,
        validate: bool,
    },
    /// It does not. The stored response, if there is one, may be validated or completed by the forward.
    Forward {
        stale: Option<Arc<StoredResponse>>,
        reason: ForwardReason,
    },
}

impl Decision {
    /// Selects one of the responses stored under a key (RFC 9111 §4.1), and decides about it.
    pub(super) fn among(variants: Option<&Variants>, keyed: &KeyedRequest, now: Moment) -> Self {
        let Some(variants) = variants else {
            return Self::miss(ForwardReason::UriMiss);
        };
        match selection::select(variants, &keyed.head.headers) {
            Some(stored) if stored.is_readable() => Self::about(Arc::clone(stored), keyed, now),
            Some(_) => Self::miss(ForwardReason::UriMiss),
            None => Self::miss(ForwardReason::VaryMiss),
        }
    }

    /// Decides about the selected response.
    pub(super) fn about(stored: Arc<StoredResponse>, keyed: &KeyedRequest, now: Moment) -> Self {
        if !respond::has_what_is_asked(&stored, &keyed.head) {
            return Self::Forward {
                stale: Some(stored),
                reason: ForwardReason::Partial,
            };
        }
        match reuse::may_reuse(&stored, &keyed.directives, now) {
            Reuse::Fresh | Reuse::StaleAllowed => Self::Hit {
                stored,
                validate: false,
            },
            Reuse::StaleWhileRevalidate => Self::Hit {
                stored,
                validate: true,
            },
            Reuse::Forward(reason) => Self::Forward {
                stale: Some(stored),
                reason,
            },
        }
    }

    /// The same if what is stored is known to be current. If it is not, a response is validated before it is served.
    pub(super) fn if_current(self, is_current: bool) -> Self {
        match self {
            Self::Hit { stored, .. } if !is_current => Self::Forward {
                stale: Some(stored),
                reason: ForwardReason::Stale,
            },
            decision => decision,
        }
    }

    fn miss(reason: ForwardReason) -> Self {
        let stale = None;
        Self::Forward { stale, reason }
    }
}

impl Cache {
    /// The answer to a plain request, if the selected response is fresh and has its content in one piece, as most have.
    ///
    /// It takes no reference to the stored response: all threads would contend on the count.
    pub(super) fn plain_hit<B>(
        &self,
        variants: &Variants,
        request: &HeaderMap,
        now: Moment,
    ) -> Option<(Response<CacheBody<B>>, CacheStatus)> {
        let stored = selection::select(variants, request)?;
        let Representation::Whole(content) = &stored.representation else {
            return None;
        };
        let content = content.as_whole().filter(|_| !stored.is_compressible)?;
        let reuse = reuse::may_reuse(stored, &RequestDirectives::default(), now);
        if reuse != Reuse::Fresh {
            return None;
        }
        let status = CacheStatus::hit(reuse::time_to_live(stored, now));
        let body = CacheBody::whole(content.clone());
        Some((self.respond_whole(stored, body, &status, now), status))
    }

    /// The answer of a response that is stored in memory.
    pub(super) fn hit<B>(
        &self,
        keyed: KeyedRequest,
        stored: Arc<StoredResponse>,
        validate: bool,
        now: Moment,
    ) -> Answer<B> {
        let status = CacheStatus::hit(reuse::time_to_live(&stored, now));
        self.hit_with_status(keyed, stored, validate, status, now)
    }

    /// Like [`Self::hit`], for a response of the shared level, which `status` says.
    pub(super) fn hit_with_status<B>(
        &self,
        keyed: KeyedRequest,
        stored: Arc<StoredResponse>,
        validate: bool,
        status: CacheStatus,
        now: Moment,
    ) -> Answer<B> {
        let mut answer = self.respond(&keyed, &stored, status, now);
        if validate {
            // If there is a leader, it validates already.
            if let Role::Leader(leader) = self.collapser.join(&keyed.key) {
                answer.tasks.revalidation = Some(Box::new(Revalidation {
                    keyed: keyed.for_the_cache_itself(),
                    stale: stored,
                    leader,
                }));
            }
        }
        answer
    }
}
