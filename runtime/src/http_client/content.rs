//! The content of requests and responses, with timeouts between their pieces.
//! [`super::Timeouts`] has the values.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio::time::{Sleep, sleep_until};

use super::ClientError;
use crate::clock;

/// The time when a request last sent something.
#[derive(Clone, Debug)]
pub(super) struct SendingProgress {
    begun: Instant,
    milliseconds: Arc<AtomicU64>,
    waits_for_content: Arc<AtomicBool>,
}

impl SendingProgress {
    pub(super) fn begin(now: Instant) -> Self {
        Self {
            begun: now,
            milliseconds: Arc::default(),
            waits_for_content: Arc::default(),
        }
    }

    pub(super) fn last(&self) -> Instant {
        self.begun + Duration::from_millis(self.milliseconds.load(Ordering::Relaxed))
    }

    /// Whether the request waits for more of its content.
    pub(super) fn waits_for_content(&self) -> bool {
        self.waits_for_content.load(Ordering::Relaxed)
    }

    fn note(&self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.begun).as_millis();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        self.milliseconds.store(elapsed, Ordering::Relaxed);
    }
}

/// Gets content back that was not read before its connection failed.
pub(super) struct GivenBack<B>(Arc<Mutex<Option<B>>>);

impl<B> GivenBack<B> {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(None)))
    }

    pub(super) fn take(&self) -> Option<B> {
        self.0.lock().take()
    }
}

/// The content of a request. It notes the time of each piece, so that a long upload does not count as a late response.
pub(super) struct SendingBody<B> {
    /// `None` only during drop.
    content: Option<B>,
    progress: SendingProgress,
    /// Gets the content if this is dropped before the first piece was read.
    give_back: Option<Arc<Mutex<Option<B>>>>,
}

impl<B> SendingBody<B> {
    pub(super) fn new(content: B, progress: SendingProgress, give_back: &GivenBack<B>) -> Self {
        Self {
            content: Some(content),
            progress,
            give_back: Some(Arc::clone(&give_back.0)),
        }
    }
}

impl<B> Drop for SendingBody<B> {
    fn drop(&mut self) {
        if let Some(place) = &self.give_back {
            *place.lock() = self.content.take();
        }
    }
}

impl<B: Body + Unpin> Body for SendingBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let Some(content) = &mut self.content else {
            return Poll::Ready(None);
        };
        let frame = Pin::new(content).poll_frame(context);
        let waits = &self.progress.waits_for_content;
        waits.store(frame.is_pending(), Ordering::Relaxed);
        let frame = ready!(frame);
        self.give_back = None;
        self.progress.note(clock::now());
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.content.as_ref().is_none_or(B::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.content.as_ref().map(B::size_hint).unwrap_or_default()
    }
}

pin_project_lite::pin_project! {
    /// The content of a response, with a timeout between its pieces.
    pub(crate) struct ReceivedBody {
        #[pin]
        content: Incoming,
        between: Duration,
        deadline: Option<Instant>,
        #[pin]
        alarm: Option<Sleep>,
    }
}

impl ReceivedBody {
    pub(super) fn new(content: Incoming, between: Duration, deadline: Option<Instant>) -> Self {
        Self {
            content,
            between,
            deadline,
            alarm: None,
        }
    }
}

impl Body for ReceivedBody {
    type Data = Bytes;
    type Error = ClientError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ClientError>>> {
        let mut this = self.project();
        let is_late = this
            .deadline
            .is_some_and(|deadline| deadline <= clock::now());
        if !is_late && let Poll::Ready(frame) = this.content.poll_frame(context) {
            this.alarm.set(None);
            let frame = frame.map(|frame| frame.map_err(|error| ClientError::of_content(&error)));
            return Poll::Ready(frame);
        }
        if this.alarm.is_none() {
            let due = clock::now() + *this.between;
            let due = this.deadline.map_or(due, |deadline| due.min(deadline));
            this.alarm.set(Some(sleep_until(due.into())));
        }
        let alarm = this.alarm.as_mut().as_pin_mut().expect("it was set above");
        ready!(alarm.poll(context));
        Poll::Ready(Some(Err(ClientError::ResponseTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}
