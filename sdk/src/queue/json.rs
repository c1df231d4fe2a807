//! Events as JSON (CloudEvents 1.0, JSON event format), the messages of Cloudflare's queues.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{Event, EventError};

/// The message of an event.
pub(crate) fn from_event(event: &Event) -> String {
    let mut message = json!({
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.kind,
    });
    for (name, value) in [
        ("subject", &event.subject),
        ("time", &event.time),
        ("traceparent", &event.trace),
        ("datacontenttype", &event.content_type),
    ] {
        if let Some(value) = value {
            message[name] = value.as_str().into();
        }
    }
    if !event.data.is_empty() {
        // Base64 keeps the bytes unchanged. Parsing JSON and writing it again would round large numbers.
        message["data_base64"] = STANDARD.encode(&event.data).into();
    }
    message.to_string()
}

/// Reads the event in a message, also from another producer.
///
/// # Errors
///
/// [`EventError::Missing`] if the message is not an event.
pub(crate) fn to_event(message: &str) -> Result<Event, EventError> {
    let message: Map<String, Value> =
        serde_json::from_str(message).map_err(|_| EventError::Missing("attributes"))?;
    let text = |name| message.get(name).and_then(Value::as_str).map(str::to_owned);
    if text("specversion").as_deref() != Some("1.0") {
        return Err(EventError::Missing("specversion"));
    }
    let content_type = text("datacontenttype");
    let event = Event {
        subject: text("subject"),
        time: text("time"),
        trace: text("traceparent"),
        data: data(&message, content_type.as_deref())?.into(),
        content_type,
        ..Event::new(
            text("id").unwrap_or_default(),
            text("source").unwrap_or_default(),
            text("type").unwrap_or_default(),
        )
    };
    event.check()?;
    Ok(event)
}

/// The data: `data_base64`, or `data`. A text in `data` is the data itself, unless its media type is JSON (§3.1).
fn data(message: &Map<String, Value>, content_type: Option<&str>) -> Result<Vec<u8>, EventError> {
    if let Some(encoded) = message.get("data_base64").and_then(Value::as_str) {
        return STANDARD
            .decode(encoded)
            .map_err(|_| EventError::Unreadable("data_base64"));
    }
    let is_json = content_type.is_none_or(|kind| kind.contains("json"));
    Ok(match message.get("data") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if !is_json => text.clone().into_bytes(),
        Some(value) => value.to_string().into_bytes(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_the_same_after_its_way_through_json() {
        for data in [&b""[..], b"{\"number\": 9007199254740993}", b"\xff\x00"] {
            let event = Event::new("1", "/a", "b").data("application/json", data);
            assert_eq!(to_event(&from_event(&event)).unwrap(), event);
        }
    }

    #[test]
    fn the_event_of_another_producer_is_understood() {
        let head = r#""specversion":"1.0","id":"1","source":"/a","type":"b""#;
        for (rest, data) in [
            ("", ""),
            (r#","data":{"c":1}"#, r#"{"c":1}"#),
            (r#","data":"c""#, r#""c""#),
            (r#","datacontenttype":"text/plain","data":"c""#, "c"),
        ] {
            assert_eq!(to_event(&format!("{{{head}{rest}}}")).unwrap().data, data);
        }
    }

    #[test]
    fn a_message_that_is_no_event_is_refused() {
        for message in [
            "",
            "[]",
            "\"text\"",
            "{}",
            r#"{"specversion":"1.0","id":"1"}"#,
        ] {
            assert!(to_event(message).is_err(), "{message}");
        }
    }
}
