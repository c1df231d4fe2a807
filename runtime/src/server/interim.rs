//! Owns interim responses (RFC 9110 §15.2) on one connection: hyper sends none but 100, so these bytes are written beside
//! hyper's own. When there is room for them is left to the socket.

use std::cell::RefCell;
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::sanitise::remove_hop_by_hop;
use crate::request::RequestContext;

/// The request whose interim responses go out on a connection of HTTP/1.1, where one is answered at a time.
#[derive(Debug, Default)]
pub(crate) struct InterimSource(RefCell<Option<Arc<RequestContext>>>);

impl InterimSource {
    /// Takes the interim responses of `request` from now on.
    pub(crate) fn follow(&self, request: Arc<RequestContext>) {
        *self.0.borrow_mut() = Some(request);
    }

    /// The bytes to write now, if any; wakes `waker` when there are more.
    pub(crate) fn take(&self, waker: &Waker) -> Option<Bytes> {
        let request = self.0.borrow();
        let responses = request.as_ref()?.interim().take(waker);
        let mut bytes = Vec::new();
        for (status, headers) in responses {
            encode(&mut bytes, status, headers);
        }
        (!bytes.is_empty()).then(|| bytes.into())
    }
}

fn encode(bytes: &mut Vec<u8>, status: StatusCode, mut headers: HeaderMap) {
    remove_hop_by_hop(&mut headers);
    bytes.extend_from_slice(format!("HTTP/1.1 {status}\r\n").as_bytes());
    for (name, value) in &headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            bytes.extend_from_slice(part);
        }
    }
    bytes.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interim_response_has_no_fields_of_its_connection() {
        let fields = [
            ("link", "</a.css>"),
            ("connection", "x-own"),
            ("x-own", "1"),
        ];
        let fields = fields.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let fields = HeaderMap::from_iter::<[(http::HeaderName, http::HeaderValue); 3]>(fields);
        let mut bytes = Vec::new();
        encode(&mut bytes, StatusCode::EARLY_HINTS, fields);
        assert_eq!(bytes, b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n");
    }
}
