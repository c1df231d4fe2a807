//! Requests and responses through `wasi:http@0.3.0`.
//!
//! Like spin-sdk's `#[http_service]`, with about half the host calls: it does not fetch rarely used parts of a request, and
//! does not set defaults that the host assumes anyway.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderMap};
use http::{HeaderName, HeaderValue, StatusCode, Uri};
use http_body::Frame;
use spin_sdk::wasip3::http::types::{self, ErrorCode, Fields};
use spin_sdk::wasip3::http_compat::{BodyWriter, IncomingBody, IncomingMessage};
use spin_sdk::wasip3::{spawn, wit_future, wit_stream};

use super::blocking::Counted;
use crate::{Body, BodyError, Handler, Request, Response};

/// The prefix of fields that the host adds. Spin passes a client's fields on before its own, so only the last one of a name can
/// be the host's.
const HOST_FIELDS: &str = "spin-";

/// Answers one request of the host with the handler.
///
/// # Errors
///
/// Only for a message that HTTP does not allow; a handler's own failure is a response.
pub async fn serve<A>(
    request: types::Request,
    handler: impl Handler<A>,
) -> Result<types::Response, ErrorCode> {
    let _counted = Counted::request();
    to_host(handler.answer(|| from_host(request)).await?)
}

fn from_host(incoming: types::Request) -> Result<Request, ErrorCode> {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = incoming
        .get_method()
        .try_into()
        .map_err(|_| ErrorCode::HttpRequestMethodInvalid)?;
    *request.uri_mut() = uri(&incoming)?;
    let fields = incoming.get_headers().copy_all();
    request.headers_mut().reserve(fields.len());
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(internal)?;
        let value = HeaderValue::from_maybe_shared(Bytes::from(value)).map_err(internal)?;
        if name.as_str().starts_with(HOST_FIELDS) {
            request.headers_mut().insert(name, value);
        } else {
            request.headers_mut().append(name, value);
        }
    }
    *request.body_mut() = Body::stream(Incoming::Unopened(Some(incoming)));
    Ok(request)
}

fn uri(incoming: &types::Request) -> Result<Uri, ErrorCode> {
    let mut parts = http::uri::Parts::default();
    let path = incoming
        .get_path_with_query()
        .unwrap_or_else(|| "/".to_owned());
    parts.path_and_query = Some(
        path.try_into()
            .map_err(|_| ErrorCode::HttpRequestUriInvalid)?,
    );
    if let Some(authority) = incoming.get_authority() {
        parts.authority = Some(
            authority
                .try_into()
                .map_err(|_| ErrorCode::HttpRequestUriInvalid)?,
        );
        let scheme = incoming.get_scheme().unwrap_or(types::Scheme::Http);
        parts.scheme = Some(
            scheme
                .try_into()
                .map_err(|_| ErrorCode::HttpRequestUriInvalid)?,
        );
    }
    Uri::from_parts(parts).map_err(|_| ErrorCode::HttpRequestUriInvalid)
}

fn to_host(response: Response) -> Result<types::Response, ErrorCode> {
    let (mut parts, body) = response.into_parts();
    announce_length(parts.status, &mut parts.headers, &body);
    let fields = Fields::try_from(parts.headers).map_err(internal)?;
    let outgoing = with_content(fields, body);
    if parts.status != StatusCode::OK {
        outgoing
            .set_status_code(parts.status.as_u16())
            .map_err(|()| internal("the status is not one of HTTP"))?;
    }
    Ok(outgoing)
}

/// Sets `Content-Length`, so that the host need not send chunks. RFC 9110 §8.6 forbids the field with 1xx and 204, and with 304
/// it would have to be the length of a 200.
fn announce_length(status: StatusCode, headers: &mut HeaderMap, body: &Body) {
    let without_content = status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if let Some(content) = body.as_full()
        && !without_content
        && !headers.contains_key(CONTENT_LENGTH)
    {
        headers.insert(CONTENT_LENGTH, content.len().into());
    }
}

/// Writes the content after the handler's task has returned the response, because nobody reads it earlier.
fn with_content(fields: Fields, mut body: Body) -> types::Response {
    let Some(content) = body.as_full().cloned() else {
        let (writer, contents, trailers) = BodyWriter::new();
        spawn(async move {
            // The reader is gone, and there is nobody else to tell.
            _ = writer.send_http_body(&mut body).await;
        });
        return types::Response::new(fields, Some(contents), trailers).0;
    };
    let (finished, trailers) = wit_future::new(|| Ok(None));
    if content.is_empty() {
        spawn(async move { _ = finished.write(Ok(None)).await });
        return types::Response::new(fields, None, trailers).0;
    }
    let (mut writer, contents) = wit_stream::new();
    spawn(async move {
        writer.write_all(content.into()).await;
        drop(writer);
        _ = finished.write(Ok(None)).await;
    });
    types::Response::new(fields, Some(contents), trailers).0
}

fn internal(error: impl std::fmt::Display) -> ErrorCode {
    ErrorCode::InternalError(Some(error.to_string()))
}

/// Content from the host. The first read opens it, because most requests have no content, and finding out costs several
/// calls.
pub(super) enum Incoming<T> {
    Unopened(Option<T>),
    Open(IncomingBody<T>),
}

impl<T: IncomingMessage> Incoming<T> {
    fn open(&mut self) -> Result<&mut IncomingBody<T>, ErrorCode> {
        if let Self::Unopened(message) = self {
            let message = message
                .take()
                .ok_or_else(|| internal("the content failed before"))?;
            *self = Self::Open(IncomingBody::new(message)?);
        }
        match self {
            Self::Open(body) => Ok(body),
            Self::Unopened(_) => Err(internal("the content is not open")),
        }
    }
}

impl<T: IncomingMessage> http_body::Body for Incoming<T> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let body = self.open().map_err(incomplete)?;
        Pin::new(body).poll_frame(context).map_err(incomplete)
    }
}

fn incomplete(code: ErrorCode) -> BodyError {
    BodyError::Incomplete(code.into())
}
