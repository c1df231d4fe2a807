//! Owns the state of an HTTP/1.1 connection: its phase, since when, and the one request that it answers, whose interim
//! responses (RFC 9110 §15.2) it sends. Acting on the state is left to the timeouts and to the socket.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Version;

use super::interim;
use crate::failure::Failure;
use crate::request::RequestContext;
use crate::settings::ServerLimits;

/// The state of a connection, shared by its socket and its timeouts on one thread.
///
/// Noting a change is one store, where a timer per request would have to be registered and cancelled; the
/// timeouts look at it only when the time could be up.
#[derive(Debug)]
pub(crate) struct State {
    phase: Cell<Phase>,
    since: Cell<Instant>,
    /// The request that is answered, or was answered last; none until the head of the next one was read.
    request: RefCell<Option<Arc<RequestContext>>>,
}

/// The phase of a connection, which says what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Connected, nothing received yet.
    Silent,
    /// Between two requests.
    Idle,
    /// In the middle of a request's head.
    Head,
    /// A request is answered, or the end of its response waits for the client to read: the request's own limits apply, and
    /// the socket's.
    Exchange,
}

impl State {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            phase: Cell::new(Phase::Silent),
            since: Cell::new(now),
            request: RefCell::new(None),
        }
    }

    /// The phase.
    pub(super) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Notes that a part of a head arrived; the first part starts the clock. (A head that arrives whole begins an
    /// exchange before anyone looks.)
    pub(super) fn begin_head(&self, now: impl FnOnce() -> Instant) {
        if matches!(self.phase.get(), Phase::Silent | Phase::Idle) {
            self.set(Phase::Head, now());
        }
    }

    /// Notes that a head is complete.
    pub(super) fn begin_exchange(&self, now: Instant) {
        self.request.take();
        self.set(Phase::Exchange, now);
    }

    /// Answers `request` from now on. Clients of HTTP/1.0 know no interim responses.
    pub(crate) fn begin_request(&self, version: Version, request: &Arc<RequestContext>) {
        if version == Version::HTTP_11 {
            request.interim().open();
        }
        self.request.replace(Some(Arc::clone(request)));
    }

    /// The interim responses to write now, if any; wakes `waker` when there are more.
    pub(super) fn take_interim(&self, waker: &Waker) -> Option<Bytes> {
        let request = self.request.borrow();
        interim::encode(request.as_ref()?.interim().take(waker))
    }

    /// Notes that the client took some of a response that it had kept waiting.
    pub(super) fn progress(&self, now: Instant) {
        self.since.set(now);
    }

    /// Notes that the buffer is empty. If the request is over by then, the connection is idle since its end, or since the
    /// client took the last of the response.
    pub(super) fn flush(&self) {
        if !self.is_busy() {
            return;
        }
        let ended = self
            .request
            .borrow()
            .as_ref()
            .and_then(|request| request.ended());
        if let Some(ended) = ended {
            self.set(Phase::Idle, self.since.get().max(ended));
        }
    }

    /// Whether a request is still being answered.
    pub(super) fn is_busy(&self) -> bool {
        self.phase.get() == Phase::Exchange
    }

    /// Notes that the client has stopped reading, which ends the connection.
    pub(super) fn stall(&self) {
        if let Some(request) = &*self.request.borrow() {
            request.fail(Failure::ResponseTimeout);
        }
    }

    /// When the wait is over; `None` while a request is being answered.
    pub(super) fn deadline(&self, limits: &ServerLimits) -> Option<Instant> {
        let patience = match self.phase.get() {
            Phase::Silent | Phase::Head => limits.header_timeout,
            Phase::Idle => limits.keep_alive_timeout,
            Phase::Exchange => return None,
        };
        Some(self.since.get() + patience)
    }

    /// How long the timeouts can sleep without missing a deadline that is set meanwhile.
    pub(super) fn shortest_wait(limits: &ServerLimits) -> Duration {
        limits.header_timeout.min(limits.keep_alive_timeout)
    }

    fn set(&self, phase: Phase, now: Instant) {
        self.phase.set(phase);
        self.since.set(now);
    }
}
