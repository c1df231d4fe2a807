//! The content of responses, with a timeout between its pieces. [`super::Timeouts`] has the values.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep_until};

use super::ClientError;
use super::pool::Held;
use crate::clock;

pin_project_lite::pin_project! {
    /// The content of a response, with a timeout between its pieces. It holds the connection, which serves others after the end.
    pub(crate) struct ReceivedBody<B>
    where
        B: Send,
        B: 'static,
    {
        #[pin]
        content: Incoming,
        // After the content: dropped before its end, that closes the connection.
        held: Option<Held<B>>,
        between: Duration,
        deadline: Option<Instant>,
        #[pin]
        alarm: Option<Sleep>,
    }
}

impl<B: Send + 'static> ReceivedBody<B> {
    pub(super) fn new(
        content: Incoming,
        held: Held<B>,
        between: Duration,
        deadline: Option<Instant>,
    ) -> Self {
        let held = (!content.is_end_stream()).then_some(held);
        Self {
            content,
            held,
            between,
            deadline,
            alarm: None,
        }
    }
}

impl<B: Send + 'static> Body for ReceivedBody<B> {
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
        if !is_late && let Poll::Ready(frame) = this.content.as_mut().poll_frame(context) {
            this.alarm.set(None);
            if !matches!(frame, Some(Ok(_))) || this.content.is_end_stream() {
                *this.held = None;
            }
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
