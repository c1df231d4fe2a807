//! What the tests of the rules share.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Response};

use super::freshness::NegativeCaching;
use super::vary::VaryKey;
use super::{age, groups, storing};
use crate::content::Content;
use crate::stored_response::{Representation, StoredResponse};
use crate::time::Moment;

pub(crate) fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

/// So many seconds after the beginning of time, by both clocks.
pub(crate) fn moment(seconds: u64) -> Moment {
    let monotonic = Duration::from_secs(seconds);
    Moment {
        wall: SystemTime::UNIX_EPOCH + monotonic,
        monotonic,
    }
}

/// A stored response with these fields that came at `response_time`, without content.
pub(crate) fn stored(fields: &[(&'static str, &str)], response_time: Moment) -> StoredResponse {
    let mut head = Response::new(()).into_parts().0;
    head.headers = headers(fields);
    let (policy, _) = storing::policy(&head, &[], &NegativeCaching::default(), response_time);
    StoredResponse {
        status: head.status,
        vary: VaryKey::default(),
        policy,
        request_time: response_time,
        response_time,
        corrected_initial_age: age::corrected_initial_age(
            &head.headers,
            response_time,
            response_time,
        ),
        groups: groups::groups(&head.headers),
        headers: head.headers,
        representation: Representation::Whole(Content::whole(Bytes::new())),
        is_compressible: false,
        renditions: Arc::default(),
        purged: AtomicBool::new(false),
    }
}
