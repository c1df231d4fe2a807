//! Owns the checks of a head that could be read: method, target, `Host`, expectations.
//! Heads with unsound framing never get here; `guard` refuses them.

use std::net::SocketAddr;

use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version, header};

use super::facts::Connection;
use crate::failure::Failure;

/// The target of a request about the server itself (RFC 9110 §9.3.7).
pub(crate) const SERVER_WIDE: &str = "*";

const NOT_A_HOST: Failure = Failure::BadRequest {
    detail: "the Host field is not a host",
};

/// Whether `head` is one that a gateway may act on. It has at most `max_fields` fields; in HTTP/1.1 the guard has judged that
/// already.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn check(
    head: &Parts,
    connection: &Connection,
    max_fields: usize,
) -> Result<(), Failure> {
    if head.headers.len() > max_fields {
        return Err(Failure::HeadersTooLarge);
    }
    // CONNECT would make this a tunnel, and TRACE would show a script the fields that its browser hides.
    if matches!(head.method, Method::CONNECT | Method::TRACE) {
        return Err(Failure::MethodNotAllowed);
    }
    check_scheme(&head.uri, connection)?;
    check_host(head)?;
    if head.uri.path() == SERVER_WIDE && head.method != Method::OPTIONS {
        return Err(malformed("only OPTIONS can be asked of `*`"));
    }
    check_expectation(&head.headers)
}

/// RFC 9110 §7.4: a target of another scheme than the connection's is not believed. A trusted peer may have ended TLS, or
/// begun it.
fn check_scheme(target: &Uri, connection: &Connection) -> Result<(), Failure> {
    let own = if connection.has_tls { "https" } else { "http" };
    match target.scheme_str() {
        None => Ok(()),
        Some(scheme) if scheme == own => Ok(()),
        Some("http" | "https") if connection.peer_is_trusted => Ok(()),
        Some(_) => Err(Failure::Misdirected),
    }
}

/// RFC 9112 §3.2: exactly one valid `Host`, but for HTTP/1.0, which does not know it. A target in absolute form replaces
/// it (§3.2.2); when the two differ, someone on the way may have believed the other one, so the request is refused.
fn check_host(head: &Parts) -> Result<(), Failure> {
    let mut values = head.headers.get_all(header::HOST).iter();
    let Some(host) = values.next() else {
        return match head.uri.authority() {
            // RFC 9113 §8.3.1: `:authority` stands for `Host`.
            Some(authority) if head.version == Version::HTTP_2 => {
                let is_valid = host_is_valid(authority.as_str().as_bytes());
                is_valid.then_some(()).ok_or(NOT_A_HOST)
            }
            _ if head.version == Version::HTTP_10 => Ok(()),
            _ => Err(malformed("the Host field is missing")),
        };
    };
    if values.next().is_some() {
        return Err(malformed("there are two Host fields"));
    }
    if !host_is_valid(host.as_bytes()) {
        return Err(NOT_A_HOST);
    }
    let Some(authority) = head.uri.authority() else {
        return Ok(());
    };
    if are_equal(authority.as_str(), host.as_bytes(), head.uri.scheme()) {
        Ok(())
    } else {
        Err(malformed("the Host field differs from the target"))
    }
}

/// RFC 9110 §4.2.3: case does not matter, and a port may be left out that is the default of the scheme.
fn are_equal(authority: &str, host: &[u8], scheme: Option<&Scheme>) -> bool {
    let default = if scheme == Some(&Scheme::HTTPS) {
        443
    } else {
        80
    };
    let (name, port) = split_port(authority.as_bytes(), default);
    let (host_name, host_port) = split_port(host, default);
    name.eq_ignore_ascii_case(host_name) && port.is_some() && port == host_port
}

/// The name and the port of an authority; no port where it is none.
fn split_port(authority: &[u8], default: u16) -> (&[u8], Option<u16>) {
    let colon = authority.iter().rposition(|&byte| byte == b':');
    // A colon within brackets belongs to an IPv6 address.
    let Some(colon) = colon.filter(|&colon| !authority[colon..].contains(&b']')) else {
        return (authority, Some(default));
    };
    let (name, port) = (&authority[..colon], &authority[colon + 1..]);
    let number = std::str::from_utf8(port)
        .ok()
        .and_then(|port| port.parse().ok());
    (
        name,
        if port.is_empty() {
            Some(default)
        } else {
            number
        },
    )
}

