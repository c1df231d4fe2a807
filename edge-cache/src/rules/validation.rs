//! Validating and freshening stored responses (RFC 9111 §4.3.1, §4.3.3 to §4.3.5, §3.2).

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, header};

use super::dates;
use super::entity_tag::EntityTag;
use super::fields::remove_hop_by_hop;

/// Fields that a newer response does not update (RFC 9111 §3.2): `Content-Length`, and those that describe the stored
/// content, by which this cache cuts ranges, combines parts and compresses. A digest in a response without content is that
/// of empty content.
const NOT_UPDATED: [HeaderName; 5] = [
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("content-md5"),
];

/// How much older than its response `Last-Modified` must be to be a strong validator: a resource may change twice in a
/// second (RFC 9110 §8.8.2.2).
const STRONG_AFTER: Duration = Duration::from_secs(1);

/// Whether a response has a validator.
#[must_use]
pub fn has_validator(stored: &HeaderMap) -> bool {
    EntityTag::of(stored).is_some() || last_modified(stored).is_some()
}

/// Makes a request validate the stored response (RFC 9111 §4.3.1).
pub fn add_validators(request: &mut HeaderMap, stored: &HeaderMap) {
    if EntityTag::of(stored).is_some()
        && let Some(tag) = stored.get(header::ETAG)
    {
        request.insert(header::IF_NONE_MATCH, tag.clone());
    }
    if let Some(last_modified) = last_modified(stored) {
        request.insert(header::IF_MODIFIED_SINCE, last_modified.clone());
    }
}

/// `Last-Modified`, if it is there once.
fn last_modified(headers: &HeaderMap) -> Option<&http::HeaderValue> {
    let mut lines = headers.get_all(header::LAST_MODIFIED).iter();
    let line = lines.next().filter(|line| !line.is_empty())?;
    lines.next().is_none().then_some(line)
}

/// Whether a 304 selects the stored response that was to be validated (RFC 9111 §4.3.4).
///
/// A 304 without validators does, since the request named no other.
#[must_use]
pub fn is_selected(stored: &HeaderMap, not_modified: &HeaderMap) -> bool {
    if let Some(newer) = EntityTag::of(not_modified) {
        let Some(tag) = EntityTag::of(stored) else {
            return false;
        };
        return if newer.is_strong() {
            newer.equals_strongly(tag)
        } else {
            newer.equals_weakly(tag)
        };
    }
    match (last_modified(stored), last_modified(not_modified)) {
        (Some(stored), Some(newer)) => stored == newer,
        _ => true,
    }
}

/// The fields of a stored response, updated from a newer one (RFC 9111 §3.2, §4.3.4).
///
/// `Age` and `Date` are those of the newer one, whose age counts from now on.
#[must_use]
pub fn freshen(stored: &HeaderMap, newer: &HeaderMap) -> HeaderMap {
    let mut newer = newer.clone();
    remove_hop_by_hop(&mut newer);
    for name in &NOT_UPDATED {
        newer.remove(name);
    }
    let mut freshened = stored.clone();
    for name in [header::AGE, header::DATE] {
        freshened.remove(name);
    }
    for name in newer.keys() {
        freshened.remove(name);
    }
    freshened.extend(newer);
    freshened
}

/// Whether a response to `HEAD` freshens the stored one. If not, the stored one is stale (RFC 9111 §4.3.5).
#[must_use]
pub fn head_freshens(stored: &HeaderMap, head: &HeaderMap) -> bool {
    let same =
        |name: &HeaderName| !head.contains_key(name) || head.get_all(name) == stored.get_all(name);
    [header::ETAG, header::LAST_MODIFIED, header::CONTENT_LENGTH]
        .iter()
        .all(same)
}

/// Whether two responses have equal strong validators, and so the same bytes (RFC 9110 §8.8.1).
#[must_use]
pub fn same_strong_validator(one: &HeaderMap, other: &HeaderMap) -> bool {
    match (EntityTag::of(one), EntityTag::of(other)) {
        (Some(one), Some(other)) => one.equals_strongly(other),
        (None, None) => {
            let one = strong_last_modified(one);
            one.is_some() && one == strong_last_modified(other)
        }
        _ => false,
    }
}

/// `Last-Modified`, if it is a strong validator (RFC 9110 §8.8.2.2).
#[must_use]
pub fn strong_last_modified(headers: &HeaderMap) -> Option<&http::HeaderValue> {
    let value = last_modified(headers)?;
    // The time only decides the century of short dates.
    let modified = dates::date(headers, &header::LAST_MODIFIED, SystemTime::UNIX_EPOCH)?;
    let made = dates::date(headers, &header::DATE, SystemTime::UNIX_EPOCH)?;
    made.duration_since(modified)
        .is_ok_and(|span| span >= STRONG_AFTER)
        .then_some(value)
}

#[cfg(test)]
mod tests;
