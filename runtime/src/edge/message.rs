//! Owns the changes that an edge makes to the messages that it forwards (RFC 9110 §7.6): it adds `Via`, `CDN-Loop` and the
//! client's address, and removes the fields of one connection. Sending is left to `origin_client`.

use http::header::{FORWARDED, HeaderName, MAX_FORWARDS, VIA};
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};

use crate::failure::Failure;
use crate::request::{IdSource, RequestBody, RequestContext, ResponseBody, WebSocketWanted};
use crate::server::remove_hop_by_hop;

static CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");
static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The methods that an `OPTIONS` is told that goes no further than this server.
static METHODS: HeaderValue =
    HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// What an edge is called in `CDN-Loop` (RFC 8586 §2). Each process has a name of its own, because an edge may be the origin of
/// another one.
#[derive(Clone, Debug)]
pub(super) struct LoopName(HeaderValue);

/// Where a client's request goes.
pub(super) enum ToOrigin {
    /// It is forwarded.
    Forward(Request<RequestBody>),
    /// It goes no further; this is the answer.
    Answer(Response<ResponseBody>),
}

/// Makes the request for an origin, whose place is not known yet. `Host` stays as the client wrote it: the origin may serve
/// several hosts.
///
/// # Errors
/// When the request has passed this edge before.
pub(super) fn towards_origin(
    request: Request<RequestBody>,
    own: &LoopName,
    context: &RequestContext,
) -> Result<ToOrigin, Failure> {
    let (mut head, content) = request.into_parts();
    if head.method == Method::OPTIONS && is_last_hop(&mut head.headers) {
        return Ok(ToOrigin::Answer(options()));
    }
    if own.is_in(&head.headers) {
        return Err(Failure::LoopDetected);
    }
    head.headers.append(&CDN_LOOP, own.0.clone());
    if head.extensions.get::<WebSocketWanted>().is_some() {
        ask_to_switch(&mut head.headers);
    }
    // The server tells the client to continue (RFC 9110 §10.1.1) when its content is read, which is when it can be sent on.
    head.headers.remove(header::EXPECT);
    head.headers.append(VIA, via(head.version));
    let is_https = head.uri.scheme() == Some(&Scheme::HTTPS);
    tell_client(&mut head.headers, is_https, context);
    Ok(ToOrigin::Forward(Request::from_parts(head, content)))
}

/// The fields that both sides of a switch to WebSocket send (RFC 6455 §4).
fn ask_to_switch(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

/// Makes the response by which an origin agrees to a switch that the client asked for.
pub(super) fn from_origin_that_switches<B>(response: Response<B>) -> Response<ResponseBody> {
    let mut response = response.map(|_| ResponseBody::Empty);
    remove_hop_by_hop(response.headers_mut());
    ask_to_switch(response.headers_mut());
    response
}

/// Makes the response for the client.
///
/// # Errors
/// When its status is none that ends a request.
pub(super) fn from_origin<B>(mut response: Response<B>) -> Result<Response<B>, Failure> {
    // Nobody asked for a switch of protocols.
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
        Version::HTTP_2 => "2.0 terrace",
        _ => "1.1 terrace",
    })
}

/// Tells the origin the request's id, its trace, and the client's address, scheme and host. The server has settled all of
/// them, so the origin can believe them.
fn tell_client(headers: &mut HeaderMap, is_https: bool, context: &RequestContext) {
    context.write_to(headers);
    let client = context.caller.client().ip().to_canonical().to_string();
    let client = HeaderValue::try_from(client).expect("addresses are visible ASCII");
    headers.insert(&X_FORWARDED_FOR, client);
    let scheme = HeaderValue::from_static(if is_https { "https" } else { "http" });
    headers.entry(&X_FORWARDED_PROTO).or_insert(scheme);
    if let Some(host) = headers.get(header::HOST).cloned() {
        headers.entry(&X_FORWARDED_HOST).or_insert(host);
    }
    if let Some(forwarded) = forwarded(headers) {
        headers.insert(FORWARDED, forwarded);
    }
}

/// RFC 7239 §4: what the fields `X-Forwarded-*` say, in the standard's own field.
fn forwarded(headers: &HeaderMap) -> Option<HeaderValue> {
    let of = |name| headers.get(name).map(HeaderValue::as_bytes);
    let client = of(&X_FORWARDED_FOR)?;
    let (quote, end): (&[u8], &[u8]) = if client.contains(&b':') {
        (b"\"[", b"]\"")
    } else {
        (b"", b"")
    };
    let mut value = [b"for=", quote, client, end].concat();
    // A host has a colon before its port, and a scheme comes from a proxy: both are quoted where they could end early.
    let parts = [
        (";proto=", of(&X_FORWARDED_PROTO)),
        (";host=", of(&X_FORWARDED_HOST)),
    ];
    for (name, part) in parts {
        let part = part.filter(|part| !part.iter().any(|byte| b"\"\\".contains(byte)));
        if let Some(part) = part {
            value.extend_from_slice(&[name.as_bytes(), b"\"", part, b"\""].concat());
        }
    }
    HeaderValue::from_bytes(&value).ok()
}

impl LoopName {
    /// A name from random numbers.
    pub(super) fn generate(random: &IdSource) -> Self {
        let name = format!("terrace-{:016x}", random.next());
        Self(HeaderValue::try_from(name).expect("hexadecimal digits are visible ASCII"))
    }

    /// Whether a field has this name, alone or with parameters.
    fn is_in(&self, headers: &HeaderMap) -> bool {
        let lists = headers.get_all(&CDN_LOOP).iter();
        let mut members = lists.flat_map(|list| list.as_bytes().split(|byte| *byte == b','));
        members.any(|member| {
            let name = member.split(|byte| *byte == b';').next();
            name.is_some_and(|name| name.trim_ascii() == self.0.as_bytes())
        })
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
