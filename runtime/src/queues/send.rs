//! Answers requests to `http://QUEUE.queue.internal/`: a guest sends events.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use serde::Serialize;
use storage::EngineFailure;
use storage::queue::{Contents, DEAD, Error, MAX_DELAY, Message};
use wasmtime_wasi_http::WasiBody;

use super::Queues;
use super::firing::Firing;
use super::limits::{ENGINE_TIMEOUT, MAX_CONTENT_BYTES, MAX_HOPS, SEND_RETRY_SECONDS};
use super::outbox::Outbox;
use crate::clock;
use crate::event::{Event, HOPS, TRACEPARENT};
use crate::manifest::{Consumes, EVENTS};
use crate::request::RequestContext;

/// The field that says how many seconds later a message is due.
const DELAY: &str = "delay";

/// The queues as one app uses them.
pub struct AppQueues {
    /// The queues.
    pub queues: Arc<Queues>,
    /// What the components of the app consume.
    pub consumes: Vec<Consumes>,
    /// The databases with an outbox.
    pub(crate) outboxes: Vec<Outbox>,
    /// The components of the app.
    pub(crate) components: Vec<String>,
    /// Their schedules.
    pub(crate) schedules: Vec<Firing>,
}

/// Why events were not accepted.
#[derive(Debug)]
enum Refusal {
    Method,
    NoQueue(String),
    Malformed(String),
    TooLarge(String),
    Unavailable(String),
}

/// RFC 9457.
#[derive(Serialize)]
struct Problem<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
}

impl AppQueues {
    /// Accepts the events of a request for the queue `name`. The response has status 202 once they are durable.
    pub(crate) async fn accept(
        &self,
        name: &str,
        request: Request<WasiBody>,
        context: &RequestContext,
        deadline: Instant,
    ) -> Response<WasiBody> {
        let deadline = deadline.min(clock::now() + ENGINE_TIMEOUT);
        let response = match self.take(name, request, context, deadline).await {
            Ok(()) => {
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = StatusCode::ACCEPTED;
                response
            }
            Err(refusal) => refusal.response(),
        };
        response.map(|content| {
            let content = Full::new(content);
            content.map_err(|never| match never {}).boxed_unsync()
        })
    }

    async fn take(
        &self,
        name: &str,
        request: Request<WasiBody>,
        context: &RequestContext,
        deadline: Instant,
    ) -> Result<(), Refusal> {
        if request.method() != Method::POST {
            return Err(Refusal::Method);
        }
        if name != EVENTS
            && !self
                .consumes
                .iter()
                .any(|consumes| consumes.takes(name, "", ""))
        {
            return Err(Refusal::NoQueue(name.to_owned()));
        }
        let (head, content) = request.into_parts();
        let delay = delay(&head.headers)?;
        let content = Limited::new(content, MAX_CONTENT_BYTES).collect();
        let content = tokio::time::timeout_at(deadline.into(), content).await;
        let content = content
            .map_err(|_| Refusal::Unavailable("the content did not arrive in time".to_owned()))?;
        let content =
            content.map_err(
                |error| match error.downcast_ref::<wasmtime_wasi_http::Error>() {
                    Some(error) => Refusal::Malformed(format!("the content broke off: {error:?}")),
                    None => {
                        Refusal::TooLarge(format!("at most {MAX_CONTENT_BYTES} bytes are accepted"))
                    }
                },
            )?;
        let events = Event::read(&head.headers, content.to_bytes());
        let events = events.map_err(|error| Refusal::Malformed(error.to_string()))?;
        let trace = context.trace.to_header_value();
        // Whatever the producer says: a consumer that sends on what it got would keep its count.
        let hops = context.hops() + 1;
        let messages = events.into_iter().flat_map(|mut event| {
            event.set_attribute(HOPS, hops.to_string());
            event.or_attribute(TRACEPARENT, || {
                trace.to_str().unwrap_or_default().to_owned()
            });
            self.messages(name, &event, delay)
        });
        self.send(messages.collect(), deadline).await
    }

