//! Owns the responses that are written without hyper, on connections where no request could be read.
//! What they say is left to [`Failure`].

use http::header;

use super::exchange::X_REQUEST_ID;
use super::request_id::{IdSource, RequestId};
use crate::failure::Failure;

/// A whole HTTP/1.1 response that tells `failure` and that the connection ends.
pub(crate) fn to_bytes(failure: &Failure) -> Vec<u8> {
    // Refusals are rare, so that a source of ids of their own costs nothing that matters.
    let id = RequestId::generate(&IdSource::from_system());
    let mut response = failure.response(id.as_str());
    let length = response.body().len();
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, http::HeaderValue::from_static("close"));
    headers.insert(header::CONTENT_LENGTH, length.into());
    headers.insert(X_REQUEST_ID.clone(), id.to_header_value());
    let mut bytes = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
    for (name, value) in response.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(response.body());
    bytes
}
