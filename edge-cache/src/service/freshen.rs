//! Freshens stored responses with a 304 or a response to `HEAD` (RFC 9111 §4.3.4, §4.3.5), or removes them if the newer
//! response forbids to store them.

use std::sync::Arc;

use http::{HeaderMap, Response, StatusCode, response};

use super::Cache;
use super::answer::Answer;
use super::forwarding::Forwarding;
use crate::collapse::CollapseEnd;
use crate::rules::{fields, storing, validation};
use crate::store::{Purge, PurgeMode};
use crate::stored_response::StoredResponse;

impl Cache {
    /// Answers with the stored response that a 304 validates (RFC 9111 §4.3.4). `Err` if the 304 is about another one.
    pub(super) fn validated<B>(
        &self,
        mut forwarding: Forwarding,
        response: Response<B>,
    ) -> Result<Answer<B>, Box<Forwarding>> {
        let (head, _) = response.into_parts();
        let stale = forwarding.stale.as_ref();
        let Some(stale) =
            stale.filter(|stale| validation::is_selected(&stale.headers, &head.headers))
        else {
            return Err(Box::new(forwarding));
        };
        let freshened = self.freshened(&forwarding, stale, &head.headers);
        let status = forwarding
            .status()
            .forward_status(head.status)
            .stored(freshened.is_kept);
        if freshened.is_kept {
            forwarding.share_if_fresh(&freshened.response);
        } else {
            forwarding.share(CollapseEnd::NotShared);
        }
        let now = forwarding.response_time;
        let mut answer = self.respond(&forwarding.keyed, &freshened.response, status, now);
        if freshened.is_kept {
            answer.tasks.level_put = forwarding
                .level
                .put_for(&forwarding.keyed.key, &freshened.response);
        }
        answer.response.headers_mut().extend(freshened.own);
        Ok(answer)
    }

    /// The stored response with the fields and the age of a newer one. It replaces the stored one, unless the newer one
    /// forbids that.
    fn freshened(
        &self,
        forwarding: &Forwarding,
        stored: &Arc<StoredResponse>,
        newer: &HeaderMap,
    ) -> Freshened {
        let freshened = storing::freshened(
            &forwarding.keyed.head,
            stored,
            newer,
            &self.config.storing,
            forwarding.response_time,
        );
        let own = fields::excluded_fields(newer, &freshened.storable.excluded);
        let mut head = response::Response::new(()).into_parts().0;
        head.headers = freshened.headers;
        let representation = stored.representation.clone();
        let (mut response, _) =
            self.stored_response(forwarding, head, freshened.storable, representation);
        response.renditions = Arc::clone(&stored.renditions);
        response.is_compressible &= !response.is_short();
        let response = Arc::new(response);
        let key = &forwarding.keyed.key;
        let is_kept = freshened.may_keep.is_ok();
        if is_kept {
            self.store.replace(key, stored, &response, forwarding.since);
        } else {
            self.store.remove(key, stored);
            if let Some(level) = &self.second_level {
                level.note(&Purge::Url(key.clone()), PurgeMode::Hard);
            }
        }
        Freshened {
            response,
            own,
            is_kept,
        }
    }

    /// Freshens the stored response with one to `HEAD`, or marks it stale if they differ (RFC 9111 §4.3.5).
    pub(super) fn learn_from_head<B>(&self, forwarding: &Forwarding, response: &Response<B>) {
        let Some(stored) = &forwarding.stale else {
            return;
        };
        if response.status() != StatusCode::OK {
            return;
        }
        if validation::head_freshens(&stored.headers, response.headers()) {
            self.freshened(forwarding, stored, response.headers());
        } else {
            stored.mark_stale();
        }
    }
}

/// A stored response with the fields of a newer one.
struct Freshened {
    response: Arc<StoredResponse>,
    /// Fields of the newer one that are not stored.
    own: HeaderMap,
    /// Whether it is stored.
    is_kept: bool,
}
