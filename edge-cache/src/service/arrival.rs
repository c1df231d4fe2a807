//! The arrival of content for the store. What is there already is taken at once, and the rest by a background task, so that
//! content arrives at the speed of its origin, however slow its readers are.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Body;

use crate::content::{Content, ContentWriter};
use crate::limits::PIECES_PER_POLL;

/// Bounds the content that arrives at one time, in bytes. The store does not count it yet.
#[derive(Debug)]
pub(crate) struct ArrivingBudget {
    left: AtomicU64,
}

impl ArrivingBudget {
    pub(crate) fn new(bytes: u64) -> Self {
        Self {
            left: AtomicU64::new(bytes),
        }
    }
}

/// The bytes that one arrival has taken of the budget. They are returned when it is dropped.
struct Charge {
    budget: Arc<ArrivingBudget>,
    bytes: u64,
}

impl Charge {
    fn add(&mut self, bytes: u64) -> bool {
        let take = |left: u64| left.checked_sub(bytes);
        let left = &self.budget.left;
        let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        if taken.is_ok() {
            self.bytes += bytes;
        }
        taken.is_ok()
    }
}

impl Charge {
    fn give_back(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.budget.left.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Why content that arrives can't be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excess {
    /// It is larger than one response may be.
    TooLarge,
    /// Too much else is arriving.
    NoRoom,
}

/// A body, and the content that it is written to.
pub(crate) struct Arrival<B> {
    body: Pin<Box<B>>,
    writer: ContentWriter,
    charge: Charge,
    /// Why it can't be stored, if it can't.
    excess: Option<Excess>,
    /// Whether it ends when its last reader leaves.
    needs_reader: bool,
}

/// How an arrival ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArrivalEnd {
    /// All of it is there and stored.
    Complete,
    /// It is passed on without being stored.
    NotStored(Excess),
    /// It broke off, or its last reader left.
    Broken,
}

impl<B: Body<Data = Bytes>> Arrival<B> {
    /// A body that follows on a `beginning`, and of which at most `capacity` bytes are stored.
    pub(crate) fn new(
        body: B,
        beginning: impl Iterator<Item = Bytes>,
        capacity: u64,
        budget: &Arc<ArrivingBudget>,
        needs_reader: bool,
    ) -> (Self, Arc<Content>) {
        let (mut writer, content) = Content::growing(capacity);
        beginning.for_each(|piece| writer.push(piece));
        let arrival = Self {
            body: Box::pin(body),
            writer,
            charge: Charge {
                budget: Arc::clone(budget),
                bytes: 0,
            },
            excess: None,
            needs_reader,
        };
        (arrival, content)
    }

    /// Takes what is there without waiting. `Err` is the arrival if more is to come.
    pub(crate) async fn take_what_is_there(mut self) -> Result<ArrivalEnd, Self> {
        let taken = poll_fn(|context| Poll::Ready(self.poll_body(context))).await;
        match taken {
            Poll::Ready(complete) => Ok(self.end(complete)),
            Poll::Pending => Err(self),
        }
    }

    /// Takes the rest. `Err` is the arrival, with the reason, if it can no longer be stored.
    pub(crate) async fn take_while_storable(mut self) -> Result<ArrivalEnd, (Self, Excess)> {
        let complete = poll_fn(|context| match self.poll_rest(context) {
            Poll::Ready(complete) => Poll::Ready(Some(complete)),
            Poll::Pending if self.excess.is_some() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await;
        match (complete, self.excess) {
            (Some(complete), _) => Ok(self.end(complete)),
            (None, Some(excess)) => Err((self, excess)),
            (None, None) => Ok(ArrivalEnd::Broken),
        }
    }

    /// Passes the rest on.
    pub(crate) async fn pass_rest(mut self) {
        let complete = poll_fn(|context| self.poll_rest(context)).await;
        self.end(complete);
    }

    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        if self.needs_reader && self.writer.is_abandoned(context) {
            return Poll::Ready(false);
        }
        self.poll_body(context)
    }

    /// Ready with whether the body is complete.
    fn poll_body(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        for _ in 0..PIECES_PER_POLL {
            ready!(self.writer.poll_ready(context));
            match ready!(self.body.as_mut().poll_frame(context)) {
                None => return Poll::Ready(true),
                Some(Err(_)) => return Poll::Ready(false),
                // Trailers are not stored (RFC 9110 §6.5.2 lets a recipient leave them out).
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.push(bytes);
                    }
                }
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn push(&mut self, bytes: Bytes) {
        if self.excess.is_none() && !self.charge.add(bytes.len() as u64) {
            self.writer.keep_no_more();
            self.excess = Some(Excess::NoRoom);
        }
        self.writer.push(bytes);
        if self.excess.is_none() && self.writer.is_too_large() {
            self.excess = Some(Excess::TooLarge);
        }
        // What is passed on takes only a window, which is not charged for.
        if self.excess.is_some() {
            self.charge.give_back();
        }
    }

    fn end(self, complete: bool) -> ArrivalEnd {
        if !complete {
            return ArrivalEnd::Broken;
        }
        self.writer.finish();
        self.excess
            .map_or(ArrivalEnd::Complete, ArrivalEnd::NotStored)
    }
}
