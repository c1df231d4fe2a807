//! Whether a response may be stored: by the rules of `rules::storing`, its size, and the wish of the service behind.

use http::response;
use http_body::Body;

use super::forwarding::Forwarding;
use super::{Cache, StoreOverride};
use crate::rules::storing::{self, NoStoreReason, Storable};
use crate::time::Moment;

impl Cache {
    /// Whether a response may be stored, as far as its request has no say.
    pub(super) fn response_allows<B: Body>(
        &self,
        head: &response::Parts,
        body: &B,
        response_time: Moment,
    ) -> Result<(), NoStoreReason> {
        self.is_wanted(head, body)?;
        storing::response_allows(head, &self.config.storing, response_time)
    }

    /// Whether a response is small enough, and the service behind wants it stored.
    fn is_wanted<B: Body>(&self, head: &response::Parts, body: &B) -> Result<(), NoStoreReason> {
        let too_large = body.size_hint().lower() > self.store.max_content_bytes();
        if too_large || head.extensions.get::<StoreOverride>().is_some() {
            Err(NoStoreReason::NotWanted)
        } else {
            Ok(())
        }
    }

    /// Whether the response to a forwarded request may be stored, and how.
    pub(super) fn may_store<B: Body>(
        &self,
        forwarding: &Forwarding,
        head: &response::Parts,
        body: &B,
    ) -> Result<Storable, NoStoreReason> {
        self.is_wanted(head, body)?;
        storing::may_store(
            &forwarding.keyed.key,
            &forwarding.keyed.head,
            head,
            &self.config.storing,
            forwarding.response_time,
        )
    }
}
