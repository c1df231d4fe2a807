//! Dates in fields (RFC 9110 §5.6.7).

use std::time::SystemTime;

use http::{HeaderMap, HeaderName};

/// The date of a field, in one of the three formats of the standard.
///
/// A field of several lines, and one that is not exactly a date, has none.
#[must_use]
pub fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next()?;
    if lines.next().is_some() {
        return None;
    }
    httpdate::parse_http_date(line.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use http::header::EXPIRES;

    use super::*;
    use crate::rules::testing::headers;

    #[test]
    fn the_three_formats_are_read_and_nothing_else_rfc_9110_5_6_7() {
        let read = |text: &str| date(&headers(&[("expires", text)]), &EXPIRES).is_some();
        assert!(read("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert!(read("Sunday, 06-Nov-94 08:49:37 GMT"));
        assert!(read("Sun Nov  6 08:49:37 1994"));
        for text in [
            "0",
            "",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun 06 Nov 1994 08:49:37 GMT",
        ] {
            assert!(!read(text), "{text}");
        }
    }
}