/// Gives a request of HTTP/2 or HTTP/1.0 without `Host` the one of its target, else the address that it was sent to
/// (RFC 9113 §8.3.1, RFC 9112 §3.3). What comes after this can rely on `Host`.
pub(crate) fn complete_host(head: &mut Parts, local: SocketAddr) {
    if head.headers.contains_key(header::HOST) {
        return;
    }
    let authority = head
        .uri
        .authority()
        .map(|authority| authority.as_str().to_owned());
    let host = authority.unwrap_or_else(|| local.to_string());
    if let Ok(host) = HeaderValue::try_from(host) {
        head.headers.insert(header::HOST, host);
    }
}

/// Plain names and ports are judged at a glance; anything else (IPv6, escapes) by the parser of URIs.
pub(super) fn host_is_valid(host: &[u8]) -> bool {
    let rest = skip(host, |byte| {
        byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-'
    });
    if rest.len() < host.len() && (rest.is_empty() || port_is_valid(rest)) {
        return true;
    }
    Authority::try_from(host).is_ok_and(|authority| {
        let (name, rest) = authority.as_str().split_at(authority.host().len());
        !name.is_empty()
            && name == authority.host()
            && (rest.is_empty() || port_is_valid(rest.as_bytes()))
    })
}

/// At most five digits behind a colon.
fn port_is_valid(port: &[u8]) -> bool {
    port[0] == b':' && port.len() <= 6 && skip(&port[1..], |byte| byte.is_ascii_digit()).is_empty()
}

/// What follows the first bytes that are `allowed`.
fn skip(bytes: &[u8], allowed: impl Fn(u8) -> bool) -> &[u8] {
    let end = bytes
        .iter()
        .position(|&byte| !allowed(byte))
        .unwrap_or(bytes.len());
    &bytes[end..]
}

/// RFC 9110 §10.1.1: 417 is for expectations other than `100-continue`; there are no others.
fn check_expectation(headers: &HeaderMap) -> Result<(), Failure> {
    match headers.get(header::EXPECT) {
        Some(value) if !value.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
            Err(malformed("the expectation is unknown"))
        }
        _ => Ok(()),
    }
}

fn malformed(detail: &'static str) -> Failure {
    Failure::BadRequest { detail }
}

/// Whether the client wants to switch to WebSocket (RFC 6455 §4.1). No other protocol is passed on.
pub(super) fn wants_websocket(head: &Parts) -> bool {
    head.method == Method::GET
        && head.version == Version::HTTP_11
        && has_token(&head.headers, &header::UPGRADE, b"websocket")
        && has_token(&head.headers, &header::CONNECTION, b"upgrade")
}

