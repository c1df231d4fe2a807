//! Parts of representations: asked for, answered, stored and joined (RFC 9110 §14, RFC 9111 §3.3 and §3.4).
//!
//! A request for several ranges is answered with the whole representation, which RFC 9110 §14.2 allows.

mod combine;

use std::ops::Range;

use http::{HeaderMap, HeaderValue, Method, header};

use super::dates::date;
use super::validation::{EntityTag, entity_tag};

pub use combine::{beginning_that_fits, combine, whole_headers};

/// The most digits of an offset that are read; no representation is longer.
const MAX_OFFSET_DIGITS: usize = 18;

/// What a request gets of a representation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeOutcome {
    /// All of it.
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// None: it has no such bytes (416).
    Unsatisfiable,
}

/// What `Content-Range` says about a part (RFC 9110 §14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// The offset of the first byte.
    pub first: u64,
    /// The offset of the last byte.
    pub last: u64,
    /// The length of the whole.
    pub complete_length: u64,
}

impl ContentRange {
    /// The length of the part in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.last - self.first + 1
    }
}

/// What a request gets of the representation with these fields and this length (RFC 9110 §14.2).
#[must_use]
pub fn requested(
    method: &Method,
    request: &HeaderMap,
    stored: &HeaderMap,
    complete_length: u64,
) -> RangeOutcome {
    let mut lines = request.get_all(header::RANGE).iter();
    let range = lines.next().filter(|_| lines.next().is_none());
    let range = range.and_then(|line| line.to_str().ok());
    match range.and_then(|range| parse(range, complete_length)) {
        Some(outcome) if method == Method::GET && if_range_holds(request, stored) => outcome,
        _ => RangeOutcome::Whole,
    }
}

/// A single range of bytes (RFC 9110 §14.1.2); `None` if it is anything else, which is ignored.
fn parse(range: &str, length: u64) -> Option<RangeOutcome> {
    let (unit, set) = range.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = set.trim().split_once('-')?;
    let part = if first.is_empty() {
        length.saturating_sub(offset(last)?)..length
    } else {
        let first = offset(first)?;
        let end = if last.is_empty() {
            length
        } else {
            let last = offset(last)?;
            if last < first {
                return None;
            }
            length.min(last + 1)
        };
        first..end
    };
    Some(if part.is_empty() {
        RangeOutcome::Unsatisfiable
    } else {
        RangeOutcome::Part(part)
    })
}

fn offset(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let significant = digits.trim_start_matches('0');
    let significant = if significant.is_empty() {
        "0"
    } else {
        significant
    };
    if !is_number || significant.len() > MAX_OFFSET_DIGITS {
        return None;
    }
    significant.parse().ok()
}

/// Whether the client's part is one of this representation (RFC 9110 §13.1.5): the strong tag is the same, or the date is
/// exactly the one of the last modification.
fn if_range_holds(request: &HeaderMap, stored: &HeaderMap) -> bool {
    let Some(condition) = request.get(header::IF_RANGE) else {
        return true;
    };
    match EntityTag::parse(condition.as_bytes()) {
        Some(tag) => entity_tag(stored).is_some_and(|own| own.matches_strongly(&tag)),
        None => {
            let modified = date(stored, &header::LAST_MODIFIED);
            modified.is_some() && modified == date(request, &header::IF_RANGE)
        }
    }
}

/// What a 206 says about its content; `None` if it does not say it in full, has several parts, or contradicts itself.
#[must_use]
pub fn content_range(headers: &HeaderMap) -> Option<ContentRange> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (unit, rest) = text.split_once(' ')?;
    let (range, complete_length) = rest.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let parsed = ContentRange {
        first: offset(first)?,
        last: offset(last)?,
        complete_length: offset(complete_length)?,
    };
    let is_sound = parsed.first <= parsed.last && parsed.last < parsed.complete_length;
    (unit.eq_ignore_ascii_case("bytes") && is_sound).then_some(parsed)
}

