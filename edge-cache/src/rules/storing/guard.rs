//! Defence against cache poisoning: input of a request that may change its response but is not in the cache key, so that
//! one client could choose what all others get.
//!
//! Deception, the other way round, has no hold: nothing here depends on what a path looks like.

use http::{HeaderMap, HeaderName, header};

/// Fields by which frameworks let a request be taken for another one.
const STEERING: [HeaderName; 5] = [
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-rewrite-url"),
];

/// Whether a request asks the origin to take it for another one.
#[must_use]
pub fn steers_the_origin(request: &HeaderMap) -> bool {
    request.keys().any(|name| STEERING.contains(name))
}

/// Whether a request has content, which means nothing with `GET` (RFC 9110 §9.3.1) but which some origins heed.
#[must_use]
pub fn has_content(request: &HeaderMap) -> bool {
    let lengths = request.get_all(header::CONTENT_LENGTH).iter();
    let mut lengths = lengths.map(|length| length.as_bytes().trim_ascii());
    request.contains_key(header::TRANSFER_ENCODING)
        || lengths.any(|length| length.iter().any(|digit| *digit != b'0'))
}
