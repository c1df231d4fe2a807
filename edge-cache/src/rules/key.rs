//! The cache key (RFC 9111 §2): what makes two requests ask for the same resource.

use std::sync::Arc;

use http::request::Parts;
use http::{Uri, header};

/// The target URI, in a form that is compared character by character. The method is not in it: `HEAD` is answered from
/// what `GET` has brought.
///
/// Scheme and host are in lower case, and a port that is the scheme's own is left out (RFC 9110 §4.2.3). Path and query
/// stay as they are, since an origin may tell apart whatever differs there: two resources never share a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheKey(Arc<str>);

impl CacheKey {
    /// The key of a target URI. `None` if it has no scheme, no host, or user information.
    #[must_use]
    pub fn new(target: &Uri) -> Option<Self> {
        let scheme = target.scheme_str()?;
        let authority = target.authority()?.as_str();
        Self::of_parts(scheme, authority, target)
    }

    /// The key of a request, whose host is in its target URI or in `Host` (RFC 9112 §3.3), and whose scheme is `http`
    /// if it is not in the URI.
    ///
    /// `None` if the host is missing, contradicts itself or has user information.
    #[must_use]
    pub fn of_request(head: &Parts) -> Option<Self> {
        let mut hosts = head.headers.get_all(header::HOST).iter();
        let field = hosts.next().map(|host| host.to_str()).transpose().ok()?;
        if hosts.next().is_some() {
            return None;
        }
        let authority = match (head.uri.authority(), field) {
            (Some(authority), Some(host)) if !host.eq_ignore_ascii_case(authority.as_str()) => {
                return None;
            }
            (Some(authority), _) => authority.as_str(),
            (None, Some(host)) => host,
            (None, None) => return None,
        };
        Self::of_parts(
            head.uri.scheme_str().unwrap_or("http"),
            authority,
            &head.uri,
        )
    }

    fn of_parts(scheme: &str, authority: &str, target: &Uri) -> Option<Self> {
        let is_plain =
            |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:[]%!$&'()*+,;=".contains(byte);
        if authority.is_empty() || !authority.as_bytes().iter().all(is_plain) {
            return None;
        }
        let default_port = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => ":",
        };
        let host = authority.strip_suffix(default_port).unwrap_or(authority);
        let host = host.strip_suffix(':').unwrap_or(host);
        let path = target.path_and_query().map_or("/", |path| path.as_str());
        let path = if path == "*" { "/*" } else { path };
        let mut text = String::with_capacity(scheme.len() + 3 + host.len() + path.len() + 1);
        text.push_str(scheme);
        text.push_str("://");
        text.push_str(host);
        text.make_ascii_lowercase();
        if !path.starts_with('/') {
            text.push('/');
        }
        text.push_str(path);
        Some(Self(text.into()))
    }

    /// The URI as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme and authority, such as `http://example.org:8080`.
    #[must_use]
    pub fn origin(&self) -> &str {
        let authority = self.0.find("://").map_or(0, |scheme| scheme + 3);
        let path = self.0[authority..].find('/');
        path.map_or(&self.0, |path| &self.0[..authority + path])
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn key(target: &str, host: &str) -> Option<String> {
        let request = Request::get(target).header("host", host).body(()).unwrap();
        let key = CacheKey::of_request(&request.into_parts().0)?;
        Some(key.as_str().to_owned())
    }

    #[test]
    fn hosts_are_compared_without_case_and_default_port_rfc_9110_4_2_3() {
        let expected = Some("http://example.org/A?b=C".to_owned());
        for host in [
            "example.org",
            "EXAMPLE.org",
            "example.org:80",
            "example.org:",
        ] {
            assert_eq!(key("/A?b=C", host), expected, "{host}");
        }
        assert_eq!(key("http://example.org/A?b=C", "example.org"), expected);
        assert_ne!(key("/A?b=C", "example.org:8080"), expected);
        assert_ne!(key("https://example.org/A?b=C", "example.org"), expected);
    }

    #[test]
    fn paths_and_queries_that_differ_are_different_resources() {
        let all = [
            "/a", "/A", "/a?", "/a?x", "/%61", "/a/", "//a", "/a?x&y", "/a?y&x",
        ];
        let keys: std::collections::HashSet<_> = all.iter().map(|path| key(path, "h")).collect();
        assert_eq!(keys.len(), all.len());
    }

    #[test]
    fn a_host_that_is_missing_or_contradicts_itself_has_no_key() {
        assert_eq!(key("http://a/", "b"), None);
        assert_eq!(key("/", "user@a"), None);
        assert_eq!(key("/", "a/b"), None);
        assert_eq!(key("/", ""), None);
    }

    #[test]
    fn the_origin_is_scheme_and_authority() {
        let key = CacheKey::new(&"http://a:81/b/c".parse().unwrap()).unwrap();
        assert_eq!(key.origin(), "http://a:81");
    }
}
