//! Properties that the rules keep for any input. Each is a function of bytes that panics if the rule breaks it. Tests call
//! them with text like that of fields, and the fuzz targets in `fuzz/` with bytes that reach new code.

mod fields;
mod messages;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::Policy;
use super::groups::Groups;
use super::vary::VaryKey;
use crate::{Content, Moment, Representation, StoredResponse};

pub use fields::{
    cache_groups, cache_status, content_codings, dates, directives, entity_tag_lists, keys, lists,
    targeted,
};
pub use messages::{
    freshening, joined_parts, preconditions, ranges, stored_fields, storing, variants,
};

const CDN: HeaderName = HeaderName::from_static("cdn-cache-control");

/// The time that the properties take it to be: in 2026.
fn now() -> Moment {
    Moment {
        wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_792_368_000),
        monotonic: Duration::from_secs(1_000_000),
    }
}

/// Each line as a line of a field; those that can't be one are left out.
fn field(name: &HeaderName, data: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(name, value);
        }
    }
    headers
}

/// Two messages in the form of HTTP/1.1 with an empty line between them; lines that are no fields are left out.
fn messages(data: &[u8]) -> (HeaderMap, HeaderMap) {
    let middle = data.windows(2).position(|pair| pair == b"\n\n");
    let (first, second) = data.split_at(middle.unwrap_or(data.len()));
    (fields_of(first), fields_of(second))
}

fn fields_of(data: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let name = parts.next().map(HeaderName::from_bytes);
        let value = parts
            .next()
            .map(<[u8]>::trim_ascii)
            .map(HeaderValue::from_bytes);
        if let (Some(Ok(name)), Some(Ok(value))) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

fn two_halves(data: &[u8]) -> (&[u8], &[u8]) {
    let middle = data
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(data.len());
    (&data[..middle], data.get(middle + 1..).unwrap_or_default())
}

fn stored_response(headers: HeaderMap) -> StoredResponse {
    StoredResponse {
        status: StatusCode::OK,
        headers,
        vary: VaryKey::default(),
        policy: Policy::default(),
        request_time: now(),
        response_time: now(),
        corrected_initial_age: Duration::ZERO,
        groups: Groups::default(),
        representation: Representation::Whole(Content::whole(Bytes::new())),
        is_compressible: false,
        renditions: Default::default(),
        purged: false.into(),
    }
}
