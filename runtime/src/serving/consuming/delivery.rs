//! Delivers claimed messages to their consumer, and ends the work on them as the response says.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::BodyExt;
use jiff::Timestamp;
use storage::queue::{Claimed, End, MAX_DELAY, Owner};
use tokio::time::sleep;

use super::Consumption;
use crate::clock;
use crate::deployment::Consumer;
use crate::event::{self, Event, TRACEPARENT};
use crate::failure::{Blame, Failure, Retry};
use crate::observe::{Delivered, Outcome};
use crate::queues::limits::{BUSY_PAUSE, ENGINE_TIMEOUT, MAX_REASON_BYTES, MAX_RESPONSE_BYTES};
use crate::request::{Caller, RequestContext, RequestId, ResponseBody, TraceContext};

/// The address of a client where there is none, as guests see it.
const NOBODY: ([u8; 4], u16) = ([0, 0, 0, 0], 0);

/// The media type of a batch.
const BATCH: &str = "application/cloudevents-batch+json";

/// The field of a message's trace.
static CE_TRACEPARENT: HeaderName = HeaderName::from_static("ce-traceparent");

/// The work on messages that were claimed together for one consumer.
pub(super) struct Delivery {
    pub(super) by: Rc<Consumption>,
    pub(super) owner: Arc<Owner>,
    pub(super) consumer: Arc<Consumer>,
    /// When they were claimed.
    pub(super) begun: Instant,
}

/// What a consumer made of its messages.
enum Answer {
    /// They are done.
    Done,
    /// There was no room for them.
    NoRoom,
    /// It failed.
    Failed {
        reason: String,
        /// The pause that it asks for.
        retry_after: Option<Duration>,
    },
}

impl Delivery {
    /// Delivers one message, or several as a batch. If the lease ends meanwhile, the call is cancelled.
    pub(super) async fn run(&self, messages: Vec<Claimed>) {
        let messages = self.without_lost(messages).await;
        if messages.is_empty() {
            return;
        }
        let answer = tokio::select! {
            biased;
            () = self.by.queues.lost(&self.owner) => None,
            answer = self.call(&messages) => Some(answer),
        };
        for message in &messages {
            match &answer {
                Some(answer) => self.conclude(message, answer).await,
                None => self.count(Delivered::Lost, message),
            }
        }
    }

    /// Buries the messages whose last attempt no process has survived.
    async fn without_lost(&self, messages: Vec<Claimed>) -> Vec<Claimed> {
        let most = self.consumer.consumes.retries.saturating_add(1);
        let (lost, others): (Vec<_>, Vec<_>) = messages
            .into_iter()
            .partition(|message| message.attempts > most);
        for message in lost {
            let failure = failure(
                most,
                "the process that worked on it ended, or lost its lease",
            );
            self.end(&message, End::Bury(&failure)).await;
        }
        others
    }

    /// Calls the consumer and reads its response.
    async fn call(&self, messages: &[Claimed]) -> Answer {
        let (fields, content, hops) = match self.request(messages) {
            Ok(request) => request,
            Err(reason) => {
                let retry_after = None;
                return Answer::Failed {
                    reason,
                    retry_after,
                };
            }
        };
        let context = self.context(&fields);
        context.set_hops(hops);
        let by = &self.by;
        let calling = self
            .consumer
            .call(by.worker, fields, content, Arc::clone(&context));
        let answered = match calling.await {
            Ok(response) => read(response).await,
            Err(failure) => Err(failure),
        };
        let status = answered.as_ref().ok().map(|(status, ..)| *status);
        let failure = answered.as_ref().err();
        if let Some(failure) = failure {
            let storage = context.storage_failure().filter(|_| failure.is_of_guest());
            context.fail(storage.map_or_else(|| failure.clone(), Failure::of_storage));
        }
        self.record(&context, status);
        match answered {
            Ok((status, ..)) if status.is_success() => Answer::Done,
            Ok((status, retry_after, text)) => Answer::Failed {
                reason: format!("{status} {text}").trim_end().to_owned(),
                retry_after,
            },
            Err(failure) if is_busy(&failure) => Answer::NoRoom,
            Err(failure) => Answer::Failed {
                reason: context.failure().unwrap_or(&failure).to_string(),
                retry_after: None,
            },
        }
    }

