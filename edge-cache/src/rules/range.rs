//! Ranges of a representation in requests and responses (RFC 9110 §14, §13.1.5). Combining parts is in `combine`
//! (RFC 9111 §3.4).

mod combine;

use std::ops::Range;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::entity_tag::EntityTag;
use super::validation::strong_last_modified;

pub use combine::{beginning_that_fits, combine, whole_headers};

/// The answer to a range request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeOutcome {
    /// All of the representation: there is no range, or one that is not understood (RFC 9110 §14.2).
    Whole,
    /// These bytes, at least one.
    Part(Range<u64>),
    /// 416: there are no such bytes.
    Unsatisfiable,
}

/// A single range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// From a byte to another one, inclusive, or to the end.
    From(u64, Option<u64>),
    /// So many bytes at the end.
    Last(u64),
}

impl ByteRange {
    /// The range of `Range`. `None` if it asks for several, for another unit, or is not well formed.
    #[must_use]
    pub fn parse(request: &HeaderMap) -> Option<Self> {
        let mut lines = request.get_all(header::RANGE).iter();
        let line = lines.next()?.to_str().ok()?;
        if lines.next().is_some() {
            return None;
        }
        let (unit, set) = line.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let mut ranges = set
            .split(',')
            .map(str::trim)
            .filter(|range| !range.is_empty());
        let (first, last) = ranges.next()?.split_once('-')?;
        if ranges.next().is_some() {
            return None;
        }
        match (first, last) {
            ("", suffix) => Some(Self::Last(position(suffix)?)),
            (first, "") => Some(Self::From(position(first)?, None)),
            (first, last) => {
                let (first, last) = (position(first)?, position(last)?);
                (first <= last).then_some(Self::From(first, Some(last)))
            }
        }
    }

    /// The bytes that it means in content of this length; `None` if there are none.
    #[must_use]
    pub fn within(self, complete_length: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From(first, last) => {
                let end = last.map_or(complete_length, |last| last.saturating_add(1));
                first..end.min(complete_length)
            }
            Self::Last(length) => complete_length.saturating_sub(length)..complete_length,
        };
        (!range.is_empty()).then_some(range)
    }
}

/// A number of bytes; one with too many digits is the largest.
fn position(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// What a request asks for of a representation with these fields and this length.
#[must_use]
pub fn requested(
    method: &Method,
    request: &HeaderMap,
    stored: &HeaderMap,
    complete_length: u64,
) -> RangeOutcome {
    // With other methods a range has no meaning (RFC 9110 §14.2).
    if *method != Method::GET || !if_range(request, stored) {
        return RangeOutcome::Whole;
    }
    match ByteRange::parse(request) {
        None => RangeOutcome::Whole,
        Some(range) => range
            .within(complete_length)
            .map_or(RangeOutcome::Unsatisfiable, RangeOutcome::Part),
    }
}

/// Whether `If-Range` is missing or names the representation, by a strong validator (RFC 9110 §13.1.5).
#[must_use]
pub fn if_range(request: &HeaderMap, stored: &HeaderMap) -> bool {
    let mut lines = request.get_all(header::IF_RANGE).iter();
    let Some(line) = lines.next() else {
        return true;
    };
    if lines.next().is_some() {
        return false;
    }
    if line.as_bytes().contains(&b'"') {
        let mut tags = super::entity_tag::entity_tags(line.as_bytes());
        let tag = tags.next().filter(|_| tags.next().is_none());
        return tag
            .zip(EntityTag::of(stored))
            .is_some_and(|(tag, stored)| tag.equals_strongly(stored));
    }
    let date = |value: &HeaderValue| super::dates::parse(value.as_bytes(), SystemTime::UNIX_EPOCH);
    let last_modified = strong_last_modified(stored);
    last_modified.is_some_and(|last_modified| {
        last_modified == line
            || date(last_modified).is_some_and(|stored| date(line) == Some(stored))
    })
}

/// The range in `Content-Range` of a 206 (RFC 9110 §14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// The offset of the first byte.
    pub first: u64,
    /// The offset of the last byte.
    pub last: u64,
    /// The length of the whole representation in bytes.
    pub complete_length: u64,
}

