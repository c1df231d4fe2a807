//! Owns the state of one stream of HTTP/2, and ends one whose client has stopped reading.
//! The content of the response is left to `body`.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::failure::Failure;
use crate::request::{Pace, RequestContext};
use crate::settings::ServerLimits;

/// The state of a stream, shared by its content and its [`Watched`] future on one thread.
#[derive(Debug)]
pub(crate) struct Stream {
    pace: RefCell<Pace>,
    /// Whether a piece of the response waits for the client's window (RFC 9113 §5.2).
    waits_for_client: Cell<bool>,
    request: RefCell<Option<Arc<RequestContext>>>,
}

impl Stream {
    pub(super) fn new(limits: &ServerLimits) -> Self {
        let pace = Pace::new(limits.write_progress_timeout, limits.min_rate);
        Self {
            pace: RefCell::new(pace),
            waits_for_client: Cell::new(false),
            request: RefCell::new(None),
        }
    }

    /// Answers `request` from now on.
    pub(crate) fn begin_request(&self, request: &Arc<RequestContext>) {
        self.request.replace(Some(Arc::clone(request)));
    }

    /// Notes that hyper has a piece, and asks for the next one when the client's window has room.
    pub(super) fn wait_for_client(&self) {
        self.waits_for_client.set(true);
    }

    /// Notes that there is room for a piece after one of `bytes`.
    pub(super) fn progress(&self, bytes: usize) {
        if self.waits_for_client.replace(false) {
            self.pace.borrow_mut().moved(bytes);
        }
    }

    /// Whether the client cancelled the request.
    pub(super) fn was_cancelled(&self) -> bool {
        let request = self.request.borrow();
        let failure = request.as_ref().and_then(|request| request.failure());
        matches!(failure, Some(Failure::ClientDisconnected))
    }

    /// Ready when the client was too slow.
    fn poll_overdue(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.waits_for_client.get() {
            return Poll::Pending;
        }
        self.pace.borrow_mut().poll_overdue(cx).map(|()| {
            if let Some(request) = &*self.request.borrow() {
                request.fail(Failure::ResponseTimeout);
            }
        })
    }
}

pin_project! {
    /// Hyper's future of a stream. It ends early if the client stops reading, which resets the stream.
    pub(super) struct Watched<F> {
        #[pin]
        future: F,
        stream: Rc<Stream>,
    }
}

impl<F> Watched<F> {
    pub(super) fn new(future: F, stream: Rc<Stream>) -> Self {
        Self { future, stream }
    }
}

impl<F: Future<Output = ()>> Future for Watched<F> {
    type Output = Rc<Stream>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Rc<Stream>> {
        let this = self.project();
        let is_done = this.future.poll(cx).is_ready();
        if is_done || this.stream.poll_overdue(cx).is_ready() {
            return Poll::Ready(Rc::clone(this.stream));
        }
        Poll::Pending
    }
}
