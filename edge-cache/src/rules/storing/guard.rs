//! Defence against cache poisoning: a field of a request that may change the response, but is not in the cache key, lets one
//! client choose the response of all others.
//!
//! The server removes or rewrites such fields first; this is the second line of defence. Cache deception is not a risk,
//! since no rule depends on the form of a path.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::rules::key::{CacheKey, without_default_port};

/// Whether a request has a field from which frameworks read host, scheme, port, path or method, and whose value contradicts
/// the cache key.
#[must_use]
pub fn steers_the_origin(request: &HeaderMap, key: &CacheKey) -> bool {
    // One pass over the names: most requests have none of these, and each look-up would cost a hash.
    let may_steer = |name: &HeaderName| matches!(name.as_str().as_bytes(), [b'x' | b'f', ..]);
    let mut fields = request.iter().filter(|(name, _)| may_steer(name));
    fields.any(|(name, value)| contradicts(name.as_str(), value, key))
}

/// Whether a field contradicts the cache key.
fn contradicts(name: &str, value: &HeaderValue, key: &CacheKey) -> bool {
    let value = value.to_str().unwrap_or_default().trim_ascii();
    let agrees = match name {
        "x-forwarded-host"
        | "x-forwarded-server"
        | "x-host"
        | "x-original-host"
        | "x-http-host-override" => is_host(value, key),
        "x-forwarded-proto"
        | "x-forwarded-protocol"
        | "x-forwarded-scheme"
        | "x-scheme"
        | "x-url-scheme" => value.eq_ignore_ascii_case(key.scheme()),
        "x-forwarded-ssl" | "front-end-https" => {
            value.eq_ignore_ascii_case("on") == (key.scheme() == "https")
        }
        "x-forwarded-port" => value == key.port(),
        "x-original-url" | "x-original-uri" | "x-rewrite-url" | "x-forwarded-uri" => {
            value == key.path_and_query()
        }
        "forwarded" => value.split(',').all(|hop| is_forwarded_as(hop, key)),
        "x-forwarded-prefix"
        | "x-forwarded-path"
        | "x-script-name"
        | "x-http-method-override"
        | "x-http-method"
        | "x-method-override" => false,
        _ => true,
    };
    !agrees
}

fn is_host(value: &str, key: &CacheKey) -> bool {
    without_default_port(key.scheme(), value)
        .is_some_and(|host| host.eq_ignore_ascii_case(key.authority()))
}

/// Whether an element of `Forwarded` names no other host and no other scheme (RFC 7239 §4).
fn is_forwarded_as(hop: &str, key: &CacheKey) -> bool {
    hop.split(';').all(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "host" => is_host(value, key),
            "proto" => value.eq_ignore_ascii_case(key.scheme()),
            _ => true,
        }
    })
}

/// Whether a request has content, which has no meaning with `GET` (RFC 9110 §9.3.1), but some origins use it.
#[must_use]
pub fn has_content(request: &HeaderMap) -> bool {
    let lengths = request.get_all(header::CONTENT_LENGTH).iter();
    let mut lengths = lengths.map(|length| length.as_bytes().trim_ascii());
    request.contains_key(header::TRANSFER_ENCODING)
        || lengths.any(|length| length.iter().any(|digit| *digit != b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::headers;

    fn steers(url: &str, name: &'static str, value: &str) -> bool {
        let key = CacheKey::new(&url.parse().unwrap()).unwrap();
        steers_the_origin(&headers(&[("accept", "*/*"), (name, value)]), &key)
    }

    #[test]
    fn a_field_that_says_what_the_key_says_does_not_steer_the_origin() {
        for (url, name, value) in [
            ("http://shop.example/a", "x-forwarded-host", "Shop.example"),
            (
                "http://shop.example/a",
                "x-forwarded-host",
                "shop.example:80",
            ),
            (
                "https://shop.example/a",
                "x-forwarded-host",
                "shop.example:443",
            ),
            (
                "http://shop.example:81/a",
                "x-forwarded-host",
                "shop.example:81",
            ),
            ("https://shop.example/a", "x-forwarded-proto", "HTTPS"),
            ("http://shop.example/a", "x-forwarded-proto", "http"),
            ("http://shop.example/a", "x-forwarded-ssl", "off"),
            ("https://shop.example/a", "x-forwarded-ssl", "on"),
            ("https://shop.example/a", "x-forwarded-port", "443"),
            ("http://[::1]/a", "x-forwarded-port", "80"),
            ("http://[::1]:81/a", "x-forwarded-port", "81"),
            ("http://shop.example/a?b", "x-original-uri", "/a?b"),
            (
                "http://shop.example/a",
                "forwarded",
                "for=192.0.2.1;host=\"shop.example\";proto=http, for=192.0.2.2",
            ),
            ("http://shop.example/a", "x-forwarded-for", "192.0.2.1"),
            ("http://shop.example/a", "x-request-id", "evil.example"),
        ] {
            assert!(!steers(url, name, value), "{url} {name}: {value}");
        }
    }

    #[test]
    fn a_field_that_contradicts_the_key_steers_the_origin() {
        for (name, value) in [
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-host", "shop.example, evil.example"),
            ("x-forwarded-host", "shop.example:81"),
            ("x-forwarded-host", ""),
            ("x-forwarded-host", "\u{e4}"),
            ("x-forwarded-server", "evil.example"),
            ("x-host", "evil.example"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-proto", "javascript"),
            ("x-forwarded-scheme", "nothttps"),
            ("x-forwarded-ssl", "on"),
            ("front-end-https", "on"),
            ("x-forwarded-port", "1337"),
            ("x-forwarded-prefix", "/evil"),
            ("x-original-url", "/admin"),
            ("x-rewrite-url", "/admin"),
            ("x-http-method-override", "POST"),
            ("forwarded", "for=192.0.2.1;host=evil.example"),
            ("forwarded", "proto=https"),
            ("forwarded", "for=192.0.2.1, Host=\"evil.example\""),
        ] {
            assert!(
                steers("http://shop.example/a", name, value),
                "{name}: {value}"
            );
        }
    }
}
