//! Responses with JSON.

use serde::Serialize;
use terrace_sdk::http::header::CONTENT_TYPE;
use terrace_sdk::http::{HeaderValue, StatusCode};
use terrace_sdk::{Body, Error, IntoResponse, Response};

/// A response with JSON content.
pub(crate) fn json<T: Serialize>(status: StatusCode, content: &T) -> Response {
    match serde_json::to_vec(content) {
        Ok(content) => with_content(status, content),
        Err(error) => Error::from(error).into_response(),
    }
}

/// 200 with JSON content.
pub(crate) fn ok<T: Serialize>(content: &T) -> Response {
    json(StatusCode::OK, content)
}

/// 204.
pub(crate) fn no_content() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn with_content(status: StatusCode, content: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(content));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    response
}
