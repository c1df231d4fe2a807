//! Events whose attributes are fields of the request, and whose data is its content: the binary content mode (§3.1).

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{DATA_CONTENT_TYPE, Event, Malformed};

/// What the names of the fields begin with.
const PREFIX: &str = "ce-";

/// The event of a request.
pub(super) fn read(headers: &HeaderMap, data: Bytes) -> Result<Event, Malformed> {
    let mut event = Event {
        data,
        ..Event::default()
    };
    for (field, value) in headers {
        let Some(name) = field.as_str().strip_prefix(PREFIX) else {
            continue;
        };
        let value = std::str::from_utf8(value.as_bytes()).ok().and_then(decode);
        let value = value.ok_or_else(|| {
            let what =
                format!("the value of `{field}` is not UTF-8, percent-encoded where it has to be");
            Malformed(what)
        })?;
        if event.attribute(name).is_some() {
            return Err(Malformed(format!("there are two fields `{field}`")));
        }
        event.add(name, value)?;
    }
    if event.attributes.is_empty() {
        let what = "the request carries no event: send the fields `ce-specversion`, `ce-id`, `ce-source` and `ce-type`, \
                    or an event as JSON with `Content-Type: application/cloudevents+json`";
        return Err(Malformed(what.to_owned()));
    }
    if let Some(content_type) = headers.get(header::CONTENT_TYPE) {
        let text = content_type.to_str();
        let text = text.map_err(|_| Malformed("`Content-Type` is not text".to_owned()))?;
        event.add(DATA_CONTENT_TYPE, text.to_owned())?;
    }
    event.checked()
}

/// The fields of a request that carries an event.
pub(crate) fn to_fields(event: &Event) -> HeaderMap {
    let mut fields = HeaderMap::with_capacity(event.attributes.len());
    for (name, value) in &event.attributes {
        let field = match &**name {
            DATA_CONTENT_TYPE => HeaderValue::try_from(&**value)
                .ok()
                .map(|value| (header::CONTENT_TYPE, value)),
            _ => HeaderName::try_from(format!("{PREFIX}{name}"))
                .ok()
                .zip(HeaderValue::try_from(encode(value)).ok()),
        };
        // Names are letters and digits, and values are encoded; a media type that is no field value says nothing.
        if let Some((name, value)) = field {
            fields.insert(name, value);
        }
    }
    fields
}

/// Escapes characters that a field value may not contain (§3.1.3.2).
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for &byte in text.as_bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'%') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = rest.get(2..)?;
    }
    String::from_utf8(bytes).ok()
}
