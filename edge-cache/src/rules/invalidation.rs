//! What a response to an unsafe request makes outdated (RFC 9111 §4.4).

use http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};

use super::key::CacheKey;

/// Whether a response makes stored ones outdated: one without an error to an unsafe method.
///
/// Of unknown methods it is not known that they are safe, so they count as unsafe.
#[must_use]
pub fn invalidates(method: &Method, status: StatusCode) -> bool {
    !method.is_safe() && (status.is_success() || status.is_redirection())
}

/// The target URI, and those in `Location` and `Content-Location` if they have the same origin: what other origins store is
/// not this one's to invalidate.
#[must_use]
pub fn invalidated_keys(target: &CacheKey, response: &HeaderMap) -> Vec<CacheKey> {
    let mut keys = vec![target.clone()];
    for name in [header::LOCATION, header::CONTENT_LOCATION] {
        let key = referred(target, response, &name);
        keys.extend(key.filter(|key| key.origin() == target.origin() && key != target));
    }
    keys
}

/// The URI in a field, resolved against the target URI (RFC 3986 §5.2).
pub(crate) fn referred(
    target: &CacheKey,
    response: &HeaderMap,
    name: &HeaderName,
) -> Option<CacheKey> {
    let reference = response.get(name)?.to_str().ok()?;
    let reference = reference.split('#').next().unwrap_or_default().trim();
    let target_uri = target.as_str();
    let (scheme, _) = target_uri.split_once("://")?;
    let origin = target.origin();
    let path = target_uri[origin.len()..].split('?').next().unwrap_or("/");
    let absolute = if has_scheme(reference) {
        reference.to_owned()
    } else if reference.starts_with("//") {
        format!("{scheme}:{reference}")
    } else if reference.starts_with('/') {
        format!("{origin}{reference}")
    } else if reference.is_empty() {
        target_uri.to_owned()
    } else if reference.starts_with('?') {
        format!("{origin}{path}{reference}")
    } else {
        let folder = &path[..=path.rfind('/').unwrap_or(0)];
        format!("{origin}{folder}{reference}")
    };
    let absolute: Uri = without_dots(&absolute).parse().ok()?;
    CacheKey::new(&absolute)
}

fn has_scheme(reference: &str) -> bool {
    reference.split_once(':').is_some_and(|(scheme, _)| {
        let mut characters = scheme.chars();
        characters
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic())
            && characters.all(|other| other.is_ascii_alphanumeric() || "+-.".contains(other))
    })
}

/// The URI without `.` and `..` in its path (RFC 3986 §5.2.4).
fn without_dots(uri: &str) -> String {
    let (before, query) = uri
        .split_once('?')
        .map_or((uri, None), |(before, query)| (before, Some(query)));
    let start = before.find("://").map_or(0, |scheme| scheme + 3);
    let Some(path) = before[start..].find('/').map(|path| start + path) else {
        return uri.to_owned();
    };
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = before[path + 1..].split('/').collect();
    for (index, segment) in segments.iter().enumerate() {
        let is_last = index + 1 == segments.len();
        match *segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            segment => {
                kept.push(segment);
                continue;
            }
        }
        if is_last {
            kept.push("");
        }
    }
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}/{}{query}", &before[..path], kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::headers;

    fn invalidated(location: &str) -> Vec<String> {
        let target = CacheKey::new(&"http://h/a/b?q".parse().unwrap()).unwrap();
        let keys = invalidated_keys(&target, &headers(&[("location", location)]));
        keys.iter().map(|key| key.as_str().to_owned()).collect()
    }

    #[test]
    fn success_of_an_unsafe_method_invalidates_and_failure_does_not_rfc_9111_4_4() {
        assert!(invalidates(&Method::POST, StatusCode::CREATED));
        assert!(invalidates(&Method::PUT, StatusCode::SEE_OTHER));
        assert!(invalidates(
            &Method::from_bytes(b"M-SEARCH").unwrap(),
            StatusCode::OK
        ));
        assert!(!invalidates(
            &Method::DELETE,
            StatusCode::INTERNAL_SERVER_ERROR
        ));
        assert!(!invalidates(&Method::POST, StatusCode::CONFLICT));
        assert!(!invalidates(&Method::OPTIONS, StatusCode::OK));
    }

    #[test]
    fn references_are_resolved_against_the_target_rfc_3986_5_2() {
        for (reference, expected) in [
            ("c", "http://h/a/c"),
            ("/c?d", "http://h/c?d"),
            ("../c", "http://h/c"),
            ("./", "http://h/a/"),
            ("..", "http://h/"),
            ("?d", "http://h/a/b?d"),
            ("http://H/c#x", "http://h/c"),
            ("//h/c", "http://h/c"),
            ("../../../c", "http://h/c"),
        ] {
            assert_eq!(
                invalidated(reference),
                ["http://h/a/b?q", expected],
                "{reference}"
            );
        }
    }

    #[test]
    fn other_origins_are_left_alone_rfc_9111_4_4() {
        for reference in [
            "http://other/c",
            "https://h/c",
            "http://h:81/c",
            "mailto:a@b",
            "http://",
        ] {
            assert_eq!(invalidated(reference), ["http://h/a/b?q"], "{reference}");
        }
    }
}
