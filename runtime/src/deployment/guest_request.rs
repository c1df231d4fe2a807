//! Requests on their way into a guest: the fields that a Spin-compatible runtime adds, and the shape of `wasi:http`.

use std::net::SocketAddr;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use http_body::Body;
use http_body_util::{BodyExt, Empty, Limited};
use wasmtime_wasi_http::{Error, WasiBody};

use super::wasi_error;
use crate::failure::Failure;
use crate::grants::QUEUE_DOMAIN;
use crate::outbound::OWN_HOST;
use crate::request::{RequestBody, RequestContext, X_REQUEST_ID};
use crate::router::{RouteMatch, insert_internal_headers, strip_reserved_headers};

static SPIN_FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
static SPIN_CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");
/// The client address that a component sees when another component calls it.
static INTERNAL_CLIENT: HeaderValue = HeaderValue::from_static("0.0.0.0:0");

/// Makes the request for the guest of `route` from a client's.
///
/// # Errors
/// [`Failure::BodyTooLarge`] when the announced content is longer than `max_body_bytes`, [`Failure::BadRequest`] for a host that is
/// for messages.
pub(super) fn from_client(
    request: Request<RequestBody>,
    route: &RouteMatch<'_, '_>,
    context: &RequestContext,
    max_body_bytes: u64,
) -> Result<Request<WasiBody>, Failure> {
    let (mut head, mut body) = request.into_parts();
    body.set_limit(max_body_bytes)?;
    head.uri = absolute(&head.uri, &head.headers)?;
    if is_queue(&head.uri) {
        return Err(Failure::BadRequest {
            detail: "hosts below queue.internal are those of deliveries, which clients do not make",
        });
    }
    // The server has stripped the reserved fields that the client sent.
    route.insert_headers(&mut head.headers);
    context.write_to(&mut head.headers);
    head.headers
        .insert(SPIN_FULL_URL.clone(), full_url(&head.uri));
    head.headers
        .insert(SPIN_CLIENT_ADDR.clone(), address(context.caller.client()));
    let body = if body.is_end_stream() {
        empty()
    } else {
        body.map_err(wasi_error).boxed_unsync()
    };
    Ok(Request::from_parts(head, body))
}

/// Makes the request for the guest of `route` from another guest's, which may have called it by its id, without a route.
///
/// # Errors
/// The error of an announced content that is longer than `max_body_bytes`; one that turns out to be ends with it.
pub(super) fn from_within(
    request: Request<WasiBody>,
    route: Option<&RouteMatch<'_, '_>>,
    context: &RequestContext,
    max_body_bytes: u64,
) -> Result<Request<WasiBody>, Error> {
    let (mut head, body) = request.into_parts();
    let body = limited(body, max_body_bytes)?;
    head.uri = complete(head.uri);
    strip_reserved_headers(&mut head.headers);
    head.headers.remove(header::HOST);
    match route {
        Some(route) => route.insert_headers(&mut head.headers),
        None => insert_internal_headers(head.uri.path(), &mut head.headers),
    }
    head.headers
        .insert(SPIN_FULL_URL.clone(), full_url(&head.uri));
    head.headers
        .insert(SPIN_CLIENT_ADDR.clone(), INTERNAL_CLIENT.clone());
    // The client's request, whatever the calling guest wrote there.
    head.headers
        .insert(X_REQUEST_ID.clone(), context.id.to_header_value());
    Ok(Request::from_parts(head, body))
}

/// Completes the request by which the guest is called with a message.
pub(super) fn of_message(
    mut request: Request<WasiBody>,
    context: &RequestContext,
) -> Request<WasiBody> {
    let full_url = full_url(request.uri());
    let path = request.uri().path().to_owned();
    let headers = request.headers_mut();
    insert_internal_headers(&path, headers);
    context.write_to(headers);
    headers.insert(SPIN_FULL_URL.clone(), full_url);
    headers.insert(SPIN_CLIENT_ADDR.clone(), INTERNAL_CLIENT.clone());
    request
}

fn limited(body: WasiBody, max_bytes: u64) -> Result<WasiBody, Error> {
    let too_large = move || Error::HttpRequestBodySize(Some(max_bytes));
    if body.size_hint().lower() > max_bytes {
        return Err(too_large());
    }
    let limit = usize::try_from(max_bytes).unwrap_or(usize::MAX);
    let body = Limited::new(body, limit).map_err(move |error| {
        error
            .downcast::<Error>()
            .map_or_else(|_| too_large(), |error| *error)
    });
    Ok(body.boxed_unsync())
}

/// The target URI of a request that names only a path: it goes to the app itself.
fn complete(target: Uri) -> Uri {
    let mut parts = target.into_parts();
    parts.scheme.get_or_insert(Scheme::HTTP);
    parts
        .authority
        .get_or_insert(Authority::from_static(OWN_HOST));
    parts
        .path_and_query
        .get_or_insert(PathAndQuery::from_static("/"));
    Uri::from_parts(parts).expect("all three parts are there")
}

/// The target URI (RFC 9112 §3.3), from the request target and `Host`.
fn absolute(target: &Uri, headers: &HeaderMap) -> Result<Uri, Failure> {
    let malformed = Failure::BadRequest {
        detail: "the target and Host make no URI",
    };
    let mut parts = target.clone().into_parts();
    if parts.authority.is_none() {
        let host = headers.get(header::HOST).ok_or(Failure::BadRequest {
            detail: "Host is missing",
        })?;
        let authority = host.as_bytes().try_into().map_err(|_| malformed.clone())?;
        parts.authority = Some(authority);
    }
    parts.scheme.get_or_insert(Scheme::HTTP);
    parts
        .path_and_query
        .get_or_insert(PathAndQuery::from_static("/"));
    Uri::from_parts(parts).map_err(|_| malformed)
}

/// Whether a host is one from which functions get their messages.
fn is_queue(target: &Uri) -> bool {
    let host = target.host().unwrap_or_default().trim_end_matches('.');
    let start = host.len().checked_sub(QUEUE_DOMAIN.len());
    let domain = start.and_then(|start| host.get(start..));
    domain.is_some_and(|domain| domain.eq_ignore_ascii_case(QUEUE_DOMAIN))
}

fn empty() -> WasiBody {
    Empty::new()
        .map_err(|never| -> Error { match never {} })
        .boxed_unsync()
}

/// The text of a complete target URI, put together without the formatter, which takes several times as long.
fn full_url(target: &Uri) -> HeaderValue {
    let scheme = target.scheme_str().unwrap_or_default();
    let authority = target.authority().map_or("", Authority::as_str);
    let path = target.path_and_query().map_or("", PathAndQuery::as_str);
    value([scheme, "://", authority, path].concat())
}

/// The text of a socket's address, for IPv4 put together in the same way.
fn address(address: SocketAddr) -> HeaderValue {
    let SocketAddr::V4(address) = address else {
        return value(address.to_string());
    };
    let [a, b, c, d] = address.ip().octets();
    let mut numbers = [(); 5].map(|()| itoa::Buffer::new());
    let [p, q, r, s, port] = &mut numbers;
    let text = [
        p.format(a),
        ".",
        q.format(b),
        ".",
        r.format(c),
        ".",
        s.format(d),
        ":",
        port.format(address.port()),
    ];
    value(text.concat())
}

fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("URIs and addresses are visible ASCII")
}

#[cfg(test)]
mod tests;
