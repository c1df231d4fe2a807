//! The cache key (RFC 9111 §2). Requests with equal keys ask for the same resource.

mod written;

use std::borrow::Borrow;
use std::sync::Arc;

use http::{Request, Uri, header};

use crate::limits::MAX_KEY_BYTES;

/// The target URI, in a form that is compared character by character. The method is not in it: a stored
/// response to `GET` answers `HEAD` as well.
///
/// Scheme and host are in lower case, and a port that is the scheme's own is left out (RFC 9110 §4.2.3). Path and query
/// stay unchanged, since an origin may distinguish any difference there. So two resources never share a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheKey(Arc<str>);

impl CacheKey {
    /// The key of a target URI. `None` if it has no scheme, no host, or user information.
    #[must_use]
    pub fn new(target: &Uri) -> Option<Self> {
        Self::of_parts(target.scheme_str()?, target.authority()?.as_str(), target)
    }

    /// The key of a request, whose host is in its target URI or in `Host` (RFC 9112 §3.3), and whose scheme is `http`
    /// if it is not in the URI.
    ///
    /// `None` if the host is missing, contradicts itself or has user information.
    #[must_use]
    pub fn of_request<Q>(request: &Request<Q>) -> Option<Self> {
        let uri = request.uri();
        let scheme = uri.scheme_str().unwrap_or("http");
        Self::of_parts(scheme, authority_of(request)?, uri)
    }

    /// The key of a request's target URI without its query, for a URI that may be too long.
    #[must_use]
    pub fn without_query<Q>(request: &Request<Q>) -> Option<Self> {
        let uri = request.uri();
        let scheme = uri.scheme_str().unwrap_or("http");
        Self::assembled(scheme, authority_of(request)?, uri.path())
    }

    fn of_parts(scheme: &str, authority: &str, target: &Uri) -> Option<Self> {
        let path = target.path_and_query().map_or("/", |path| path.as_str());
        Self::assembled(scheme, authority, path)
    }

    /// Allocates once, for the key itself.
    fn assembled(scheme: &str, authority: &str, path: &str) -> Option<Self> {
        let host = without_default_port(scheme, authority)?;
        let slash = if path.starts_with('/') { "" } else { "/" };
        let parts = [scheme, "://", host, slash, path];
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length > MAX_KEY_BYTES {
            return None;
        }
        let mut short = [0; SHORT_KEY_BYTES];
        let mut long = Vec::new();
        let text = short.get_mut(..length).unwrap_or_else(|| {
            long.resize(length, 0);
            &mut long
        });
        let mut end = 0;
        for part in parts {
            text[end..end + part.len()].copy_from_slice(part.as_bytes());
            end += part.len();
        }
        text[..length - slash.len() - path.len()].make_ascii_lowercase();
        Some(Self(std::str::from_utf8(text).ok()?.into()))
    }

