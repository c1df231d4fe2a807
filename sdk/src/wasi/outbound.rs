//! Requests to other servers through `wasi:http/client@0.3.0`.

use http::header::CONTENT_LENGTH;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Method, Uri};
use spin_sdk::wasip3::http::types::ErrorCode;

use super::http::Incoming;
use crate::outbound::{Error, target};
use crate::{Body, Request, Response};

pub(crate) async fn send(request: Request) -> Result<Response, Error> {
    let mut request = within_app(request);
    announce_length(&mut request);
    let target = target(&request);
    match spin_sdk::http::send(request).await {
        Ok(response) => Ok(response.map(|body| Body::stream(Incoming::Open(body)))),
        Err(ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited) => {
            Err(Error::Denied(target))
        }
        Err(code) => Err(Error::Failed {
            target,
            reason: code.to_string(),
        }),
    }
}

/// Sets `Content-Length` (RFC 9110 §8.6). Without it, the host would send the content in chunks, which some servers refuse.
fn announce_length(request: &mut Request) {
    let Some(length) = request.body().as_full().map(bytes::Bytes::len) else {
        return;
    };
    let expects_none = matches!(*request.method(), Method::GET | Method::HEAD);
    if length > 0 || !expects_none {
        let fields = request.headers_mut();
        fields
            .entry(CONTENT_LENGTH)
            .or_insert_with(|| HeaderValue::from(length));
    }
}

/// Turns a URI that is only a path into one that names the app itself, because `wasi:http` needs an authority.
fn within_app(request: Request) -> Request {
    let (mut head, body) = request.into_parts();
    if head.uri.authority().is_none() {
        let mut parts = std::mem::take(&mut head.uri).into_parts();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(Authority::from_static("self.alt"));
        head.uri = Uri::from_parts(parts).unwrap_or_default();
    }
    Request::from_parts(head, body)
}