/// Whether a list has this member, in any case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &[u8]) -> bool {
    let lists = headers.get_all(name).iter();
    let mut members = lists.flat_map(|list| list.as_bytes().split(|byte| *byte == b','));
    members.any(|member| member.trim_ascii().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use http::{Request, Version};

    use std::net::SocketAddr;

    use super::{check, complete_host};
    use crate::failure::Failure;
    use crate::server::facts::Connection;

    const MAX_FIELDS: usize = 2;

    fn connection(peer_is_trusted: bool, has_tls: bool) -> Connection {
        let peer = SocketAddr::from(([192, 0, 2, 7], 5000));
        let plain = Connection::plain(peer, peer_is_trusted);
        Connection { has_tls, ..plain }
    }

    fn accepted(uri: &str, hosts: &[&str]) -> bool {
        let mut request = Request::builder().uri(uri);
        for host in hosts {
            request = request.header("host", *host);
        }
        let head = request.body(()).unwrap().into_parts().0;
        check(&head, &connection(false, false), MAX_FIELDS).is_ok()
    }

    #[test]
    fn a_request_has_exactly_one_host_that_agrees_with_its_target() {
        for (uri, hosts, expected) in [
            ("/", &["example.com"] as &[&str], true),
            ("/", &["example.com:8080"], true),
            ("/", &["example.com:"], true),
            ("/", &["example.com:port"], false),
            ("/", &["example.com:80:80"], false),
            ("/", &[":80"], false),
            ("/", &["[2001:db8::1]:80"], true),
            ("/", &[], false),
            ("/", &[""], false),
            ("/", &["a", "a"], false),
            ("/", &["a", "b"], false),
            ("/", &["user@example.com"], false),
            ("/", &["a b"], false),
            ("/", &["a/b"], false),
            ("http://a/", &["a"], true),
            ("http://a/", &["A"], true),
            ("http://a/", &["b"], false),
            ("http://a:80/", &["a:81"], false),
            ("http://a:80/", &["a"], true),
            ("http://a/", &["A:80"], true),
            ("http://a:/", &["a"], true),
            ("http://a:443/", &["a"], false),
            ("http://[2001:db8::1]:80/", &["[2001:DB8::1]"], true),
            ("http://[2001:db8::1]/", &["[2001:db8::2]"], false),
            ("http://a:080000/", &["a"], false),
        ] {
            assert_eq!(accepted(uri, hosts), expected, "{uri} {hosts:?}");
        }
    }

    #[test]
    fn a_target_of_another_scheme_is_believed_of_a_trusted_proxy_only() {
        let judge = |uri: &str, peer_is_trusted, has_tls| {
            let request = Request::builder().uri(uri).header("host", "a").body(());
            let head = request.unwrap().into_parts().0;
            check(&head, &connection(peer_is_trusted, has_tls), MAX_FIELDS)
        };
        for (uri, trusted, has_tls, expected) in [
            ("https://a/", false, false, Err(Failure::Misdirected)),
            ("https://a:443/", true, false, Ok(())),
            ("https://a/", false, true, Ok(())),
            ("http://a/", false, true, Err(Failure::Misdirected)),
            ("http://a/", true, true, Ok(())),
            ("ftp://a/", true, true, Err(Failure::Misdirected)),
        ] {
            assert_eq!(judge(uri, trusted, has_tls), expected, "{uri}");
        }
    }

    #[test]
    fn the_authority_of_http_2_stands_for_the_host() {
        for (uri, host, expected) in [
            ("http://a:80/", None, Some("a:80")),
            ("http://a/", Some("a"), Some("a")),
            ("http://a/", Some("b"), None),
            ("http://user@a/", None, None),
            ("/", None, None),
        ] {
            let request = Request::builder().uri(uri).version(Version::HTTP_2);
            let request = host
                .into_iter()
                .fold(request, |request, host| request.header("host", host));
            let (mut head, ()) = request.body(()).unwrap().into_parts();
            let judged = check(&head, &connection(false, false), MAX_FIELDS);
            assert_eq!(judged.is_ok(), expected.is_some(), "{uri} {host:?}");
            if let Some(expected) = expected {
                complete_host(&mut head, "192.0.2.1:3000".parse().unwrap());
                assert_eq!(head.headers["host"], expected);
            }
        }
    }

    #[test]
    fn a_head_has_a_limited_number_of_fields() {
        let request = |count: usize| {
            let request = Request::builder().header("host", "a");
            (1..count).fold(request, |request, _| request.header("x", "1"))
        };
        for (count, expected) in [(2, Ok(())), (3, Err(Failure::HeadersTooLarge))] {
            let head = request(count).body(()).unwrap().into_parts().0;
            let judged = check(&head, &connection(false, false), MAX_FIELDS);
            assert_eq!(judged, expected);
        }
    }

    #[test]
    fn a_request_of_http_1_0_without_host_gets_one() {
        for (uri, host) in [("/", "192.0.2.1:3000"), ("http://a:81/", "a:81")] {
            let request = Request::builder().uri(uri).version(Version::HTTP_10);
            let (mut head, ()) = request.body(()).unwrap().into_parts();
            let judged = check(&head, &connection(false, false), MAX_FIELDS);
            assert_eq!(judged, Ok(()));
            complete_host(&mut head, "192.0.2.1:3000".parse().unwrap());
            assert_eq!(head.headers["host"], host);
        }
    }
}
