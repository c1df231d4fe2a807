//! Content on its way into the store: what is there already is taken at once, the rest by a task of its own, so that it
//! arrives at the speed of its origin whatever its readers do.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Body;

use crate::content::{Content, ContentWriter};

/// How many pieces are taken before other work of the thread gets its turn.
const PIECES_PER_TURN: usize = 32;

/// Bounds the bytes of content that is arriving at one time, which are not in the store's books yet.
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

/// What one arrival has taken of the budget; given back when it ends, however it does.
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

/// A body and where it goes.
pub(crate) struct Arrival<B> {
    body: Pin<Box<B>>,
    writer: ContentWriter,
    charge: Charge,
    /// Why it can't be stored, if it can't.
    excess: Option<Excess>,
    /// Whether somebody has to read it for it to be fetched on.
    needs_reader: bool,
}

/// Where an arrival stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArrivalEnd {
    /// All of it is there and kept.
    Complete,
    /// It is passed through, or has been.
    NotStored(Excess),
    /// It broke off, or nobody waits for it any more.
    Broken,
}

impl<B: Body<Data = Bytes>> Arrival<B> {
    /// A body of which at most `capacity` bytes are kept, behind what of it is there already.
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

    /// Takes what can be had without waiting. `Err` hands the arrival back if more is to come.
    pub(crate) async fn take_what_is_there(mut self) -> Result<ArrivalEnd, Self> {
        let taken = poll_fn(|context| Poll::Ready(self.poll_body(context))).await;
        match taken {
            Poll::Ready(complete) => Ok(self.end(complete)),
            Poll::Pending => Err(self),
        }
    }

    /// Takes the rest for as long as it can be stored. `Err` hands the arrival back, with the reason, when it can only be
    /// passed through any more.
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

    /// Passes the rest through.
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
        for _ in 0..PIECES_PER_TURN {
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
        // A window is small, and what was charged for is for others.
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
