//! Owns the form of interim responses (RFC 9110 §15.2) in HTTP/1.1: hyper sends none but 100, so these bytes are written
//! beside hyper's own. When there is room for them is left to the socket.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::server::sanitise::remove_hop_by_hop;

/// The bytes of `responses`, if there are any.
pub(super) fn encode(responses: Vec<(StatusCode, HeaderMap)>) -> Option<Bytes> {
    let mut bytes = Vec::new();
    for (status, headers) in responses {
        write(&mut bytes, status, headers);
    }
    (!bytes.is_empty()).then(|| bytes.into())
}

fn write(bytes: &mut Vec<u8>, status: StatusCode, mut headers: HeaderMap) {
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
        let bytes = encode(vec![(StatusCode::EARLY_HINTS, fields)]);
        let expected = b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n";
        assert_eq!(bytes.as_deref(), Some(&expected[..]));
    }
}
