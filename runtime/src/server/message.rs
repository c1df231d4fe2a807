//! Owns the checks of a head that could be read: method, target, `Host`, expectations.
//! Heads with unsound framing never get here; `guard` refuses them.

use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Method, header};

use crate::failure::Failure;

/// Whether `head` is one that a gateway may act on.
///
/// # Errors
///
/// What is wrong with it; the connection is then closed.
pub(crate) fn check(head: &Parts) -> Result<(), Failure> {
    // CONNECT would make this a tunnel, and TRACE would show a script the fields that its browser hides.
    if matches!(head.method, Method::CONNECT | Method::TRACE) {
        return Err(Failure::MethodNotAllowed);
    }
    check_host(head)?;
    check_expectation(&head.headers)
}

/// RFC 9112 §3.2: exactly one valid `Host`. A target in absolute form replaces it (§3.2.2); when the two
/// differ, someone on the way may have believed the other one, so the request is refused.
fn check_host(head: &Parts) -> Result<(), Failure> {
    let mut values = head.headers.get_all(header::HOST).iter();
    let Some(host) = values.next() else {
        // HTTP/1.0 has no Host, but without one there is nothing to route or to build an absolute URL from.
        return Err(malformed("the Host field is missing"));
    };
    if values.next().is_some() {
        return Err(malformed("there are two Host fields"));
    }
    if !host_is_valid(host.as_bytes()) {
        return Err(malformed("the Host field is not a host"));
    }
    let Some(authority) = head.uri.authority() else {
        return Ok(());
    };
    if authority
        .as_str()
        .as_bytes()
        .eq_ignore_ascii_case(host.as_bytes())
    {
        Ok(())
    } else {
        Err(malformed("the Host field differs from the target"))
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

#[cfg(test)]
mod tests {
    use http::Request;

    use super::check;

    fn accepted(uri: &str, hosts: &[&str]) -> bool {
        let mut request = Request::builder().uri(uri);
        for host in hosts {
            request = request.header("host", *host);
        }
        check(&request.body(()).unwrap().into_parts().0).is_ok()
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
        ] {
            assert_eq!(accepted(uri, hosts), expected, "{uri} {hosts:?}");
        }
    }
}
