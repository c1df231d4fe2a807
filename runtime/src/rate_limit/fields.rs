//! The response fields `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10): the limits that a request had, and
//! what is left of each.

use std::fmt::Write as _;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use storage::rate::Taken;

use crate::settings::Quota;

/// The names of the fields.
pub(super) const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub(super) const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// The fields as they are written.
#[derive(Default)]
pub(super) struct Fields {
    policy: String,
    state: String,
}

impl Fields {
    /// Adds a limit, and what became of the request there.
    pub(super) fn add(&mut self, name: &str, quota: Quota, taken: Taken) {
        let separator = if self.policy.is_empty() { "" } else { ", " };
        let (requests, window) = (quota.requests, quota.window.as_secs());
        let (left, seconds) = (left(quota, taken), seconds(quota, taken));
        // A text takes whatever is written to it.
        let _ = write!(self.policy, "{separator}\"{name}\";q={requests};w={window}");
        let _ = write!(self.state, "{separator}\"{name}\";r={left};t={seconds}");
    }

    /// The fields, with their names.
    pub(super) fn values(&self) -> [(HeaderName, HeaderValue); 2] {
        let value = |text: &str| {
            HeaderValue::from_str(text).expect("names of limits and numbers are plain text")
        };
        [(POLICY, value(&self.policy)), (STATE, value(&self.state))]
    }
}

/// Requests that there is room for.
pub(super) fn left(quota: Quota, taken: Taken) -> u128 {
    let room = quota.window.saturating_sub(taken.until_empty);
    match taken.is_allowed {
        true => room.as_nanos() * u128::from(quota.requests) / quota.window.as_nanos().max(1),
        false => 0,
    }
}

/// The seconds until there is room again, if there is none; else until all of the room is there.
pub(super) fn seconds(quota: Quota, taken: Taken) -> u64 {
    let time = if left(quota, taken) == 0 {
        (taken.until_empty + quota.window / quota.requests).saturating_sub(quota.window)
    } else {
        taken.until_empty
    };
    (time + Duration::from_nanos(999_999_999)).as_secs().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(until_empty: Duration, is_allowed: bool) -> String {
        let quota = Quota {
            requests: 10,
            window: Duration::from_secs(60),
        };
        let mut fields = Fields::default();
        let taken = Taken {
            is_allowed,
            until_empty,
        };
        fields.add("client", quota, taken);
        fields.values()[1].1.to_str().unwrap().to_owned()
    }

    #[test]
    fn what_is_left_and_when_there_is_more() {
        let seconds = Duration::from_secs;
        assert_eq!(fields(seconds(6), true), "\"client\";r=9;t=6");
        assert_eq!(fields(seconds(54), true), "\"client\";r=1;t=54");
        assert_eq!(fields(seconds(60), true), "\"client\";r=0;t=6");
        assert_eq!(fields(seconds(60), false), "\"client\";r=0;t=6");
        assert_eq!(
            fields(Duration::from_millis(56_500), false),
            "\"client\";r=0;t=3"
        );
    }

    #[test]
    fn several_limits_are_a_list() {
        let quota = |requests, seconds| Quota {
            requests,
            window: Duration::from_secs(seconds),
        };
        let taken = Taken {
            is_allowed: true,
            until_empty: Duration::from_millis(10),
        };
        let mut fields = Fields::default();
        fields.add("client", quota(100, 1), taken);
        fields.add("route", quota(5, 3_600), taken);
        let [(_, policy), (_, state)] = fields.values();
        assert_eq!(policy, "\"client\";q=100;w=1, \"route\";q=5;w=3600");
        assert_eq!(state, "\"client\";r=99;t=1, \"route\";r=4;t=1");
    }
}