    /// The messages that an event becomes: one in its queue, or one for each that subscribes to it.
    pub(crate) fn messages(&self, name: &str, event: &Event, delay: Duration) -> Vec<Message> {
        let takers = self.consumes.iter();
        let takers = takers.filter(|consumes| consumes.takes(name, event.kind(), event.source()));
        let message = |consumes: &Consumes| Message {
            queue: queue_of(consumes, event),
            id: event.identity(),
            key: consumes
                .ordered_by
                .as_ref()
                .and_then(|attribute| event.attribute(attribute))
                .map(str::to_owned),
            delay,
            contents: Contents {
                head: event.head(),
                data: event.data.to_vec(),
            },
        };
        takers.map(message).collect()
    }

    async fn send(&self, messages: Vec<Message>, deadline: Instant) -> Result<(), Refusal> {
        if self.queues.engine().is_none() {
            return Err(Refusal::Unavailable("the queues are not open".to_owned()));
        }
        Ok(self.store(messages, deadline).await?)
    }

    /// Stores messages, all or none, and wakes those who wait for them.
    pub(super) async fn store(
        &self,
        messages: Vec<Message>,
        deadline: Instant,
    ) -> Result<(), Error> {
        let Some(engine) = self.queues.engine() else {
            return Err(EngineFailure::Closed.into());
        };
        let mut names: Vec<String> = messages
            .iter()
            .map(|message| message.queue.clone())
            .collect();
        engine.send(messages, self.queues.room, deadline).await?;
        for name in &names {
            self.queues.metrics.accepted(name);
        }
        names.dedup();
        for name in names {
            self.queues.wake(&name);
        }
        Ok(())
    }
}

/// The queue of a message, or its dead-letter queue if its events go in a circle.
fn queue_of(consumes: &Consumes, event: &Event) -> String {
    let mut queue = consumes.queue();
    if event.hops() > MAX_HOPS {
        tracing::warn!(
            queue,
            "an event has come by {MAX_HOPS} others: it is a dead letter"
        );
        queue.push_str(DEAD);
    }
    queue
}

/// The delay that a producer asks for.
fn delay(headers: &HeaderMap) -> Result<Duration, Refusal> {
    let Some(value) = headers.get(DELAY) else {
        return Ok(Duration::ZERO);
    };
    let seconds = value.to_str().ok().and_then(|text| text.parse().ok());
    let delay = seconds.map(Duration::from_secs);
    delay.filter(|delay| *delay <= MAX_DELAY).ok_or_else(|| {
        let most = MAX_DELAY.as_secs();
        Refusal::Malformed(format!(
            "`Delay` is not a whole number of seconds up to {most}"
        ))
    })
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::TooLarge { .. } | Error::TooMany { .. } => Self::TooLarge(error.to_string()),
            Error::Full { .. } | Error::LeaseEnded | Error::Engine(_) => {
                tracing::warn!("messages were not accepted: {error}");
                Self::Unavailable(error.to_string())
            }
        }
    }
}

impl Refusal {
    fn response(&self) -> Response<Bytes> {
        let (status, title, detail) = match self {
            Self::Method => (405, "Queues take events by POST", "send the event by POST"),
            Self::NoQueue(name) => (404, "No component consumes this queue", &**name),
            Self::Malformed(what) => (400, "The request carries no events", &**what),
            Self::TooLarge(what) => (413, "The events are too large", &**what),
            Self::Unavailable(what) => (503, "The queue takes no events now", &**what),
        };
        let problem = Problem {
            title,
            status,
            detail,
        };
        let content = serde_json::to_vec(&problem).expect("strings and numbers serialise");
        let mut response = Response::new(Bytes::from(content));
        *response.status_mut() = StatusCode::from_u16(status).expect("they are valid");
        let headers = response.headers_mut();
        let media_type = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, media_type);
        match self {
            Self::Method => {
                headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
            }
            Self::Unavailable(_) => {
                headers.insert(header::RETRY_AFTER, SEND_RETRY_SECONDS.into());
            }
            _ => {}
        }
        response
    }
}
