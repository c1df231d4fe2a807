//! Converts header fields from and to JavaScript's. Their values are text, which workerd reads and writes as UTF-8.

use http::{HeaderMap, HeaderName, HeaderValue};
use worker::js_sys::Array;
use worker::web_sys::Headers;

use super::failed;
use crate::Error;

pub(super) fn from_js(headers: &Headers) -> Result<HeaderMap, Error> {
    let mut fields = HeaderMap::new();
    for entry in headers.entries() {
        let entry = Array::from(&entry.map_err(failed)?);
        let text = |index| entry.get(index).as_string().unwrap_or_default();
        fields.append(
            HeaderName::from_bytes(text(0).as_bytes())?,
            HeaderValue::from_bytes(text(1).as_bytes())?,
        );
    }
    Ok(fields)
}

pub(super) fn to_js(fields: &HeaderMap) -> Result<Headers, Error> {
    let headers = Headers::new().map_err(failed)?;
    for (name, value) in fields {
        let text = std::str::from_utf8(value.as_bytes()).map_err(|_| {
            Error::message(format!(
                "field {name} holds bytes that are not UTF-8, which a Worker cannot send"
            ))
        })?;
        headers.append(name.as_str(), text).map_err(failed)?;
    }
    Ok(headers)
}
