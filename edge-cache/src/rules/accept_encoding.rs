//! Content codings that a client accepts, and content that is worth coding (RFC 9110 §8.4 and §12.5.3).

use http::{HeaderMap, HeaderValue, header};

use super::directives::ResponseDirectives;
use super::validation::{EntityTag, entity_tag};
use super::vary::accepted;

/// Content shorter than this is not compressed, in bytes: it fits into one packet either way.
pub const MIN_COMPRESSED_BYTES: u64 = 1024;

/// A coding that the cache can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentCoding {
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
    /// RFC 1952.
    Gzip,
}

impl ContentCoding {
    /// The cache's own order of preference where the client has none.
    const PREFERRED: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];

    fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// The name in `Content-Encoding`.
    #[must_use]
    pub fn token(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }
}

/// The coding that a request prefers; `None` if that is none at all.
///
/// Only codings that are named count: `*` says that others can be decoded as well, and is sent by clients that can't.
#[must_use]
pub fn preferred(request: &HeaderMap) -> Option<ContentCoding> {
    if !request.contains_key(header::ACCEPT_ENCODING) {
        return None;
    }
    let accepted = accepted(request, &header::ACCEPT_ENCODING);
    let weight = |name: &str| {
        accepted
            .iter()
            .find(|(what, _)| what == name)
            .map_or(0, |(_, weight)| *weight)
    };
    let codings = ContentCoding::PREFERRED.into_iter().rev();
    let best = codings.max_by_key(|coding| weight(coding.name()))?;
    let best_weight = weight(best.name());
    (best_weight > 0 && best_weight >= weight("identity")).then_some(best)
}

/// Whether content with these fields may be coded and is worth it: text that is not coded yet, of some length, that nobody
/// has forbidden to transform (RFC 9110 §7.7).
#[must_use]
pub fn is_compressible(headers: &HeaderMap, directives: &ResponseDirectives) -> bool {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    let is_short = length.is_some_and(|length: u64| length < MIN_COMPRESSED_BYTES);
    !is_short
        && !directives.no_transform
        && !headers.contains_key(header::CONTENT_ENCODING)
        && !headers.contains_key(header::CONTENT_RANGE)
        && headers.get(header::CONTENT_TYPE).is_some_and(is_text)
}

fn is_text(content_type: &HeaderValue) -> bool {
    let Ok(content_type) = content_type.to_str() else {
        return false;
    };
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    // Events are to arrive one by one, and compression would hold them back.
    (essence.starts_with("text/") && essence != "text/event-stream")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
        || matches!(
            essence.as_str(),
            "application/json" | "application/javascript" | "application/xml" | "application/wasm"
        )
}

/// Says that other requests may get other codings (RFC 9110 §12.5.5).
pub fn vary_on_coding(headers: &mut HeaderMap) {
    let mut lines = headers
        .get_all(header::VARY)
        .iter()
        .filter_map(|line| line.to_str().ok());
    let mut names = lines.by_ref().flat_map(|line| line.split(','));
    let is_named = names.any(|name| name.trim().eq_ignore_ascii_case("accept-encoding"));
    if !is_named {
        headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
}

/// Makes the validators and digests those of coded content: it is the same only in meaning, so its tag is weak
/// (RFC 9110 §8.8.1), and digests of its bytes are not known.
pub fn weaken_validators(headers: &mut HeaderMap) {
    if let Some(EntityTag {
        is_weak: false,
        opaque,
    }) = entity_tag(headers)
    {
        let weak = [b"W/", opaque].concat();
        if let Ok(weak) = HeaderValue::from_bytes(&weak) {
            headers.insert(header::ETAG, weak);
        }
    }
    for name in ["content-md5", "content-digest", "repr-digest", "digest"] {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::headers;

    fn chosen(accept: &str) -> Option<ContentCoding> {
        preferred(&headers(&[("accept-encoding", accept)]))
    }

    #[test]
    fn the_coding_with_the_largest_weight_is_chosen_rfc_9110_12_5_3() {
        assert_eq!(
            chosen("gzip, deflate, br, zstd"),
            Some(ContentCoding::Brotli)
        );
        assert_eq!(chosen("gzip, br;q=0.5"), Some(ContentCoding::Gzip));
        assert_eq!(
            chosen("br;q=0, gzip;q=0.1, identity;q=0"),
            Some(ContentCoding::Gzip)
        );
        assert_eq!(chosen("gzip;q=0.5, identity"), None);
        assert_eq!(chosen("deflate, *"), None);
        assert_eq!(chosen(""), None);
        assert_eq!(preferred(&HeaderMap::new()), None);
    }

    #[test]
    fn text_of_some_length_is_worth_it_unless_it_may_not_be_transformed() {
        let check = |fields: &[(&'static str, &str)]| {
            let headers = headers(fields);
            is_compressible(&headers, &ResponseDirectives::parse(&headers))
        };
        let json = ("content-type", "application/json; charset=utf-8");
        assert!(check(&[json]));
        assert!(check(&[json, ("content-length", "1024")]));
        assert!(!check(&[json, ("content-length", "1023")]));
        assert!(!check(&[json, ("content-encoding", "br")]));
        assert!(!check(&[json, ("cache-control", "no-transform")]));
        assert!(!check(&[("content-type", "image/png")]));
        assert!(!check(&[("content-type", "text/event-stream")]));
    }

    #[test]
    fn coded_content_has_a_weak_tag_and_no_digests_rfc_9110_8_8_1() {
        let mut fields = headers(&[("etag", "\"a\""), ("repr-digest", "x")]);
        weaken_validators(&mut fields);
        assert_eq!(fields, headers(&[("etag", "W/\"a\"")]));
        let mut fields = headers(&[("etag", "W/\"a\"")]);
        weaken_validators(&mut fields);
        assert_eq!(fields, headers(&[("etag", "W/\"a\"")]));
    }

    #[test]
    fn accept_encoding_is_nominated_once() {
        let mut fields = headers(&[("vary", "a, ACCEPT-encoding")]);
        vary_on_coding(&mut fields);
        assert_eq!(fields.get_all("vary").iter().count(), 1);
        let mut fields = headers(&[("vary", "a")]);
        vary_on_coding(&mut fields);
        assert_eq!(fields.get_all("vary").iter().count(), 2);
    }
}
