//! The state of one forward, and how its outcome is shared with followers.

use std::sync::Arc;

use super::keyed_request::KeyedRequest;
use super::second_level::{FAILED, LevelLookup};
use crate::collapse::{CollapseEnd, Leader};
use crate::rules::cache_status::{CacheStatus, ForwardReason};
use crate::rules::directives::RequestDirectives;
use crate::rules::reuse::{self, Reuse};
use crate::store::Generation;
use crate::stored_response::StoredResponse;
use crate::time::Moment;

/// The response that a leader shares with its followers.
#[derive(Clone, Debug)]
pub(super) struct LeaderResponse {
    pub(super) response: Arc<StoredResponse>,
    /// When it was forwarded, in the order of invalidations.
    pub(super) since: Generation,
}

impl PartialEq for LeaderResponse {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.response, &other.response)
    }
}

/// A request that is forwarded, with the facts that its response is judged by.
pub(super) struct Forwarding {
    pub(super) keyed: KeyedRequest,
    pub(super) stale: Option<Arc<StoredResponse>>,
    pub(super) leader: Option<Leader<LeaderResponse>>,
    pub(super) reason: ForwardReason,
    pub(super) level: LevelLookup,
    pub(super) since: Generation,
    pub(super) request_time: Moment,
    pub(super) response_time: Moment,
}

impl Forwarding {
    /// `Cache-Status` of the answer, without what the response adds.
    pub(super) fn status(&self) -> CacheStatus {
        let status = CacheStatus::forwarded(self.reason);
        match self.level {
            LevelLookup::Failed => status.detail(FAILED),
            LevelLookup::None | LevelLookup::Miss(_) => status,
        }
    }

    /// Ends the wait of the followers.
    pub(super) fn share(&mut self, end: CollapseEnd<LeaderResponse>) {
        if let Some(leader) = self.leader.take() {
            leader.end(end);
        }
    }

    pub(super) fn share_stored(&mut self, response: &Arc<StoredResponse>) {
        let (response, since) = (Arc::clone(response), self.since);
        self.share(CollapseEnd::Shared(LeaderResponse { response, since }));
    }

    /// Shares a response if it may be used without a validation.
    pub(super) fn share_if_fresh(&mut self, response: &Arc<StoredResponse>) {
        let no_wishes = RequestDirectives::default();
        match reuse::may_reuse(response, &no_wishes, self.response_time) {
            Reuse::Fresh => self.share_stored(response),
            _ => self.share(CollapseEnd::NotShared),
        }
    }
}
