//! Owns one attempt at an origin, from the choice until the response's last byte: it counts as in flight, and its end is noted.
//! Sending it is left to `origin_client`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::sleep_until;

use super::balancer::Choice;
use super::endpoint::Endpoint;
use super::latency::Ending;
use super::moment::{Epoch, Moment};
use crate::clock;
use crate::http_client::{ClientError, ReceivedBody};
use crate::request::RequestBody;

/// One attempt at an origin. Dropped, it is over.
#[derive(Debug)]
pub(super) struct Exchange {
    endpoint: Arc<Endpoint>,
    epoch: Epoch,
    begun: Moment,
    is_probe: bool,
    /// Spreads ejections.
    random: u64,
    place: Option<OwnedSemaphorePermit>,
}

/// How long the edge waits for an origin from which it hears nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Until the origin is suspected to hang.
    pub(super) silence: Duration,
    /// For the answer to a check then.
    pub(super) check: Duration,
}

impl Exchange {
    pub(super) fn begin(choice: Choice, epoch: Epoch, begun: Moment, random: u64) -> Self {
        choice.endpoint.begin();
        Self {
            endpoint: choice.endpoint,
            epoch,
            begun,
            is_probe: choice.is_probe,
            random,
            place: None,
        }
    }

    /// Waits for a place at the origin, but no longer than `patience`. The exchange has it to its end.
    pub(super) async fn take_place(&mut self, patience: Duration) -> bool {
        self.place = self.endpoint.place(patience).await;
        self.place.is_some()
    }

    pub(super) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// Notes that the head of the response has arrived.
    pub(super) fn answered(&self, status: StatusCode) {
        let now = self.now();
        let ending = if status.is_server_error() {
            Ending::ServerError
        } else {
            Ending::Response
        };
        let endpoint = &self.endpoint;
        endpoint.last_answer.set(Some(now));
        endpoint.latency.note(ending, now.since(self.begun), now);
        endpoint.answered(self.begun, now);
    }

    /// Notes that there is no response, or not all of it.
    pub(super) fn failed(&self, error: ClientError) {
        let endpoint = &self.endpoint;
        match error {
            // The client's own content failed.
            ClientError::RequestContent | ClientError::RequestTimeout => return,
            ClientError::ResponseTimeout if self.has_answered_others() => {
                endpoint.count_failure();
                return;
            }
            _ => endpoint.count_failure(),
        }
        self.note_failure(error);
    }

    /// Notes that the origin hangs, also if the request goes on.
    pub(super) fn hangs(&self) {
        self.note_failure(ClientError::ResponseTimeout);
    }

    /// Notes that the origin does not do what it should.
    fn note_failure(&self, error: ClientError) {
        let (endpoint, now) = (&self.endpoint, self.now());
        endpoint
            .latency
            .note(Ending::Failure, now.since(self.begun), now);
        let change = endpoint.health.failed(self.begun, now, self.random);
        endpoint.apply(change, error);
    }

    /// Notes that another origin answered first. It would have taken at least as long as it has.
    pub(super) fn outrun(&self) {
        let (latency, now) = (&self.endpoint.latency, self.now());
        let taken = now.since(self.begun);
        if taken > latency.at(now) {
            latency.note(Ending::Response, taken, now);
        }
    }

    /// Waits until the origin has answered nothing at all for as long as the edge is patient: then it hangs. An origin that
    /// is slow with this request only answers others, or a check.
    pub(super) async fn silence(&self, patience: Patience) {
        loop {
            let heard = self.heard();
            sleep_until(self.epoch.instant(heard.plus(patience.silence)).into()).await;
            if self.heard() > heard {
                continue;
            }
            let checked = self.endpoint.checked.notified();
            self.endpoint.check_wanted.notify_one();
            let _ = tokio::time::timeout(patience.check, checked).await;
            if self.heard() == heard {
                return;
            }
        }
    }

    /// When the origin last answered anything, but no earlier than this began.
    fn heard(&self) -> Moment {
        let last = self.endpoint.last_answer.get();
        last.map_or(self.begun, |last| last.max(self.begun))
    }

    fn has_answered_others(&self) -> bool {
        self.heard() > self.begun
    }

    fn now(&self) -> Moment {
        self.epoch.moment(clock::now())
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.endpoint.end();
        if self.is_probe {
            self.endpoint.health.end_probe();
        }
    }
}

/// The content of a response, with its exchange.
pub(super) struct ExchangeContent {
    content: Pin<Box<ReceivedBody<RequestBody>>>,
    /// Absent once the content has ended.
    exchange: Option<Exchange>,
}

impl ExchangeContent {
    pub(super) fn new(content: ReceivedBody<RequestBody>, exchange: Exchange) -> Self {
        Self {
            content: Box::pin(content),
            exchange: Some(exchange),
        }
    }
}

impl Body for ExchangeContent {
    type Data = Bytes;
    type Error = ClientError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ClientError>>> {
        let frame = ready!(self.content.as_mut().poll_frame(context));
        match &frame {
            Some(Ok(_)) if !self.content.is_end_stream() => {}
            Some(Err(error)) => {
                let exchange = self.exchange.take();
                exchange.iter().for_each(|exchange| exchange.failed(*error));
            }
            Some(Ok(_)) | None => self.exchange = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}
