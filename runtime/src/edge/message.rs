//! Owns the changes that an edge makes to the messages that it forwards (RFC 9110 §7.6): it adds `Via` and the client's
//! address, and removes the fields of one connection. Sending is left to `origin_client`.

use http::header::{HeaderName, MAX_FORWARDS, VIA};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};

use crate::failure::Failure;
use crate::request::{RequestBody, RequestContext, ResponseBody};
use crate::server::remove_hop_by_hop;
use crate::settings::Origin;

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The methods that an `OPTIONS` is told that goes no further than this server.
static METHODS: HeaderValue =
    HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// Where a client's request goes.
pub(super) enum ToOrigin {
    /// It is forwarded.
    Forward(Request<RequestBody>),
    /// It goes no further; this is the answer.
    Answer(Response<ResponseBody>),
}

/// Makes the request for the origin. `Host` stays as the client wrote it: the origin may serve several hosts.
///
/// # Errors
/// When the request's target cannot be asked of a server.
pub(super) fn towards_origin(
    request: Request<RequestBody>,
    origin: &Origin,
    context: &RequestContext,
) -> Result<ToOrigin, Failure> {
    let (mut head, content) = request.into_parts();
    if head.method == Method::OPTIONS && is_last_hop(&mut head.headers) {
        return Ok(ToOrigin::Answer(options()));
    }
    head.uri = origin.target(&head.uri).ok_or(Failure::BadRequest {
        detail: "the request target is not one of a server",
    })?;
    // The server tells the client to continue (RFC 9110 §10.1.1) when its content is read, which is when it can be sent on.
    head.headers.remove(header::EXPECT);
    head.headers.append(VIA, via(head.version));
    tell_client(&mut head.headers, context);
    Ok(ToOrigin::Forward(Request::from_parts(head, content)))
}

/// Makes the response for the client.
///
/// # Errors
/// When its status is none that ends a request.
pub(super) fn from_origin<B>(mut response: Response<B>) -> Result<Response<B>, Failure> {
    // Upgrades are not asked for, so a switch of protocols cannot be the answer.
    if response.status().is_informational() {
        return Err(Failure::OriginMalformed);
    }
    remove_hop_by_hop(response.headers_mut());
    // Each server speaks its own version of HTTP, whatever came from further up (RFC 9110 §6.2).
    *response.version_mut() = Version::HTTP_11;
    Ok(response)
}

/// Passes an interim response on to the client (RFC 9110 §15.2). Not 100: the server itself says when to continue.
pub(super) fn pass_interim(status: StatusCode, headers: &HeaderMap, context: &RequestContext) {
    if status != StatusCode::CONTINUE {
        context.interim().send(status, headers.clone());
    }
}

/// RFC 9110 §7.6.3: the protocol that the message came by, and who passes it on.
fn via(version: Version) -> HeaderValue {
    HeaderValue::from_static(match version {
        Version::HTTP_10 => "1.0 terrace",
        _ => "1.1 terrace",
    })
}

/// Tells the origin the request's id, its trace, and the client's address, scheme and host. The server has settled all of
/// them, so the origin can believe them.
fn tell_client(headers: &mut HeaderMap, context: &RequestContext) {
    context.write_to(headers);
    let client = context.caller.client().ip().to_canonical().to_string();
    let client = HeaderValue::try_from(client).expect("addresses are visible ASCII");
    headers.insert(&X_FORWARDED_FOR, client);
    headers
        .entry(&X_FORWARDED_PROTO)
        .or_insert(HeaderValue::from_static("http"));
    if let Some(host) = headers.get(header::HOST).cloned() {
        headers.entry(&X_FORWARDED_HOST).or_insert(host);
    }
}

/// RFC 9110 §7.6.2: whether the request ends here; if not, one hop less is left.
fn is_last_hop(headers: &mut HeaderMap) -> bool {
    let left = headers
        .get(MAX_FORWARDS)
        .and_then(|value| value.to_str().ok());
    let Some(left) = left.and_then(|left| left.trim().parse::<u64>().ok()) else {
        return false;
    };
    if left > 0 {
        headers.insert(MAX_FORWARDS, (left - 1).into());
    }
    left == 0
}

fn options() -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
        .headers_mut()
        .insert(header::ALLOW, METHODS.clone());
    response
}

#[cfg(test)]
mod tests;
