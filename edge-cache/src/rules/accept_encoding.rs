//! Content codings: which one a client gets, and which content is compressed (RFC 9110 §8.4.1, §12.5.3).

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::Policy;
use super::directives::ResponseDirectives;
use super::weight::{Thousandths, accepted};
use crate::limits::MIN_COMPRESSED_BYTES;

/// A coding that the cache itself makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentCoding {
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
    /// RFC 1952.
    Gzip,
}

impl ContentCoding {
    /// All codings, the one that makes text smallest first.
    pub const ALL: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];

    /// Its name in fields.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// Its name as the value of `Content-Encoding`.
    #[must_use]
    pub fn token(self) -> HeaderValue {
        HeaderValue::from_static(self.as_str())
    }

    /// The weight that a client gives it; zero if it does not name it.
    ///
    /// `*` does not count, since clients send it that can't decode every coding.
    fn weight(self, accepted: &[(String, Thousandths)]) -> Thousandths {
        let is_it = |name: &str| name == self.as_str() || (self == Self::Gzip && name == "x-gzip");
        let named = accepted.iter().find(|(name, _)| is_it(name));
        named.map_or(0, |(_, weight)| *weight)
    }
}

/// The coding that a client prefers; `None` if it prefers the content without a coding.
///
/// Of codings with equal weights, the one that makes text smallest.
#[must_use]
pub fn preferred(request: &HeaderMap) -> Option<ContentCoding> {
    if !request.contains_key(header::ACCEPT_ENCODING) {
        return None;
    }
    let accepted = accepted(request, &header::ACCEPT_ENCODING);
    let identity = accepted.iter().find(|(name, _)| name == "identity");
    // Without `identity`, a coding that is named comes first.
    let least = identity.map_or(0, |(_, weight)| *weight);
    let weighted = ContentCoding::ALL.map(|coding| (coding, coding.weight(&accepted)));
    let most = weighted
        .iter()
        .map(|(_, weight)| *weight)
        .max()
        .filter(|most| *most > 0 && *most >= least)?;
    weighted
        .into_iter()
        .find(|(_, weight)| *weight == most)
        .map(|(coding, _)| coding)
}

/// Whether content with these fields is compressed: it is text, has no coding yet, and no field forbids it.
#[must_use]
pub fn is_compressible(response: &HeaderMap, policy: &Policy) -> bool {
    const AS_IT_IS: [HeaderName; 6] = [
        header::CONTENT_ENCODING,
        header::CONTENT_RANGE,
        // Digests of the content (RFC 9530).
        HeaderName::from_static("content-digest"),
        HeaderName::from_static("repr-digest"),
        HeaderName::from_static("digest"),
        HeaderName::from_static("content-md5"),
    ];
    let is_free = AS_IT_IS.iter().all(|name| !response.contains_key(name));
    // `no-transform` in `Cache-Control` is for all recipients, even if a targeted field says otherwise to this cache.
    let may_be_transformed =
        !policy.no_transform && !ResponseDirectives::parse(response).no_transform;
    is_free && may_be_transformed && has_text(response) && !is_short(response)
}

fn is_short(response: &HeaderMap) -> bool {
    let length = response.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    length.is_some_and(|length| length < MIN_COMPRESSED_BYTES)
}

fn has_text(response: &HeaderMap) -> bool {
    let media_type = response
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media_type = media_type
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    is_text(&media_type.trim().to_ascii_lowercase())
}

/// Whether a media type is text, or compresses like text.
fn is_text(media_type: &str) -> bool {
    const OTHERS: [&str; 13] = [
        "application/javascript",
        "application/json",
        "application/manifest+json",
        "application/rtf",
        "application/vnd.ms-fontobject",
        "application/wasm",
        "application/x-javascript",
        "application/x-ndjson",
        "application/xml",
        "application/yaml",
        "font/otf",
        "font/ttf",
        "image/bmp",
    ];
    // Events must not wait for each other.
    (media_type.starts_with("text/") && media_type != "text/event-stream")
        || ["+json", "+xml", "+yaml"]
            .iter()
            .any(|suffix| media_type.ends_with(suffix))
        || OTHERS.contains(&media_type)
}

