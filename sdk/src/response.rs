//! The types that a handler may return.

use std::convert::Infallible;

use http::HeaderValue;
use http::header::CONTENT_TYPE;

use crate::{Body, Error, Response};

/// A type that converts to a response.
pub trait IntoResponse {
    /// The response.
    fn into_response(self) -> Response;
}

impl<B: Into<Body>> IntoResponse for Response<B> {
    fn into_response(self) -> Response {
        self.map(Into::into)
    }
}

impl IntoResponse for &'static str {
    fn into_response(self) -> Response {
        plain_text(self.into())
    }
}

impl IntoResponse for String {
    fn into_response(self) -> Response {
        plain_text(self.into())
    }
}

impl<R: IntoResponse, E: IntoResponse> IntoResponse for Result<R, E> {
    fn into_response(self) -> Response {
        self.map_or_else(IntoResponse::into_response, IntoResponse::into_response)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.into_problem()
    }
}

impl IntoResponse for Infallible {
    fn into_response(self) -> Response {
        match self {}
    }
}

fn plain_text(body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