    /// The URI as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme and authority, such as `http://example.org:8080`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.0[..self.path_start()]
    }

    /// The scheme: `http` or `https` where the request was made by HTTP.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }

    /// Host and port, without a port that the scheme implies.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.origin()[self.scheme().len() + "://".len()..]
    }

    /// The port, whether it is written or implied by the scheme.
    #[must_use]
    pub fn port(&self) -> &str {
        let authority = self.authority();
        let written = authority.rsplit_once(':').map(|(_, port)| port);
        // An IPv6 address without a port has colons as well.
        match written.filter(|_| !authority.ends_with(']')) {
            Some(port) => port,
            None if self.scheme() == "https" => "443",
            None => "80",
        }
    }

    /// Path and query.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.0[self.path_start()..]
    }

    /// The key of a URI reference in a response to this key's request (RFC 3986 §5). `None` if it is not an HTTP URI.
    #[must_use]
    pub fn resolve(&self, reference: &str) -> Option<Self> {
        let reference = reference.split('#').next().unwrap_or_default();
        if !reference.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        if let Some((scheme, rest)) = split_scheme(reference) {
            let rest = rest.strip_prefix("//")?;
            return Self::of_authority(scheme, rest);
        }
        if let Some(rest) = reference.strip_prefix("//") {
            return Self::of_authority(self.scheme(), rest);
        }
        let path = self.resolved_path(reference);
        Self::assembled(self.scheme(), self.authority(), &path)
    }

    /// The key of the text after `//`: an authority, a path, a query.
    fn of_authority(scheme: &str, rest: &str) -> Option<Self> {
        let is_http = ["http", "https"]
            .iter()
            .any(|http| scheme.eq_ignore_ascii_case(http));
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (path, query) = split_query(&rest[end..]);
        let path = format!("{}{query}", without_dot_segments(path));
        is_http.then(|| Self::assembled(&scheme.to_ascii_lowercase(), &rest[..end], &path))?
    }

    /// The path and query of a reference without authority, resolved.
    fn resolved_path(&self, reference: &str) -> String {
        let (own_path, own_query) = split_query(self.path_and_query());
        match split_query(reference) {
            ("", "") => format!("{own_path}{own_query}"),
            ("", query) => format!("{own_path}{query}"),
            (path, query) if path.starts_with('/') => {
                format!("{}{query}", without_dot_segments(path))
            }
            (path, query) => {
                let directory = own_path.rfind('/').map_or("/", |slash| &own_path[..=slash]);
                format!(
                    "{}{query}",
                    without_dot_segments(&format!("{directory}{path}"))
                )
            }
        }
    }

    fn path_start(&self) -> usize {
        let authority = self.0.find("://").map_or(0, |scheme| scheme + 3);
        let path = self.0[authority..].find('/');
        path.map_or(self.0.len(), |path| authority + path)
    }
}

/// Host and port of a request. `None` if they are missing or contradict each other.
fn authority_of<Q>(request: &Request<Q>) -> Option<&str> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let field = hosts.next().map(|host| host.to_str()).transpose().ok()?;
    if hosts.next().is_some() {
        return None;
    }
    match (request.uri().authority(), field) {
        (Some(authority), Some(host)) if !host.eq_ignore_ascii_case(authority.as_str()) => None,
        (Some(authority), _) => Some(authority.as_str()),
        (None, field) => field,
    }
}

impl Borrow<str> for CacheKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The longest key that is built on the stack, in bytes. Nearly all are shorter, and a larger array would have to be cleared.
const SHORT_KEY_BYTES: usize = 256;

/// An authority without the default port of its scheme. `None` if it has no host, has user information, or is invalid.
pub(super) fn without_default_port<'a>(scheme: &str, authority: &'a str) -> Option<&'a str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte);
    let (host, port) = match authority.strip_prefix('[') {
        Some(literal) => {
            let end = literal.find(']')?;
            let is_address = |byte: u8| byte.is_ascii_alphanumeric() || b":.".contains(&byte);
            if end == 0 || !literal[..end].bytes().all(is_address) {
                return None;
            }
            authority.split_at(end + 2)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    if host.is_empty() || (!host.starts_with('[') && !host.bytes().all(is_plain)) {
        return None;
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Some(host),
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            let is_default = matches!((scheme, port), (_, "") | ("http", "80") | ("https", "443"));
            Some(if is_default { host } else { authority })
        }
        _ => None,
    }
}

/// A scheme, and the text after its colon.
fn split_scheme(reference: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = reference.split_once(':')?;
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let begins_well = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
    (begins_well && scheme.bytes().all(is_scheme)).then_some((scheme, rest))
}

/// A path, and its query with the question mark.
fn split_query(text: &str) -> (&str, &str) {
    text.split_at(text.find('?').unwrap_or(text.len()))
}

/// An absolute path without `.` and `..` (RFC 3986 §5.2.4).
fn without_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
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
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests;
