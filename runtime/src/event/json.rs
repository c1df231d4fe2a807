//! Events as JSON (JSON event format): the structured and the batched content mode.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{DATA_CONTENT_TYPE, Event, Malformed};

/// The members of an event. Data is kept as it is written: reading numbers and writing them again would round large ones.
type Members<'a> = BTreeMap<String, &'a RawValue>;

/// The event in a content.
pub(super) fn event(content: &[u8]) -> Result<Event, Malformed> {
    let members = serde_json::from_slice::<Members<'_>>(content);
    read(&members.map_err(|error| no_json(&error))?)
}

/// The events in a content.
pub(super) fn batch(content: &[u8]) -> Result<Vec<Event>, Malformed> {
    let batch = serde_json::from_slice::<Vec<Members<'_>>>(content);
    let batch = batch.map_err(|error| no_json(&error))?;
    let events = batch.iter().enumerate().map(|(index, members)| {
        read(members).map_err(|Malformed(what)| {
            let place = index + 1;
            Malformed(format!("event {place} of the batch: {what}"))
        })
    });
    events.collect()
}

/// A batch of events. Data is in base64, which keeps its bytes whatever they are.
pub(crate) fn to_batch(events: &[Event]) -> Bytes {
    let events = events.iter().map(|event| {
        let members = event.attributes.iter();
        let members = members.map(|(name, value)| (name.clone(), value.as_str().into()));
        let mut members: serde_json::Map<String, Value> = members.collect();
        if !event.data.is_empty() {
            members.insert(
                "data_base64".to_owned(),
                STANDARD.encode(&event.data).into(),
            );
        }
        members.into()
    });
    let batch: Vec<Value> = events.collect();
    serde_json::to_vec(&batch).expect("JSON serialises").into()
}

fn no_json(error: &serde_json::Error) -> Malformed {
    Malformed(format!("the content is not JSON as it should be: {error}"))
}

fn read(members: &Members<'_>) -> Result<Event, Malformed> {
    let mut event = Event::default();
    for (name, value) in members {
        if matches!(&**name, "data" | "data_base64") {
            continue;
        }
        match serde_json::from_str(value.get()) {
            Ok(Value::String(text)) => event.add(name, text)?,
            // §3.1: these are their own text.
            Ok(Value::Bool(_)) => event.add(name, value.get().to_owned())?,
            Ok(Value::Number(number)) if number.is_i64() => {
                event.add(name, number.to_string())?;
            }
            Ok(Value::Null) => {}
            _ => {
                let what = format!(
                    "`{}` is neither a text nor a whole number nor a boolean",
                    name.escape_debug()
                );
                return Err(Malformed(what));
            }
        }
    }
    event.data = data(&mut event, members)?;
    event.checked()
}

/// The data: `data_base64`, or `data`. A text in `data` is the data itself, unless its media type is JSON (§3.1.1).
fn data(event: &mut Event, members: &Members<'_>) -> Result<Bytes, Malformed> {
    if let Some(encoded) = members.get("data_base64") {
        if members.contains_key("data") {
            return Err(Malformed(
                "both `data` and `data_base64` are there".to_owned(),
            ));
        }
        let decoded = serde_json::from_str::<String>(encoded.get()).ok();
        let decoded = decoded.and_then(|text| STANDARD.decode(text).ok());
        let decoded = decoded.ok_or_else(|| Malformed("`data_base64` is not base64".to_owned()))?;
        return Ok(decoded.into());
    }
    let Some(value) = members.get("data").filter(|value| value.get() != "null") else {
        return Ok(Bytes::new());
    };
    event.or_attribute(DATA_CONTENT_TYPE, || "application/json".to_owned());
    let content_type = event.attribute(DATA_CONTENT_TYPE).unwrap_or_default();
    if !content_type.contains("json")
        && let Ok(text) = serde_json::from_str::<String>(value.get())
    {
        return Ok(text.into());
    }
    Ok(Bytes::copy_from_slice(value.get().as_bytes()))
}
