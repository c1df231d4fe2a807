//! Owns CloudEvents 1.0 as this server takes and gives them: their attributes, and their forms in HTTP requests (HTTP protocol
//! binding: binary, structured and batched content mode). What an event means is left to its producer and its consumer.

mod fields;
mod json;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::HeaderMap;

use crate::limits::MAX_EVENT_ATTRIBUTE_BYTES;

pub(crate) use fields::to_fields;
pub(crate) use json::to_batch;

/// The only version of the attributes that there is (§3.1.1.3).
const VERSION: &str = "1.0";

/// The media type of the data, an attribute.
const DATA_CONTENT_TYPE: &str = "datacontenttype";

/// The attribute of the trace that an event belongs to (the extension Distributed Tracing).
pub(crate) const TRACEPARENT: &str = "traceparent";

/// The attribute that counts the events which led to this one, with itself. A producer that is no delivery begins at one.
pub(crate) const HOPS: &str = "terracehops";

/// Something that happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// The attributes by name, among them always `specversion`, `id`, `source` and `type`.
    attributes: BTreeMap<String, String>,
    /// The data; empty if there is none.
    pub(crate) data: Bytes,
}

/// Why a request carries no events, in words for its sender.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(String);

/// The media types of events that are not in the binary mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Binary,
    Structured,
    Batched,
}

impl Event {
    /// The events of a request.
    ///
    /// # Errors
    /// What is wrong, with the place of the event in a batch.
    pub(crate) fn read(headers: &HeaderMap, content: Bytes) -> Result<Vec<Self>, Malformed> {
        match mode(headers)? {
            Mode::Binary => Ok(vec![fields::read(headers, content)?]),
            Mode::Structured => Ok(vec![json::event(&content)?]),
            Mode::Batched => json::batch(&content),
        }
    }

    /// An event as [`Self::head`] and its data have it.
    ///
    /// # Errors
    /// If this is another head.
    pub(crate) fn stored(head: &str, data: Vec<u8>) -> Result<Self, Malformed> {
        let attributes = serde_json::from_str(head);
        let attributes = attributes.map_err(|error| Malformed(error.to_string()))?;
        let data = data.into();
        Ok(Self { attributes, data })
    }

    /// The attributes as JSON.
    pub(crate) fn head(&self) -> String {
        serde_json::to_string(&self.attributes).expect("a map of strings serialises")
    }

    /// An attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// Its type.
    pub(crate) fn kind(&self) -> &str {
        self.attribute("type").unwrap_or_default()
    }

    /// Where it happened.
    pub(crate) fn source(&self) -> &str {
        self.attribute("source").unwrap_or_default()
    }

    /// Tells it from all others: the id is unique for its source only (§3.1.1.1).
    pub(crate) fn identity(&self) -> String {
        let id = self.attribute("id").unwrap_or_default();
        format!("{}\0{id}", self.source())
    }

    /// Sets an attribute, whether or not it has it.
    pub(crate) fn set_attribute(&mut self, name: &str, value: String) {
        self.attributes.insert(name.to_owned(), value);
    }

    /// How many events led to this one, with itself.
    pub(crate) fn hops(&self) -> u32 {
        let hops = self.attribute(HOPS).and_then(|hops| hops.parse().ok());
        hops.unwrap_or(1)
    }

    /// Sets an attribute that it does not have.
    pub(crate) fn or_attribute(&mut self, name: &str, value: impl FnOnce() -> String) {
        let entry = self.attributes.entry(name.to_owned());
        entry.or_insert_with(value);
    }

    /// An event of this server or of a function's database, as this version of CloudEvents has it.
    ///
    /// # Errors
    /// What is missing.
    pub(crate) fn completed(mut self) -> Result<Self, Malformed> {
        self.or_attribute("specversion", || VERSION.to_owned());
        self.checked()
    }

    /// Checks what all forms require.
    fn checked(self) -> Result<Self, Malformed> {
        if self.attribute("specversion") != Some(VERSION) {
            return Err(Malformed(format!("`specversion` is not {VERSION}")));
        }
        for required in ["id", "source", "type"] {
            if self.attribute(required).unwrap_or_default().is_empty() {
                return Err(Malformed(format!("the event has no `{required}`")));
            }
        }
        let sizes = self.attributes.iter();
        let bytes: usize = sizes.map(|(name, value)| name.len() + value.len()).sum();
        if bytes > MAX_EVENT_ATTRIBUTE_BYTES {
            let what = format!(
                "the attributes have {bytes} bytes; at most {MAX_EVENT_ATTRIBUTE_BYTES} are accepted"
            );
            return Err(Malformed(what));
        }
        Ok(self)
    }

    /// Adds an attribute, unless its name is none.
    fn add(&mut self, name: &str, value: String) -> Result<(), Malformed> {
        if !is_name(name) {
            let what = format!(
                "`{}` is not the name of an attribute: they have lower-case letters and digits only",
                name.escape_debug()
            );
            return Err(Malformed(what));
        }
        self.attributes.insert(name.to_owned(), value);
        Ok(())
    }
}

/// Whether an attribute may be called so (§3.1: lower-case letters and digits).
pub(crate) fn is_name(name: &str) -> bool {
    let is_valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    !name.is_empty() && name.bytes().all(is_valid)
}

/// The content mode (HTTP protocol binding §3).
fn mode(headers: &HeaderMap) -> Result<Mode, Malformed> {
    let content_type = headers.get(http::header::CONTENT_TYPE);
    let media_type = content_type.and_then(|value| value.to_str().ok());
    let media_type = media_type.unwrap_or_default().split(';').next();
    let media_type = media_type.unwrap_or_default().trim().to_ascii_lowercase();
    match &*media_type {
        "application/cloudevents+json" => Ok(Mode::Structured),
        "application/cloudevents-batch+json" => Ok(Mode::Batched),
        other if other.starts_with("application/cloudevents") => {
            let what = format!("events of the type `{other}` are not supported; send JSON");
            Err(Malformed(what))
        }
        _ => Ok(Mode::Binary),
    }
}