/// Makes the fields those of a part (RFC 9110 §15.3.7).
pub fn set_part(headers: &mut HeaderMap, part: &Range<u64>, complete_length: u64) {
    let text = format!("bytes {}-{}/{complete_length}", part.start, part.end - 1);
    headers.insert(header::CONTENT_RANGE, value(text));
    headers.insert(
        header::CONTENT_LENGTH,
        HeaderValue::from(part.end - part.start),
    );
}

/// Makes the fields those of a response that has no such part (RFC 9110 §15.5.17).
pub fn set_unsatisfiable(headers: &mut HeaderMap, complete_length: u64) {
    for name in [
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::CONTENT_LANGUAGE,
    ] {
        headers.remove(name);
    }
    headers.insert(
        header::CONTENT_RANGE,
        value(format!("bytes */{complete_length}")),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(0));
}

/// Asks for the bytes from an offset to the end, of the stored representation if it can be named (RFC 9110 §13.1.5).
pub fn ask_from(request: &mut HeaderMap, offset: u64, stored: &HeaderMap) {
    request.insert(header::RANGE, value(format!("bytes={offset}-")));
    if let Some(validator) = super::validation::strong_validator(stored) {
        request.insert(header::IF_RANGE, validator.clone());
    }
}

fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("numbers and punctuation are visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::headers;

    fn ask(range: &str) -> RangeOutcome {
        requested(
            &Method::GET,
            &headers(&[("range", range)]),
            &HeaderMap::new(),
            10,
        )
    }

    #[test]
    fn a_single_range_is_answered_rfc_9110_14_1_2() {
        assert_eq!(ask("bytes=2-4"), RangeOutcome::Part(2..5));
        assert_eq!(ask("bytes=2-"), RangeOutcome::Part(2..10));
        assert_eq!(ask("bytes=-3"), RangeOutcome::Part(7..10));
        assert_eq!(ask("bytes=-30"), RangeOutcome::Part(0..10));
        assert_eq!(ask("Bytes=8-99999"), RangeOutcome::Part(8..10));
    }

    #[test]
    fn what_the_representation_has_not_is_unsatisfiable_rfc_9110_14_1_2() {
        assert_eq!(ask("bytes=10-"), RangeOutcome::Unsatisfiable);
        assert_eq!(ask("bytes=-0"), RangeOutcome::Unsatisfiable);
    }

    #[test]
    fn anything_else_is_ignored_rfc_9110_14_2() {
        for range in [
            "bytes=1-2,4-5",
            "bytes=4-2",
            "lines=1-2",
            "bytes",
            "bytes=a-b",
            "bytes=--1",
            "bytes=+1-2",
        ] {
            assert_eq!(ask(range), RangeOutcome::Whole, "{range}");
        }
        let head = requested(
            &Method::HEAD,
            &headers(&[("range", "bytes=0-1")]),
            &HeaderMap::new(),
            10,
        );
        assert_eq!(head, RangeOutcome::Whole);
    }

    #[test]
    fn a_part_of_another_representation_is_not_continued_rfc_9110_13_1_5() {
        let date = "Thu, 01 Jan 1970 00:00:01 GMT";
        let stored = headers(&[("etag", "\"a\""), ("last-modified", date)]);
        let holds = |condition: &str| if_range_holds(&headers(&[("if-range", condition)]), &stored);
        assert!(holds("\"a\""));
        assert!(holds(date));
        assert!(!holds("W/\"a\""));
        assert!(!holds("\"b\""));
        assert!(!holds("Thu, 01 Jan 1970 00:00:02 GMT"));
    }

    #[test]
    fn a_content_range_that_contradicts_itself_is_none_rfc_9110_14_4() {
        let read = |text: &str| content_range(&headers(&[("content-range", text)]));
        let whole = ContentRange {
            first: 4,
            last: 9,
            complete_length: 10,
        };
        assert_eq!(read("bytes 4-9/10"), Some(whole));
        for text in [
            "bytes 4-10/10",
            "bytes 9-4/10",
            "bytes 4-9/*",
            "bytes */10",
            "bytes 4-9",
            "x 4-9/10",
            "",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(whole.length(), 6);
    }
}
