//! The answers of admin pages that programs read. Which page gives them is left to the modules that add pages.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::{Deserialize, Serialize};

/// The answer of a page to a request that it refuses.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct PageError {
    /// What is wrong, and what to do.
    pub(crate) error: String,
}

/// An answer with JSON.
pub(crate) fn json<T: Serialize>(status: StatusCode, content: &T) -> Response<Bytes> {
    let content = serde_json::to_vec(content).expect("plain figures serialise");
    let mut response = Response::new(Bytes::from(content));
    *response.status_mut() = status;
    let media_type = HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, media_type);
    response
}

/// The answer to a request that a page refuses: what is wrong, and what to do.
pub(crate) fn refuse(status: StatusCode, what: &str) -> Response<Bytes> {
    let error = what.to_owned();
    json(status, &PageError { error })
}

/// The answer to a request with another method.
pub(crate) fn not_allowed(methods: &'static str) -> Response<Bytes> {
    let mut response = refuse(
        StatusCode::METHOD_NOT_ALLOWED,
        &format!("the methods here are {methods}"),
    );
    let methods = HeaderValue::from_static(methods);
    response.headers_mut().insert(header::ALLOW, methods);
    response
}
