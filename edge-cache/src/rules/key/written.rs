//! Cache keys of URLs that people write. They are normalised as clients do: scheme and host become lower case, a default
//! port and dot segments are removed, and characters that a URL can't have are percent-encoded (RFC 3986 §2.1).

use std::fmt::Write as _;

use super::without_dot_segments;
use super::{CacheKey, split_query, split_scheme, without_default_port};
use crate::limits::MAX_KEY_BYTES;

impl CacheKey {
    /// The key of a URL, without its fragment. `None` if it is not an HTTP URL, or is longer than any key.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        let url = url.split('#').next().unwrap_or_default();
        let (scheme, authority, path) = split(url)?;
        Self::of_authority(scheme, &format!("{authority}{}", encoded(path)))
    }

    /// The prefix of keys for the beginning of a URL. `None` if no key can have it.
    ///
    /// It includes the whole host, since `http://example.com` would include `http://example.com.invalid/`. An incomplete
    /// last segment stays unchanged.
    #[must_use]
    pub fn parse_prefix(prefix: &str) -> Option<String> {
        let (scheme, authority, path) = split(prefix)?;
        if !path.starts_with('/') || path.contains('#') {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        let host = without_default_port(&scheme, authority)?.to_ascii_lowercase();
        let path = encoded(path);
        let (path, query) = split_query(&path);
        let finished = if query.is_empty() {
            path.rfind('/').map_or(0, |slash| slash + 1)
        } else {
            path.len()
        };
        let (finished, rest) = path.split_at(finished);
        let path = without_dot_segments(finished);
        let prefix = format!("{scheme}://{host}{path}{rest}{query}");
        (prefix.len() <= MAX_KEY_BYTES).then_some(prefix)
    }
}

/// The scheme, the authority, and the rest.
fn split(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = split_scheme(url)?;
    let is_http = ["http", "https"]
        .iter()
        .any(|http| scheme.eq_ignore_ascii_case(http));
    let rest = rest.strip_prefix("//").filter(|_| is_http)?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    Some((scheme, authority, path))
}

fn encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_graphic() && !b"\"<>".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a string takes all that is written");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(url: &str) -> Option<String> {
        CacheKey::parse(url).map(|key| key.as_str().to_owned())
    }

    #[test]
    fn a_url_means_the_key_that_clients_ask_for() {
        for (url, expected) in [
            ("http://shop.example", "http://shop.example/"),
            ("HTTP://SHOP.example:80/A", "http://shop.example/A"),
            ("https://shop.example:443/", "https://shop.example/"),
            ("https://shop.example:80/", "https://shop.example:80/"),
            ("http://[::1]:80/a", "http://[::1]/a"),
            ("http://a/b/../c/./d?e=../f#g", "http://a/c/d?e=../f"),
            ("http://a?b", "http://a/?b"),
            (
                "http://a/stra\u{df}e \"x\"",
                "http://a/stra%C3%9Fe%20%22x%22",
            ),
            ("http://a/%7e%7E~", "http://a/%7e%7E~"),
        ] {
            assert_eq!(key(url).as_deref(), Some(expected), "{url}");
        }
        for url in [
            "",
            "/a",
            "a/b",
            "ftp://a/",
            "http:/a",
            "http://",
            "http://u@a/",
            "http://\u{df}/",
        ] {
            assert_eq!(key(url), None, "{url}");
        }
    }

    #[test]
    fn a_prefix_means_the_keys_that_begin_so() {
        for (prefix, expected) in [
            ("http://SHOP.example:80/", "http://shop.example/"),
            ("HTTPS://shop.example:443/a", "https://shop.example/a"),
            ("http://a/b/../c", "http://a/c"),
            ("http://a/b/..", "http://a/b/.."),
            ("http://a/.well", "http://a/.well"),
            ("http://a/b/../c?d=/../", "http://a/c?d=/../"),
            ("http://a/stra\u{df}e", "http://a/stra%C3%9Fe"),
            ("http://a/%C", "http://a/%C"),
        ] {
            assert_eq!(
                CacheKey::parse_prefix(prefix).as_deref(),
                Some(expected),
                "{prefix}"
            );
        }
        let too_long = format!("http://a/{}", "b".repeat(MAX_KEY_BYTES));
        for prefix in [
            "",
            "http://a",
            "http:///",
            "ftp://a/",
            "/a",
            "http://a b/",
            "http://u@a/",
            "http://a:b/",
            "http://a/#b",
            "http://a?b/",
            &too_long,
        ] {
            assert_eq!(CacheKey::parse_prefix(prefix), None, "{prefix}");
        }
    }

    #[test]
    fn a_key_is_its_own_url_and_prefix() {
        for text in [
            "http://a/",
            "https://a:8443/b?c=%20",
            "http://[::1]:81/b//c",
        ] {
            assert_eq!(key(text).as_deref(), Some(text));
            assert_eq!(CacheKey::parse_prefix(text).as_deref(), Some(text));
        }
    }
}
