//! The URLs that a response to an unsafe request invalidates (RFC 9111 §4.4).

use http::{HeaderMap, Method, StatusCode, header};

use super::key::CacheKey;

/// Whether a response invalidates: the method is not known to be safe, and the status is not an error.
#[must_use]
pub fn invalidates(method: &Method, status: StatusCode) -> bool {
    !method.is_safe() && (status.is_success() || status.is_redirection())
}

/// The keys that such a response invalidates: that of the request, and those that `Location` and `Content-Location` refer to
/// on the same origin.
pub fn invalidated_keys(target: &CacheKey, response: &HeaderMap) -> impl Iterator<Item = CacheKey> {
    let referred = |name| {
        response
            .get_all(name)
            .iter()
            .filter_map(|value| target.resolve(value.to_str().ok()?))
    };
    let referred = referred(header::LOCATION).chain(referred(header::CONTENT_LOCATION));
    let others = referred.filter(|key| key.origin() == target.origin() && key != target);
    std::iter::once(target.clone()).chain(others.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::headers;

    #[test]
    fn a_successful_unsafe_request_invalidates_rfc_9111_4_4() {
        for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH"] {
            let method: Method = method.parse().unwrap();
            for status in [200, 201, 204, 302, 303] {
                assert!(
                    invalidates(&method, StatusCode::from_u16(status).unwrap()),
                    "{method} {status}"
                );
            }
            for status in [400, 404, 500, 503] {
                assert!(
                    !invalidates(&method, StatusCode::from_u16(status).unwrap()),
                    "{method} {status}"
                );
            }
        }
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE] {
            assert!(!invalidates(&method, StatusCode::OK), "{method}");
        }
    }

    #[test]
    fn locations_of_the_same_origin_are_invalidated_rfc_9111_4_4() {
        let target = CacheKey::new(&"http://a/b/c".parse().unwrap()).unwrap();
        let keys = |fields: &[(&'static str, &str)]| -> Vec<String> {
            let fields = headers(fields);
            let keys = invalidated_keys(&target, &fields);
            keys.map(|key| key.as_str().to_owned()).collect()
        };
        assert_eq!(keys(&[]), ["http://a/b/c"]);
        let fields = [("location", "/d"), ("content-location", "e?f#g")];
        assert_eq!(
            keys(&fields),
            ["http://a/b/c", "http://a/d", "http://a/b/e?f"]
        );
        assert_eq!(
            keys(&[("location", "http://A:80/d")]),
            ["http://a/b/c", "http://a/d"]
        );
        for elsewhere in [
            "http://b/d",
            "https://a/d",
            "http://a:81/d",
            "//b/d",
            "mailto:a@b",
            "ä",
        ] {
            assert_eq!(
                keys(&[("location", elsewhere)]),
                ["http://a/b/c"],
                "{elsewhere}"
            );
        }
    }
}
