//! Entity tags (RFC 9110 §8.8.3) and how they are compared (§8.8.3.2).

use http::{HeaderMap, header};

/// An entity tag as it stands in a field, its text with the quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntityTag<'a> {
    /// Equal ones mean equal bytes.
    Strong(&'a [u8]),
    /// Equal ones mean equivalent content.
    Weak(&'a [u8]),
    /// Not well formed. It is compared as a weak one, character by character: the origin made it, and a client that repeats
    /// it has the representation.
    Malformed(&'a [u8]),
}

impl<'a> EntityTag<'a> {
    /// The entity tag of a response, unless it has several `ETag` fields.
    #[must_use]
    pub fn of(headers: &'a HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(header::ETAG).iter();
        let line = lines.next().filter(|line| !line.is_empty())?;
        lines.next().is_none().then(|| Self::parse(line.as_bytes()))
    }

    fn parse(text: &'a [u8]) -> Self {
        match Self::first(text) {
            Some((tag, b"")) => tag,
            _ => Self::Malformed(text),
        }
    }

    /// The well-formed entity tag at the beginning of a text, and the rest of the text.
    fn first(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (is_weak, opaque) = match text.strip_prefix(b"W/") {
            Some(opaque) => (true, opaque),
            None => (false, text),
        };
        let inner = opaque.strip_prefix(b"\"")?;
        let length = inner.iter().position(|byte| !is_etag_character(*byte))?;
        if inner[length] != b'"' {
            return None;
        }
        let (tag, rest) = opaque.split_at(length + 2);
        Some((
            if is_weak {
                Self::Weak(tag)
            } else {
                Self::Strong(tag)
            },
            rest,
        ))
    }

    /// Whether both are strong and the same.
    #[must_use]
    pub fn equals_strongly(self, other: Self) -> bool {
        matches!((self, other), (Self::Strong(one), Self::Strong(other)) if one == other)
    }

    /// Whether both are the same, weak or strong.
    #[must_use]
    pub fn equals_weakly(self, other: Self) -> bool {
        match (self, other) {
            (Self::Malformed(one), Self::Malformed(other)) => one == other,
            (Self::Malformed(_), _) | (_, Self::Malformed(_)) => false,
            (Self::Strong(one) | Self::Weak(one), Self::Strong(other) | Self::Weak(other)) => {
                one == other
            }
        }
    }

    /// Whether it is strong.
    #[must_use]
    pub fn is_strong(self) -> bool {
        matches!(self, Self::Strong(_))
    }
}

/// `etagc`: visible characters without the quote, and bytes beyond ASCII.
fn is_etag_character(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x7e | 0x80..)
}

/// The entity tags of a list, such as `If-None-Match`. A malformed one ends at the next comma.
pub fn entity_tags(line: &[u8]) -> impl Iterator<Item = EntityTag<'_>> {
    let mut rest = line;
    std::iter::from_fn(move || {
        while let Some((b' ' | b'\t' | b',', after)) = rest.split_first() {
            rest = after;
        }
        if rest.is_empty() {
            return None;
        }
        if let Some((tag, after)) = EntityTag::first(rest) {
            let after = after.trim_ascii_start();
            if after.is_empty() || after.starts_with(b",") {
                rest = after;
                return Some(tag);
            }
        }
        let end = rest
            .iter()
            .position(|byte| *byte == b',')
            .unwrap_or(rest.len());
        let (member, after) = rest.split_at(end);
        rest = after;
        Some(EntityTag::Malformed(member.trim_ascii_end()))
    })
}

#[cfg(test)]
mod tests {
    use super::EntityTag::{Malformed, Strong, Weak};
    use super::*;
    use crate::rules::testing::headers;

    #[test]
    fn tags_are_strong_or_weak_rfc_9110_8_8_3() {
        let tag = |text: &'static str| EntityTag::parse(text.as_bytes());
        assert_eq!(tag("\"a,b\""), Strong(b"\"a,b\""));
        assert_eq!(tag("W/\"\""), Weak(b"\"\""));
        assert_eq!(tag("\"ü\\\""), Strong("\"ü\\\"".as_bytes()));
        for other in ["a", "\"a", "w/\"a\"", "W\"a\"", "\"a\"b", "W/a", "\"a b\""] {
            assert_eq!(tag(other), Malformed(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn strong_comparison_needs_two_strong_tags_rfc_9110_8_8_3_2() {
        let (strong, weak, other) = (Strong(b"\"1\""), Weak(b"\"1\""), Weak(b"\"2\""));
        assert!(strong.equals_strongly(strong));
        assert!(!strong.equals_strongly(weak) && !weak.equals_strongly(weak));
        assert!(strong.equals_weakly(weak) && weak.equals_weakly(weak));
        assert!(!weak.equals_weakly(other));
    }

    #[test]
    fn a_malformed_tag_equals_what_looks_the_same_and_is_never_strong() {
        let malformed = Malformed(b"a");
        assert!(malformed.equals_weakly(malformed) && !malformed.equals_strongly(malformed));
        assert!(!malformed.equals_weakly(Strong(b"a")));
    }

    #[test]
    fn lists_have_tags_with_commas_in_them_rfc_9110_13_1_2() {
        let tags: Vec<_> = entity_tags(b" \"a,b\",W/\"c\" ,, d e, \"f\"g, \"h").collect();
        assert_eq!(
            tags,
            [
                Strong(b"\"a,b\""),
                Weak(b"\"c\""),
                Malformed(b"d e"),
                Malformed(b"\"f\"g"),
                Malformed(b"\"h")
            ]
        );
    }

    #[test]
    fn a_response_with_several_tags_has_none() {
        assert_eq!(
            EntityTag::of(&headers(&[("etag", "\"a\""), ("etag", "\"a\"")])),
            None
        );
        assert_eq!(EntityTag::of(&headers(&[("etag", "")])), None);
        assert!(EntityTag::of(&headers(&[("etag", "\"a\"")])).is_some_and(EntityTag::is_strong));
    }
}
