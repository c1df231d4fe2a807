//! Checks and corrects the framing fields of a response's head, so that the next reader frames the content as hyper did.
//! Hyper delimits the content itself.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Response, StatusCode};

use super::ClientError;

/// The registered transfer codings (RFC 9112 §7) that nothing here decodes, with the older names of two of them.
const CODINGS_NOT_DECODED: [&[u8]; 5] =
    [b"compress", b"deflate", b"gzip", b"x-compress", b"x-gzip"];

/// Removes a `Content-Length` without effect, and merges equal ones (RFC 9112 §6.3).
///
/// # Errors
/// When two readers could understand the length differently.
pub(super) fn settle<B>(response: &mut Response<B>) -> Result<(), ClientError> {
    let status = response.status();
    let headers = response.headers_mut();
    if headers.contains_key(TRANSFER_ENCODING) {
        if !is_decoded(headers) {
            return Err(ClientError::HttpProtocolError);
        }
        headers.remove(CONTENT_LENGTH);
    }
    // RFC 9110 §8.6.
    if status == StatusCode::NO_CONTENT {
        headers.remove(CONTENT_LENGTH);
    }
    if headers.contains_key(CONTENT_LENGTH) {
        let length = length(headers).ok_or(ClientError::HttpProtocolError)?;
        headers.insert(CONTENT_LENGTH, length.into());
    }
    Ok(())
}

/// Whether the content that hyper reads has no transfer coding left. Hyper decodes `chunked` and no other. The registry
/// has no other names (RFC 9112 §7), so an unknown name alone codes nothing; the content ends with the connection (§6.3).
fn is_decoded(headers: &HeaderMap) -> bool {
    let mut codings = elements(headers, &TRANSFER_ENCODING);
    let Some(first) = codings.next().filter(|coding| !coding.is_empty()) else {
        return false;
    };
    let is_alone = codings.next().is_none();
    is_alone
        && !CODINGS_NOT_DECODED
            .iter()
            .any(|name| first.eq_ignore_ascii_case(name))
}

/// The length in which all fields agree.
fn length(headers: &HeaderMap) -> Option<u64> {
    let mut lengths = elements(headers, &CONTENT_LENGTH).map(digits);
    let length = lengths.next()??;
    lengths.all(|other| other == Some(length)).then_some(length)
}

fn digits(text: &[u8]) -> Option<u64> {
    // `parse` would take a sign.
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(text).ok().filter(|_| is_number)?;
    text.parse().ok()
}

fn elements<'h>(headers: &'h HeaderMap, name: &http::HeaderName) -> impl Iterator<Item = &'h [u8]> {
    let values = headers.get_all(name).iter();
    values
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fields: &[(&str, &str)], expected: Result<Option<&str>, ClientError>) {
        let mut response = Response::builder();
        for (name, value) in fields {
            response = response.header(*name, *value);
        }
        let mut response = response.body(()).unwrap();
        let settled = settle(&mut response);
        let lengths = response.headers().get_all(CONTENT_LENGTH).iter();
        let lengths: Vec<_> = lengths.map(|value| value.to_str().unwrap()).collect();
        match expected {
            Ok(expected) => assert_eq!((settled, lengths), (Ok(()), Vec::from_iter(expected))),
            Err(error) => assert_eq!(settled, Err(error), "{fields:?}"),
        }
    }

    #[test]
    fn transfer_encoding_overrides_content_length_rfc_9112_6_3() {
        let length = ("content-length", "5");
        check(&[length], Ok(Some("5")));
        check(&[length, ("transfer-encoding", "Chunked")], Ok(None));
    }

    #[test]
    fn a_coding_that_is_not_undone_is_not_passed_on_as_if_it_were() {
        for coding in [
            "gzip",
            "X-Gzip",
            "gzip, chunked",
            "chunked, chunked",
            "word, chunked",
            "",
        ] {
            let fields = [("transfer-encoding", coding)];
            check(&fields, Err(ClientError::HttpProtocolError));
        }
    }

    #[test]
    fn a_word_that_is_no_coding_frames_nothing_rfc_9112_6_3() {
        for word in ["identity", "word"] {
            let fields = [("transfer-encoding", word), ("content-length", "5")];
            check(&fields, Ok(None));
        }
    }

    #[test]
    fn several_lengths_become_one_or_a_failure_rfc_9110_8_6() {
        let five = ("content-length", "5");
        check(&[five, five], Ok(Some("5")));
        check(&[("content-length", "5, 5")], Ok(Some("5")));
        for other in ["6", "+5", "", "5,"] {
            let fields = [five, ("content-length", other)];
            check(&fields, Err(ClientError::HttpProtocolError));
        }
    }

    #[test]
    fn a_response_that_has_no_content_says_no_length() {
        let response = Response::builder()
            .status(204)
            .header("content-length", "0");
        let mut response = response.body(()).unwrap();
        settle(&mut response).unwrap();
        assert!(!response.headers().contains_key(CONTENT_LENGTH));
    }
}
