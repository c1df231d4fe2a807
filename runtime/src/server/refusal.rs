//! Owns the responses that are written without hyper, on connections where no request could be read.
//! Their status and text are left to [`Failure`].

use edge_cache::rules::dates;
use http::{HeaderValue, Response, header};

use crate::clock;
use crate::failure::Failure;
use crate::request::{IdSource, RequestId, X_REQUEST_ID};

/// A request that was refused before its head could be read.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) id: RequestId,
    pub(crate) failure: Failure,
}

impl Refusal {
    pub(crate) fn new(failure: Failure) -> Self {
        // Refusals are rare, so that a source of ids for each costs nothing that matters.
        Self {
            id: RequestId::generate(&IdSource::from_system()),
            failure,
        }
    }

    /// A whole HTTP/1.1 response that tells the failure and that the connection ends.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut response = self.failure.response(self.id.as_str());
        let length = response.body().len();
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        headers.insert(header::CONTENT_LENGTH, length.into());
        headers.insert(X_REQUEST_ID.clone(), self.id.to_header_value());
        headers.insert(header::DATE, dates::print(clock::time_of_day()));
        encode(&response)
    }
}

fn encode(response: &Response<bytes::Bytes>) -> Vec<u8> {
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
