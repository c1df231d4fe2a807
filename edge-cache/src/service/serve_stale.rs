//! A stale response in place of an error: RFC 5861 §4 for an error that the origin sends, RFC 9111 §4.2.4 for an origin
//! that can't be reached. How stale it may be is in `rules::reuse`.

use http::StatusCode;

use super::answer::Answer;
use super::forwarding::Forwarding;
use super::upstream::ForwardError;
use super::{Cache, respond};
use crate::collapse::CollapseEnd;
use crate::rules::reuse;

impl Cache {
    /// Answers a request whose forward failed: with the stale response if that is allowed, else with the error.
    pub(super) fn stale_or_error<B, E: ForwardError>(
        &self,
        mut forwarding: Forwarding,
        error: E,
    ) -> Result<Answer<B>, E> {
        // A follower may have more time, or more luck.
        forwarding.share(CollapseEnd::NotShared);
        let status = forwarding.status();
        let Forwarding { keyed, stale, .. } = forwarding;
        let now = self.clock.now();
        let limit = self.config.stale_when_disconnected;
        match stale {
            Some(stale)
                if error.is_disconnected()
                    && respond::has_what_is_asked(&stale, &keyed.head)
                    && reuse::may_serve_stale_when_disconnected(
                        &stale,
                        &keyed.directives,
                        now,
                        limit,
                    ) =>
            {
                let status = status.stale(reuse::time_to_live(&stale, now));
                Ok(self.respond(&keyed, &stale, status, now))
            }
            _ => Err(error),
        }
    }

    /// The stale response in place of one with the status `failed_with`, if that is allowed.
    pub(super) fn stale_for_status<B>(
        &self,
        forwarding: &mut Forwarding,
        failed_with: StatusCode,
    ) -> Option<Answer<B>> {
        let now = forwarding.response_time;
        let directives = &forwarding.keyed.directives;
        let stale = forwarding.stale.take_if(|stale| {
            reuse::may_serve_stale_on_error(stale, directives, failed_with, now)
                && respond::has_what_is_asked(stale, &forwarding.keyed.head)
        })?;
        forwarding.share_stored(&stale);
        let status = forwarding
            .status()
            .forward_status(failed_with)
            .stale(reuse::time_to_live(&stale, now));
        Some(self.respond(&forwarding.keyed, &stale, status, now))
    }
}