/// Makes a strong entity tag weak: content in another coding has other bytes with the same meaning (RFC 9110 §8.8.1).
pub fn weaken_validators(headers: &mut HeaderMap) {
    let Some(tag) = headers.get(header::ETAG) else {
        return;
    };
    if tag.as_bytes().starts_with(b"\"") {
        let weak = HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat());
        headers.insert(
            header::ETAG,
            weak.expect("it is a field value with two more letters"),
        );
    }
}

/// Adds `Accept-Encoding` to `Vary`, which every response of a resource with several codings needs (RFC 9110 §12.5.5).
pub fn vary_on_coding(headers: &mut HeaderMap) {
    let lines = headers.get_all(header::VARY).iter();
    let says_so = |name: &[u8]| name == b"*" || name.eq_ignore_ascii_case(b"accept-encoding");
    let names = lines.flat_map(|line| super::list::members(line.as_bytes()));
    if names.filter(|name| says_so(name)).count() == 0 {
        headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::headers;

    fn compressible(fields: &[(&'static str, &str)]) -> bool {
        is_compressible(&headers(fields), &Policy::default())
    }

    fn coding(accept_encoding: &str) -> Option<&'static str> {
        preferred(&headers(&[("accept-encoding", accept_encoding)])).map(ContentCoding::as_str)
    }

    #[test]
    fn the_coding_that_is_liked_best_is_chosen_rfc_9110_12_5_3() {
        for (accepted, expected) in [
            ("gzip, deflate, br, zstd", Some("br")),
            ("gzip, zstd", Some("zstd")),
            ("GZIP", Some("gzip")),
            ("x-gzip", Some("gzip")),
            ("gzip;q=1.0, br;q=0.5", Some("gzip")),
            ("*", None),
            ("*;q=0", None),
            ("gzip;q=0", None),
            ("identity, gzip;q=0.5", None),
            ("identity;q=0.5, gzip;q=0.5", Some("gzip")),
            ("identity;q=0, gzip;q=0.1", Some("gzip")),
            ("deflate", None),
            ("", None),
            ("gzip;q=x", None),
        ] {
            assert_eq!(coding(accepted), expected, "{accepted}");
        }
        assert_eq!(preferred(&headers(&[])), None);
    }

    #[test]
    fn text_is_worth_a_coding() {
        let worth = |media_type: &str| compressible(&[("content-type", media_type)]);
        for media_type in [
            "text/html; charset=utf-8",
            "TEXT/plain",
            "application/json",
            "image/svg+xml",
            "application/ld+json",
            "application/wasm",
        ] {
            assert!(worth(media_type), "{media_type}");
        }
        for media_type in [
            "image/png",
            "text/event-stream",
            "application/octet-stream",
            "font/woff2",
            "video/mp4",
            "",
        ] {
            assert!(!worth(media_type), "{media_type}");
        }
        assert!(!compressible(&[]));
    }

    #[test]
    fn what_is_to_stay_as_it_is_does_rfc_9111_5_2_2_6() {
        let worth = |name, value| compressible(&[("content-type", "text/html"), (name, value)]);
        assert!(!worth("cache-control", "no-transform"));
        assert!(!worth("content-encoding", "gzip"));
        assert!(!worth("repr-digest", "sha-256=:AA==:"));
        assert!(worth("cache-control", "max-age=60"));
    }

    #[test]
    fn content_in_a_coding_has_a_weak_validator_rfc_9110_8_8_1() {
        let weakened = |tag: &str| {
            let mut headers = headers(&[("etag", tag)]);
            weaken_validators(&mut headers);
            headers["etag"].to_str().unwrap().to_owned()
        };
        assert_eq!(weakened("\"a\""), "W/\"a\"");
        assert_eq!(weakened("W/\"a\""), "W/\"a\"");
    }

    #[test]
    fn a_response_says_that_it_was_chosen_by_coding_rfc_9110_12_5_5() {
        let vary = |value: &str| {
            let mut headers = headers(&[("vary", value)]);
            vary_on_coding(&mut headers);
            headers.get_all("vary").iter().count()
        };
        assert_eq!(vary("Origin"), 2);
        assert_eq!(vary("origin, accept-ENCODING"), 1);
        assert_eq!(vary("*"), 1);
    }
}
