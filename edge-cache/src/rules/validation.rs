//! Asking the origin whether a stored response is still good, and what follows from its answer (RFC 9111 §4.3).

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// An entity tag (RFC 9110 §8.8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntityTag<'a> {
    /// Whether equal tags mean equal bytes or only equal meaning.
    pub is_weak: bool,
    /// The tag with its quotes.
    pub opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// Reads a tag; `None` if it is not exactly one.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let (is_weak, opaque) = match text.strip_prefix(b"W/") {
            Some(opaque) => (true, opaque),
            None => (false, text),
        };
        let inner = opaque.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        let allowed = |byte: &u8| *byte == 0x21 || (0x23..=0x7e).contains(byte) || *byte >= 0x80;
        inner
            .iter()
            .all(allowed)
            .then_some(Self { is_weak, opaque })
    }

    /// The comparison for conditional `GET` (RFC 9110 §8.8.3.2).
    #[must_use]
    pub fn matches_weakly(&self, other: &Self) -> bool {
        self.opaque == other.opaque
    }

    /// The comparison for ranges (RFC 9110 §8.8.3.2).
    #[must_use]
    pub fn matches_strongly(&self, other: &Self) -> bool {
        !self.is_weak && !other.is_weak && self.opaque == other.opaque
    }
}

/// The entity tag of a response; one that is malformed is none.
#[must_use]
pub fn entity_tag(headers: &HeaderMap) -> Option<EntityTag<'_>> {
    EntityTag::parse(headers.get(header::ETAG)?.as_bytes())
}

/// Whether a response can be validated at all.
#[must_use]
pub fn has_validator(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ETAG) || headers.contains_key(header::LAST_MODIFIED)
}

/// Makes a request a conditional one for a stored response (§4.3.1).
///
/// A tag is sent as it was received, also one that is malformed: its origin knows it.
pub fn add_validators(request: &mut HeaderMap, stored: &HeaderMap) {
    for (validator, precondition) in [
        (header::ETAG, header::IF_NONE_MATCH),
        (header::LAST_MODIFIED, header::IF_MODIFIED_SINCE),
    ] {
        if let Some(value) = stored.get(validator) {
            request.insert(precondition, value.clone());
        }
    }
}

/// Whether a 304 is about the stored response whose validators were sent (§4.3.4): it has the same strong validator, or
/// else the same weak one, or else none.
#[must_use]
pub fn is_selected(stored: &HeaderMap, not_modified: &HeaderMap) -> bool {
    if let Some(new) = entity_tag(not_modified) {
        return entity_tag(stored).is_none_or(|old| old.matches_weakly(&new));
    }
    match (
        stored.get(header::LAST_MODIFIED),
        not_modified.get(header::LAST_MODIFIED),
    ) {
        (Some(old), Some(new)) => old == new,
        _ => true,
    }
}

/// Fields that describe the content that is stored, and so are not those of a response without it (§3.2).
const OF_THE_CONTENT: [HeaderName; 5] = [
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    HeaderName::from_static("content-md5"),
    header::CONTENT_RANGE,
    header::ETAG,
];

/// The stored fields, with those of a newer response in their place (§3.2).
#[must_use]
pub fn freshen(stored: &HeaderMap, newer: &HeaderMap) -> HeaderMap {
    let mut fields = stored.clone();
    let updated = newer.keys().filter(|name| !OF_THE_CONTENT.contains(name));
    for name in updated {
        fields.remove(name);
        for value in newer.get_all(name) {
            fields.append(name, value.clone());
        }
    }
    fields
}

/// Whether a 200 to `HEAD` is about the stored response (§4.3.5): validators and length that it has are the same.
#[must_use]
pub fn head_freshens(stored: &HeaderMap, head: &HeaderMap) -> bool {
    [header::ETAG, header::LAST_MODIFIED, header::CONTENT_LENGTH]
        .iter()
        .all(|name| match (stored.get(name), head.get(name)) {
            (Some(old), Some(new)) => old == new,
            _ => true,
        })
}

/// A strong validator of a response, in the form for `If-Range` (RFC 9110 §13.1.5): a strong tag. A date is none, since
/// content may change twice within its second.
#[must_use]
pub fn strong_validator(headers: &HeaderMap) -> Option<&HeaderValue> {
    let tag = headers.get(header::ETAG)?;
    let parsed = EntityTag::parse(tag.as_bytes())?;
    (!parsed.is_weak).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::headers;

    #[test]
    fn tags_are_quoted_and_may_be_weak_rfc_9110_8_8_3() {
        assert!(EntityTag::parse(b"\"a\"").is_some_and(|tag| !tag.is_weak));
        assert!(EntityTag::parse(b"W/\"\"").is_some_and(|tag| tag.is_weak));
        for text in ["a", "\"a", "w/\"a\"", "W\"a\"", "\"a\"b\"", "\"a b\""] {
            assert_eq!(EntityTag::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_stored_response_is_validated_by_both_validators_rfc_9111_4_3_1() {
        let stored = headers(&[("etag", "W/\"a\""), ("last-modified", "x")]);
        let mut request = HeaderMap::new();
        add_validators(&mut request, &stored);
        assert_eq!(
            request,
            headers(&[("if-none-match", "W/\"a\""), ("if-modified-since", "x")])
        );
    }

    #[test]
    fn a_304_with_another_tag_is_about_another_response_rfc_9111_4_3_4() {
        let stored = headers(&[("etag", "\"a\""), ("last-modified", "x")]);
        assert!(is_selected(&stored, &headers(&[])));
        assert!(is_selected(&stored, &headers(&[("etag", "\"a\"")])));
        assert!(!is_selected(&stored, &headers(&[("etag", "\"b\"")])));
        assert!(
            is_selected(&stored, &headers(&[("etag", "b")])),
            "which is no tag"
        );
        assert!(!is_selected(&stored, &headers(&[("last-modified", "y")])));
    }

    #[test]
    fn newer_fields_replace_stored_ones_but_for_those_of_the_content_rfc_9111_3_2() {
        let stored = headers(&[
            ("a", "1"),
            ("b", "1"),
            ("b", "2"),
            ("content-length", "5"),
            ("etag", "\"a\""),
        ]);
        let newer = headers(&[
            ("b", "3"),
            ("c", "4"),
            ("content-length", "0"),
            ("etag", "\"a\""),
        ]);
        let expected = headers(&[
            ("a", "1"),
            ("b", "3"),
            ("c", "4"),
            ("content-length", "5"),
            ("etag", "\"a\""),
        ]);
        assert_eq!(freshen(&stored, &newer), expected);
    }

    #[test]
    fn a_response_to_head_with_another_length_is_about_another_response_rfc_9111_4_3_5() {
        let stored = headers(&[("content-length", "5")]);
        assert!(head_freshens(
            &stored,
            &headers(&[("content-length", "5"), ("a", "1")])
        ));
        assert!(head_freshens(&stored, &headers(&[])));
        assert!(!head_freshens(
            &stored,
            &headers(&[("content-length", "6")])
        ));
    }
}
