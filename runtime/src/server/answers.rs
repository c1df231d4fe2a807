//! The answers of admin pages that programs read. Which page gives them is left to the modules that add pages.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde::de::DeserializeOwned;
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

/// The JSON of a request that asks a page to change something.
///
/// # Errors
/// The answer that refuses the request.
pub(crate) fn posted<T: DeserializeOwned>(
    request: &Request<Bytes>,
) -> Result<T, Box<Response<Bytes>>> {
    if *request.method() != Method::POST {
        return Err(not_allowed("POST").into());
    }
    // A web page can make a browser send other types to this address, but not this one (Fetch §2.2.2).
    let content_type = request.headers().get(header::CONTENT_TYPE);
    if content_type.is_none_or(|value| value.as_bytes() != b"application/json") {
        let what = "send JSON, with `Content-Type: application/json`";
        return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, what).into());
    }
    serde_json::from_slice(request.body())
        .map_err(|error| refuse(StatusCode::BAD_REQUEST, &error.to_string()).into())
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
