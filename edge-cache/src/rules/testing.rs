//! Helpers of the tests.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::Policy;
use super::groups;
use super::vary::VaryKey;
use crate::{Content, Moment, Representation, StoredResponse};

pub(crate) fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(
            *name,
            http::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
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
    StoredResponse {
        status: StatusCode::OK,
        vary: VaryKey::default(),
        policy: Policy::default(),
        request_time: response_time,
        response_time,
        corrected_initial_age: Duration::ZERO,
        groups: groups::groups(&headers(fields)),
        headers: headers(fields),
        representation: Representation::Whole(Content::whole(Bytes::new())),
        is_compressible: false,
        renditions: Arc::default(),
        purged: AtomicBool::new(false),
    }
}

/// The same as the answer to a request with those fields.
pub(crate) fn stored_for(
    request: &[(&'static str, &str)],
    fields: &[(&'static str, &str)],
) -> StoredResponse {
    let stored = stored(fields, moment(0));
    StoredResponse {
        vary: VaryKey::new(&headers(request), &stored.headers).unwrap(),
        ..stored
    }
}

/// The same with parts of a content of this length: each an offset and its bytes.
pub(crate) fn stored_parts(
    fields: &[(&'static str, &str)],
    complete_length: u64,
    parts: &[(u64, &'static str)],
) -> StoredResponse {
    let part = |(first, bytes): &(u64, &'static str)| {
        let bytes = Bytes::from_static(bytes.as_bytes());
        (*first, Content::whole(bytes))
    };
    StoredResponse {
        representation: Representation::Parts {
            complete_length,
            parts: parts.iter().map(part).collect(),
        },
        ..stored(fields, moment(0))
    }
}
