//! The content of requests while it is sent, with the time of its last piece. [`super::Timeouts`] has the limits.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;

use crate::clock;

/// What is known of a request's content while it is sent.
#[derive(Debug)]
pub(super) struct Sending<B> {
    begun: Instant,
    /// The time of the last piece, in milliseconds since `begun`.
    last: AtomicU64,
    waits_for_content: AtomicBool,
    /// The content that its connection did not read before it failed.
    unread: Mutex<Option<B>>,
}

impl<B> Sending<B> {
    pub(super) fn begin(now: Instant) -> Arc<Self> {
        Arc::new(Self {
            begun: now,
            last: AtomicU64::new(0),
            waits_for_content: AtomicBool::new(false),
            unread: Mutex::new(None),
        })
    }

    /// When the request last sent something.
    pub(super) fn last(&self) -> Instant {
        self.begun + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }

    /// Whether the request waits for more of its content.
    pub(super) fn waits_for_content(&self) -> bool {
        self.waits_for_content.load(Ordering::Relaxed)
    }

    /// Takes the content back, if none of it was read.
    pub(super) fn take_unread(&self) -> Option<B> {
        self.unread.lock().take()
    }

    fn note(&self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.begun).as_millis();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        self.last.store(elapsed, Ordering::Relaxed);
    }
}

/// The content of a request. It notes the time of each piece, so that a long upload does not count as a late response.
pub(super) struct SendingBody<B> {
    /// `None` only during drop.
    content: Option<B>,
    sending: Arc<Sending<B>>,
    is_unread: bool,
}

impl<B> SendingBody<B> {
    pub(super) fn new(content: B, sending: &Arc<Sending<B>>) -> Self {
        Self {
            content: Some(content),
            sending: Arc::clone(sending),
            is_unread: true,
        }
    }
}

impl<B> Drop for SendingBody<B> {
    fn drop(&mut self) {
        if self.is_unread {
            *self.sending.unread.lock() = self.content.take();
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
        let waits = &self.sending.waits_for_content;
        waits.store(frame.is_pending(), Ordering::Relaxed);
        let frame = ready!(frame);
        self.is_unread = false;
        self.sending.note(clock::now());
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.content.as_ref().is_none_or(B::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.content.as_ref().map(B::size_hint).unwrap_or_default()
    }
}