    /// Fields and content of the request, an event or a batch of events, and how many events led to it.
    fn request(&self, messages: &[Claimed]) -> Result<(HeaderMap, Bytes, u32), String> {
        let events = messages.iter().map(|message| {
            let contents = &message.contents;
            Event::stored(&contents.head, contents.data.clone())
        });
        let events: Result<Vec<_>, _> = events.collect();
        let events = events.map_err(|error| format!("the message is damaged: {error}"))?;
        let hops = events.iter().map(Event::hops).max().unwrap_or(0);
        match &events[..] {
            [event] if self.consumer.consumes.batch == 1 => {
                Ok((event::to_fields(event), event.data.clone(), hops))
            }
            events => {
                let mut fields = HeaderMap::new();
                fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(BATCH));
                if let Some(trace) = events
                    .first()
                    .and_then(|event| event.attribute(TRACEPARENT))
                    && let Ok(trace) = HeaderValue::from_str(trace)
                {
                    fields.insert(CE_TRACEPARENT.clone(), trace);
                }
                Ok((fields, event::to_batch(events), hops))
            }
        }
    }

    /// The facts about the call, which continues the trace of its message.
    fn context(&self, fields: &HeaderMap) -> Arc<RequestContext> {
        let mut trace = HeaderMap::new();
        if let Some(value) = fields.get(&CE_TRACEPARENT) {
            trace.insert(TRACEPARENT, value.clone());
        }
        let ids = &self.by.ids;
        let context = RequestContext::new(
            RequestId::generate(ids),
            Caller::Client(NOBODY.into()),
            TraceContext::join(&mut trace, ids),
            clock::now(),
        );
        Arc::new(context)
    }

    /// Reports the call to log and metrics, as that of a client's request.
    fn record(&self, context: &RequestContext, status: Option<StatusCode>) {
        let now = clock::now();
        let duration = now.saturating_duration_since(context.received);
        self.by.observer.end(&Outcome {
            request_id: context.id.as_str(),
            trace_id: &context.trace.trace_id_digits(),
            client: context.caller.client().ip(),
            method: &Method::POST,
            path: "/",
            route: context.end(now),
            status,
            sent_bytes: 0,
            duration,
            stages: context.stages().durations(duration),
            cpu: context.cpu(),
            instance_reused: context.instance_reused(),
            cache_result: None,
            storage_failure: context.storage_failure(),
            failure: context.failure(),
        });
    }

    /// Ends the work on a message as the consumer answered.
    async fn conclude(&self, message: &Claimed, answer: &Answer) {
        let consumes = &self.consumer.consumes;
        match answer {
            Answer::Done => self.end(message, End::Acknowledge).await,
            Answer::NoRoom => {
                let pause = self.by.busy_pause();
                self.end(message, End::Release(pause)).await;
            }
            Answer::Failed {
                reason,
                retry_after,
            } => {
                let failure = failure(message.attempts, reason);
                if message.attempts > consumes.retries {
                    return self.end(message, End::Bury(&failure)).await;
                }
                let doublings = (message.attempts - 1).min(u32::BITS - 1);
                let pause = consumes.backoff.saturating_mul(1 << doublings);
                let pause = self.by.jittered(pause.min(consumes.max_backoff));
                let pause = retry_after.map_or(pause, |asked| asked.max(pause).min(MAX_DELAY));
                self.end(message, End::Retry(pause, &failure)).await;
            }
        }
    }

    /// Ends the work on a message. While the engine is out this is tried again: a message that was done would else come again.
    async fn end(&self, message: &Claimed, end: End<'_>) {
        let Some(engine) = self.by.queues.engine() else {
            return self.count(Delivered::Lost, message);
        };
        let result = loop {
            let by = clock::now() + ENGINE_TIMEOUT;
            let ended = tokio::select! {
                biased;
                () = self.by.queues.lost(&self.owner) => break Delivered::Lost,
                ended = engine.end(&self.owner, message.number, end, by) => ended,
            };
            match ended {
                Ok(true) => break delivered(end),
                Ok(false) => break Delivered::Lost,
                Err(error) => {
                    let queue = &*self.consumer.queue;
                    tracing::warn!(queue, "the work on a message cannot be ended: {error}");
                    sleep(BUSY_PAUSE).await;
                }
            }
        };
        self.count(result, message);
    }

    fn count(&self, result: Delivered, message: &Claimed) {
        let metrics = self.by.queues.metrics();
        let since = clock::now().saturating_duration_since(self.begun);
        metrics.delivered(&self.consumer.queue, result, message.age + since);
    }
}

/// The result of a delivery whose work ended so.
fn delivered(end: End<'_>) -> Delivered {
    match end {
        End::Acknowledge => Delivered::Acknowledged,
        End::Release(_) => Delivered::Released,
        End::Retry(..) => Delivered::Failed,
        End::Bury(_) => Delivered::Dead,
    }
}

/// Reads a response to its end, as far as that says anything: its status, the pause that it asks for, and the beginning of a text.
async fn read(
    response: Response<ResponseBody>,
) -> Result<(StatusCode, Option<Duration>, String), Failure> {
    let (head, mut content) = response.into_parts();
    let mut text = Vec::new();
    let mut bytes = 0;
    while let Some(frame) = content.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        bytes += data.len();
        let room = MAX_REASON_BYTES - text.len();
        text.extend_from_slice(&data[..room.min(data.len())]);
        if bytes > MAX_RESPONSE_BYTES {
            break;
        }
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok((head.status, retry_after(&head.headers), text))
}

/// The pause that `Retry-After` asks for: seconds, or a date (RFC 9110 §10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date: SystemTime = httpdate::parse_http_date(text).ok()?;
    Some(
        date.duration_since(clock::time_of_day())
            .unwrap_or_default(),
    )
}

/// Whether nothing was run, because this process had too much to do.
fn is_busy(failure: &Failure) -> bool {
    let problem = failure.problem();
    problem.blame == Blame::Load && problem.retry == Retry::Later
}

/// A failure as it is kept with its message.
fn failure(attempt: u32, reason: &str) -> String {
    let at = Timestamp::try_from(clock::time_of_day())
        .unwrap_or_default()
        .to_string();
    serde_json::json!({ "attempt": attempt, "at": at, "reason": reason }).to_string()
}
