//! Owns a connection that takes requests, and how HTTP/1.1 and HTTP/2 write a request's target.

use std::sync::Arc;

use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri, Version, header};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};

use super::Content;
use super::sending::SendingBody;

/// The side of a connection that takes requests.
pub(super) enum Connection<B> {
    /// It takes one request after the other.
    Http1(http1::SendRequest<SendingBody<B>>),
    /// It takes many at once. Their number is that of the owners of the `Arc`, without the pool.
    Http2(http2::SendRequest<SendingBody<B>>, Arc<()>),
}

impl<B: Content> Connection<B> {
    /// Sends a request whose head says `Host` or has the authority of the target URI.
    ///
    /// # Errors
    /// With the request, if nothing of it was sent.
    pub(super) async fn send(
        &mut self,
        mut request: Request<SendingBody<B>>,
    ) -> Result<Response<Incoming>, TrySendError<Request<SendingBody<B>>>> {
        match self {
            Self::Http1(sender) => {
                target_http1(&mut request);
                sender.try_send_request(request).await
            }
            Self::Http2(sender, _) => {
                target_http2(&mut request);
                sender.try_send_request(request).await
            }
        }
    }
}

/// RFC 9112 §3.2: the path alone is the target, and `Host` says the authority.
fn target_http1<B>(request: &mut Request<B>) {
    *request.version_mut() = Version::HTTP_11;
    let uri = std::mem::take(request.uri_mut()).into_parts();
    if let Some(authority) = uri.authority {
        request
            .headers_mut()
            .entry(header::HOST)
            .or_insert_with(|| {
                let is_default = match authority.port_u16() {
                    Some(80) => uri.scheme != Some(Scheme::HTTPS),
                    Some(443) => uri.scheme == Some(Scheme::HTTPS),
                    _ => false,
                };
                let host = if is_default {
                    authority.host()
                } else {
                    authority.as_str()
                };
                HeaderValue::from_str(host).expect("an authority is visible ASCII")
            });
    }
    let path = uri
        .path_and_query
        .unwrap_or_else(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from(path);
}

/// RFC 9113 §8.3.1: `:authority` stands for `Host`, so that nobody is told of two.
fn target_http2<B>(request: &mut Request<B>) {
    *request.version_mut() = Version::HTTP_2;
    let Some(host) = request.headers_mut().remove(header::HOST) else {
        return;
    };
    let mut uri = std::mem::take(request.uri_mut()).into_parts();
    if let Ok(host) = host.as_bytes().try_into() {
        uri.authority = Some(host);
    }
    *request.uri_mut() = Uri::from_parts(uri).expect("it has a scheme, an authority and a path");
}