impl ContentRange {
    /// The length of the part, in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.last - self.first + 1
    }

    /// Its text as a field value.
    #[must_use]
    pub fn to_value(self) -> HeaderValue {
        let Self {
            first,
            last,
            complete_length,
        } = self;
        let text = format!("bytes {first}-{last}/{complete_length}");
        HeaderValue::try_from(text).expect("digits are visible ASCII")
    }
}

/// The range that a 206 has. `None` if it is missing, not well formed, of another unit, or of a whole whose length is not
/// known; and if there is more than one.
#[must_use]
pub fn content_range(response: &HeaderMap) -> Option<ContentRange> {
    let mut lines = response.get_all(header::CONTENT_RANGE).iter();
    let line = lines.next()?.to_str().ok()?;
    if lines.next().is_some() {
        return None;
    }
    let (unit, rest) = line.split_once(' ')?;
    let (range, complete_length) = rest.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let exact = |digits: &str| position(digits).filter(|position| *position < u64::MAX);
    let parsed = ContentRange {
        first: exact(first)?,
        last: exact(last)?,
        complete_length: exact(complete_length)?,
    };
    let is_consistent = parsed.first <= parsed.last && parsed.last < parsed.complete_length;
    (unit.eq_ignore_ascii_case("bytes") && is_consistent).then_some(parsed)
}

/// Makes a request ask for the bytes from `offset` on if the representation is the stored one, and else for all of it
/// (RFC 9110 §13.1.5).
pub fn ask_from(request: &mut HeaderMap, offset: u64, stored: &HeaderMap) {
    let range = HeaderValue::try_from(format!("bytes={offset}-"));
    request.insert(header::RANGE, range.expect("digits are visible ASCII"));
    let strong_tag = EntityTag::of(stored).filter(|tag| tag.is_strong());
    let validator = match strong_tag {
        Some(_) => stored.get(header::ETAG),
        None => strong_last_modified(stored),
    };
    match validator {
        Some(validator) => request.insert(header::IF_RANGE, validator.clone()),
        None => request.remove(header::IF_RANGE),
    };
}

/// Makes the fields of a representation those of 206 with a part of it (RFC 9110 §15.3.7.1).
pub fn set_part(headers: &mut HeaderMap, part: &Range<u64>, complete_length: u64) {
    let range = ContentRange {
        first: part.start,
        last: part.end.saturating_sub(1),
        complete_length,
    };
    headers.insert(header::CONTENT_RANGE, range.to_value());
    headers.insert(
        header::CONTENT_LENGTH,
        HeaderValue::from(part.end.saturating_sub(part.start)),
    );
    // A digest of all content is wrong for a part (RFC 9530 §2).
    for name in OF_WHOLE_CONTENT {
        headers.remove(name);
    }
}

const OF_WHOLE_CONTENT: [HeaderName; 2] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("content-md5"),
];

/// Makes the fields of a representation those of 416 (RFC 9110 §15.5.17), which is not stored.
pub fn set_unsatisfiable(headers: &mut HeaderMap, complete_length: u64) {
    const OF_REPRESENTATION: [HeaderName; 10] = [
        header::AGE,
        header::CACHE_CONTROL,
        header::CONTENT_ENCODING,
        header::CONTENT_LANGUAGE,
        header::CONTENT_LOCATION,
        header::CONTENT_TYPE,
        header::ETAG,
        header::EXPIRES,
        header::LAST_MODIFIED,
        header::SET_COOKIE,
    ];
    for name in OF_REPRESENTATION.into_iter().chain(OF_WHOLE_CONTENT) {
        headers.remove(name);
    }
    let range = HeaderValue::try_from(format!("bytes */{complete_length}"));
    headers.insert(
        header::CONTENT_RANGE,
        range.expect("digits are visible ASCII"),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(0));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests;
