//! Queues, which deliver CloudEvents 1.0 later.
//!
//! The queue delivers a message to the component that consumes it, as a POST to `/` in the binary mode of CloudEvents' HTTP
//! binding: the attributes are header fields (`ce-id`, `ce-source`, `ce-type`), the data is the content. A 2xx response
//! acknowledges the message; after any other response, the queue delivers it again.
//!
//! `"http://NAME.queue.internal"` in `allowed_outbound_hosts` of `spin.toml` grants sending, or `[[queues.producers]]` in
//! `wrangler.toml`. Terrace and Cloudflare deliver messages. On Spin, sending returns an error; `terrace check --target spin` says so
//! before.

mod event;
#[cfg(any(all(target_family = "wasm", target_os = "unknown"), test))]
pub(crate) mod json;

pub use event::{Event, EventError};

use crate::Request;
use http::HeaderMap;

use crate::host;
use crate::manifest::grant;
use crate::sql::Statement;

/// The longest name of a queue: it is a label of a host name.
const MAX_NAME_BYTES: usize = 63;

/// Why the queue did not take a message.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The manifest does not grant a queue with that name.
    #[error("access to the queue {0:?} is denied; {what}", what = grant::queue(.0))]
    AccessDenied(String),
    /// The name is not valid for a queue.
    #[error("{0:?} is not the name of a queue: use lower-case letters, digits and '-', at most 63")]
    InvalidName(String),
    /// The event lacks an attribute that CloudEvents requires.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The queue could not be reached, or did not take the message. A retry is safe.
    #[error("the queue {queue:?} did not take the message: {reason}")]
    Failed {
        /// Its name.
        queue: String,
        /// The reason that the host gives.
        reason: String,
    },
}

/// Sends an event to a queue. When this returns, the queue has the event and will deliver it at least once.
///
/// # Errors
///
/// [`Error::AccessDenied`] without a grant, [`Error::Failed`] if the queue did not take it.
pub async fn send(queue: &str, event: Event) -> Result<(), Error> {
    check_name(queue)?;
    event.check()?;
    host::enqueue(queue, event).await
}

/// The name of the queue that delivers this request; `None` for a client's request. A function that answers clients and consumes a queue
/// tells them apart by it. Terrace refuses clients who say that they are a queue, and Cloudflare knows no such host; Spin does neither.
///
/// ```
/// use terrace_sdk::{Body, Request, queue};
///
/// let delivery = Request::post("http://mail.queue.internal/").body(Body::empty()).unwrap();
/// assert_eq!(queue::name_of(&delivery), Some("mail"));
/// let client = Request::get("https://example.com/").body(Body::empty()).unwrap();
/// assert_eq!(queue::name_of(&client), None);
/// ```
#[must_use]
pub fn name_of(request: &Request) -> Option<&str> {
    let target = request.uri();
    let name = target.host()?.strip_suffix(".queue.internal")?;
    (target.path() == "/").then_some(name)
}

/// The trace that a request belongs to, for [`Event::trace`]: the work that follows from the request is in its trace then.
#[must_use]
pub fn trace_of(request: &Request) -> Option<String> {
    trace(request.headers()).map(str::to_owned)
}

/// A host that traces says where this request is in the trace; otherwise the event says where its sender was.
fn trace(fields: &HeaderMap) -> Option<&str> {
    let field = fields.get("traceparent");
    field
        .or_else(|| fields.get("ce-traceparent"))?
        .to_str()
        .ok()
}

fn check_name(queue: &str) -> Result<(), Error> {
    let is_valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if queue.is_empty() || queue.len() > MAX_NAME_BYTES || !queue.bytes().all(is_valid) {
        return Err(Error::InvalidName(queue.to_owned()));
    }
    Ok(())
}

/// The statement that puts an event into the outbox of its database. The runtime sends the event to the queue if and only if the
/// transaction of the statement commits: give it to [`Connection::batch`](crate::sql::Connection::batch) together with the changes
/// that the event is about. An event with a [`trace`](Event::trace) needs the column `traceparent` in the table.
///
/// ```
/// # use terrace_sdk::{queue::{self, Event}, sql::{Connection, Statement}};
/// # async fn publish(database: &Connection) -> Result<(), terrace_sdk::Error> {
/// let event = Event::new("article 7", "/articles", "article.published");
/// database
///     .batch(&[
///         Statement::new("UPDATE articles SET is_published = 1 WHERE id = 7"),
///         queue::outbox("events", event)?,
///     ])
///     .await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`Error::InvalidName`], or [`Error::Event`] if the event lacks an attribute that CloudEvents requires.
pub fn outbox(queue: &str, event: Event) -> Result<Statement, Error> {
    const INSERT: &str = "INSERT INTO outbox (queue, id, source, type, subject, time, datacontenttype, data) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    const IN_TRACE: &str = "INSERT INTO outbox (queue, id, source, type, subject, time, datacontenttype, data, traceparent) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    check_name(queue)?;
    event.check()?;
    let text = if event.trace.is_some() {
        IN_TRACE
    } else {
        INSERT
    };
    let statement = Statement::new(text)
        .bind(queue)
        .bind(event.id)
        .bind(event.source)
        .bind(event.kind)
        .bind(event.subject)
        .bind(event.time)
        .bind(event.content_type);
    let statement = statement.bind(event.data.to_vec());
    Ok(match event.trace {
        Some(trace) => statement.bind(trace),
        None => statement,
    })
}
