//! Owns how users name the origin of an edge. Sending requests to it is left to `edge`.

use std::fmt;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

use crate::fault::Reason;

const HELP: &str =
    "write a scheme, a host and a port: `http://10.0.0.2:3000` or `https://example.com`";

/// A server, by scheme and authority (RFC 9110 §4.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: Scheme,
    authority: Authority,
}

impl Origin {
    /// Reads `http://HOST[:PORT]` or `https://HOST[:PORT]`.
    ///
    /// # Errors
    /// What is wrong with it. The text is not repeated where it may hold a password.
    pub fn parse(text: &str) -> Result<Self, Reason> {
        let wrong = |what: &str| Reason::new(what).help(HELP);
        let uri: Uri = text.parse().map_err(|_| wrong("the origin is not a URL"))?;
        let parts = uri.into_parts();
        let scheme = parts
            .scheme
            .ok_or_else(|| wrong("the URL of the origin has no scheme"))?;
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
            return Err(wrong(&format!(
                "an origin speaks http or https, not `{scheme}`"
            )));
        }
        let authority = parts
            .authority
            .ok_or_else(|| wrong("the URL of the origin has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong(
                "the URL of the origin has a user name, which edges do not send",
            ));
        }
        let path = parts
            .path_and_query
            .as_ref()
            .map_or("/", PathAndQuery::as_str);
        if path != "/" {
            return Err(wrong(
                "the URL of the origin has a path: clients choose the path",
            ));
        }
        Ok(Self { scheme, authority })
    }

    /// Its host and port.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The URI of a request target at this server.
    pub(crate) fn target(&self, target: &Uri) -> Option<Uri> {
        let slash = PathAndQuery::from_static("/");
        let path = target.path_and_query().cloned().unwrap_or(slash);
        let uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone());
        uri.path_and_query(path).build().ok()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.scheme, self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        let reason = Origin::parse(text).expect_err("it is refused");
        assert!(reason.message.contains(expected), "{}", reason.message);
        assert!(reason.suggestion.is_some());
    }

    #[test]
    fn an_origin_is_a_scheme_and_an_authority() {
        for text in [
            "http://127.0.0.1:3000",
            "https://example.com",
            "http://[::1]:80",
        ] {
            assert_eq!(Origin::parse(text).unwrap().to_string(), text);
        }
        let slash = Origin::parse("http://example.com/").unwrap();
        assert_eq!(slash.to_string(), "http://example.com");
    }

    #[test]
    fn what_is_no_origin_is_refused_with_an_example() {
        check_refused("", "not a URL");
        check_refused("http://", "not a URL");
        check_refused("http://a b", "not a URL");
        check_refused("127.0.0.1:3000", "no scheme");
        check_refused("/path", "no scheme");
        check_refused("ftp://example.com", "not `ftp`");
        check_refused("http://example.com/path", "a path");
        check_refused("http://example.com?a=b", "a path");
        check_refused("http://user:secret@example.com", "a user name");
    }

    #[test]
    fn refusals_repeat_no_password() {
        let reason = Origin::parse("http://user:secret@example.com").unwrap_err();
        assert!(!format!("{reason:?}").contains("secret"));
    }

    #[test]
    fn targets_keep_path_and_query_byte_for_byte() {
        let origin = Origin::parse("http://10.0.0.2:3000").unwrap();
        for (target, path) in [
            ("/a%2Fb//c?d=%20&&e", "/a%2Fb//c?d=%20&&e"),
            ("http://example.com", "/"),
            ("http://example.com/a?b", "/a?b"),
        ] {
            let uri = origin.target(&target.parse().unwrap()).unwrap();
            assert_eq!(uri.path_and_query().unwrap(), path);
            assert_eq!(uri.authority(), Some(origin.authority()));
        }
    }
}
