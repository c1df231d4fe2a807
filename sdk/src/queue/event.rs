//! Events, and the requests that carry them (CloudEvents 1.0, HTTP protocol binding, binary content mode).

use std::fmt::Write;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, header};

use crate::{Body, BodyError, Request};

/// The only version of CloudEvents' attributes.
const SPEC_VERSION: &str = "1.0";

/// The type of the event of a schedule.
const SCHEDULE: &str = "terrace.schedule";

/// The longest data that [`Event::read`] accepts, in bytes: the limit of Cloudflare's queues.
const MAX_DATA_BYTES: usize = 128 * 1_024;

/// Why a request carries no event.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// An attribute that CloudEvents requires is absent or empty.
    #[error("the event has no {0}, which CloudEvents requires")]
    Missing(&'static str),
    /// An attribute is not text, or the version is unknown.
    #[error("attribute {0} of the event cannot be read")]
    Unreadable(&'static str),
    /// The data could not be read.
    #[error("the data of the event could not be read: {0}")]
    Data(#[from] BodyError),
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// Identifies the event within its source. A retry keeps the id.
    pub id: String,
    /// The place where it happened, as a URI reference.
    pub source: String,
    /// The type of event: `com.example.article.published`.
    pub kind: String,
    /// The subject within the source.
    pub subject: Option<String>,
    /// The time in RFC 3339.
    pub time: Option<String>,
    /// The media type of the data: `application/json`.
    pub content_type: Option<String>,
    /// The trace that it belongs to: a `traceparent` (W3C Trace Context). [`Event::read`] gives that of the delivery, and
    /// [`trace_of`](super::trace_of) that of any request.
    pub trace: Option<String>,
    /// The data; empty if there is none.
    pub data: Bytes,
}

impl Event {
    /// An event without data.
    pub fn new(id: impl Into<String>, source: impl Into<String>, kind: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            source: source.into(),
            kind: kind.into(),
            ..Self::default()
        }
    }

    /// Sets the data and its media type.
    #[must_use]
    pub fn data(mut self, content_type: impl Into<String>, data: impl Into<Bytes>) -> Self {
        self.content_type = Some(content_type.into());
        self.data = data.into();
        self
    }

    /// The event of a schedule whose time has come.
    #[cfg(not(target_os = "wasi"))]
    pub(crate) fn of_schedule(name: &str, time: &str) -> Self {
        Self {
            subject: Some(name.to_owned()),
            time: Some(time.to_owned()),
            ..Self::new(format!("{name}/{time}"), "/schedules", SCHEDULE)
        }
    }

    /// The name of the schedule whose time has come, if this is its event. Its `time` is the time that was meant.
    #[must_use]
    pub fn schedule(&self) -> Option<&str> {
        self.subject.as_deref().filter(|_| self.kind == SCHEDULE)
    }

    /// The event that a request carries.
    ///
    /// # Errors
    ///
    /// [`EventError::Missing`] if the request carries no event, [`EventError::Data`] if its content is longer than 128 KiB or did
    /// not arrive.
    pub async fn read(request: Request) -> Result<Self, EventError> {
        let (parts, body) = request.into_parts();
        let required = |name| attribute(&parts.headers, name)?.ok_or(EventError::Missing(name));
        if required("ce-specversion")? != SPEC_VERSION {
            return Err(EventError::Unreadable("ce-specversion"));
        }
        let event = Self {
            id: required("ce-id")?,
            source: required("ce-source")?,
            kind: required("ce-type")?,
            subject: attribute(&parts.headers, "ce-subject")?,
            time: attribute(&parts.headers, "ce-time")?,
            content_type: attribute(&parts.headers, header::CONTENT_TYPE.as_str())?,
            trace: super::trace(&parts.headers).map(str::to_owned),
            data: body.read(MAX_DATA_BYTES).await?,
        };
        event.check()?;
        Ok(event)
    }

    /// Checks that it has the attributes that CloudEvents requires.
    pub(crate) fn check(&self) -> Result<(), EventError> {
        let required = [
            ("id", &self.id),
            ("source", &self.source),
            ("type", &self.kind),
        ];
        let empty = required.iter().find(|(_, value)| value.is_empty());
        empty.map_or(Ok(()), |(name, _)| Err(EventError::Missing(name)))
    }

    /// The request that carries it to or from a queue.
    pub(crate) fn into_request(self, queue: &str) -> Result<Request, http::Error> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://{queue}.queue.internal/"))
            .header("ce-specversion", SPEC_VERSION)
            .header("ce-id", encode(&self.id))
            .header("ce-source", encode(&self.source))
            .header("ce-type", encode(&self.kind));
        let optional = [
            ("ce-subject", self.subject),
            ("ce-time", self.time),
            ("ce-traceparent", self.trace),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                request = request.header(name, encode(&value));
            }
        }
        if let Some(content_type) = self.content_type {
            request = request.header(CONTENT_TYPE, HeaderValue::try_from(content_type)?);
        }
        request.body(Body::from(self.data))
    }
}

fn attribute(headers: &HeaderMap, name: &'static str) -> Result<Option<String>, EventError> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(value.as_bytes()).ok();
    let text = if name.starts_with("ce-") {
        text.and_then(decode)
    } else {
        text.map(str::to_owned)
    };
    text.map(Some).ok_or(EventError::Unreadable(name))
}

/// Escapes characters that a field value may not contain (HTTP protocol binding §3.1.3.2).
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

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;

    fn event() -> Event {
        Event {
            subject: Some("50 % of Zoë's \"articles\"".to_owned()),
            time: Some("2026-11-24T22:28:10Z".to_owned()),
            ..Event::new("7", "/conduit", "article.published")
        }
        .data("application/json", "{}")
    }

    #[test]
    fn an_event_is_the_same_after_its_way_through_a_request() {
        let request = event().into_request("mail").unwrap();
        assert_eq!(request.uri(), "http://mail.queue.internal/");
        assert_eq!(request.headers()["ce-type"], "article.published");
        assert_eq!(
            request.headers()["ce-subject"],
            "50%20%25%20of%20Zo%C3%AB's%20%22articles%22"
        );
        assert_eq!(pollster::block_on(Event::read(request)).unwrap(), event());
    }

    #[test]
    fn a_request_without_attributes_is_no_event() {
        let error = pollster::block_on(Event::read(Request::new(Body::empty()))).unwrap_err();
        assert!(matches!(error, EventError::Missing("ce-specversion")));
    }

    #[test]
    fn an_attribute_that_is_not_escaped_properly_is_refused() {
        for wrong in ["%", "%4", "%zz", "%FF"] {
            let mut request = event().into_request("mail").unwrap();
            request
                .headers_mut()
                .insert("ce-id", HeaderValue::from_static(wrong));
            let error = pollster::block_on(Event::read(request)).unwrap_err();
            assert!(matches!(error, EventError::Unreadable("ce-id")), "{wrong}");
        }
    }

    #[test]
    fn an_event_needs_id_source_and_type() {
        assert!(Event::new("1", "/a", "b").check().is_ok());
        assert!(matches!(
            Event::new("1", "/a", "").check(),
            Err(EventError::Missing("type"))
        ));
    }
}
