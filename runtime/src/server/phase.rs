//! Owns the phase of a connection: whom it waits for, and since when, which decides how long it may. Of its exchanges it
//! knows only how many are open; each keeps its own state. Acting on the phase is left to `connection`.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::settings::ServerLimits;

/// What a connection is waiting for. Shared by its socket, its exchanges and its timeouts, all on one thread.
///
/// Noting a change is one store, where a timer per request would have to be registered and cancelled; the
/// timeouts look at it only when the time could be up.
#[derive(Debug)]
pub(crate) struct ConnectionPhase {
    phase: Cell<Phase>,
    since: Cell<Instant>,
    /// Requests that are being answered: one at a time in HTTP/1.1.
    exchanges: Cell<usize>,
    stalled: Cell<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Connected, nothing received yet.
    Silent,
    /// Between two requests.
    Idle,
    /// In the middle of a request's head.
    Head,
    /// Requests are being answered; their own limits apply.
    Exchange,
    /// The end of a response waits for the client to read; the socket's limit applies.
    Sending,
}

impl ConnectionPhase {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            phase: Cell::new(Phase::Silent),
            since: Cell::new(now),
            exchanges: Cell::new(0),
            stalled: Cell::new(false),
        }
    }

    pub(crate) fn get(&self) -> Phase {
        self.phase.get()
    }

    /// Notes that a part of a head arrived; the first part starts the clock. (A head that arrives whole begins an
    /// exchange before anyone looks.)
    pub(crate) fn begin_head(&self, now: impl FnOnce() -> Instant) {
        if matches!(self.phase.get(), Phase::Silent | Phase::Idle) {
            self.set(Phase::Head, now());
        }
    }

    /// Notes that a head is complete.
    pub(crate) fn begin_exchange(&self, now: Instant) {
        self.exchanges.set(self.exchanges.get() + 1);
        self.set(Phase::Exchange, now);
    }

    /// Notes that a response is handed over to hyper's buffer.
    pub(crate) fn end_exchange(&self, now: Instant) {
        self.exchanges.set(self.exchanges.get().saturating_sub(1));
        if self.exchanges.get() == 0 {
            self.set(Phase::Sending, now);
        }
    }

    /// Notes that the client took some of a response that it had kept waiting.
    pub(crate) fn progress(&self, now: Instant) {
        self.since.set(now);
    }

    /// Notes that the buffer is empty. The connection is idle since its last progress.
    pub(crate) fn flush(&self) {
        if self.phase.get() == Phase::Sending {
            self.phase.set(Phase::Idle);
        }
    }

    /// Whether a request is still being answered.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self.phase.get(), Phase::Exchange | Phase::Sending)
    }

    /// Notes that the client has stopped reading, which ends the connection.
    pub(crate) fn stall(&self) {
        self.stalled.set(true);
    }

    /// Why an exchange ends early.
    pub(crate) fn why_cut(&self) -> Failure {
        if self.stalled.get() {
            Failure::ResponseTimeout
        } else {
            Failure::ClientDisconnected
        }
    }

    /// When the wait is over; `None` while a request is being answered.
    pub(crate) fn deadline(&self, limits: &ServerLimits) -> Option<Instant> {
        let patience = match self.phase.get() {
            Phase::Silent | Phase::Head => limits.header_timeout,
            Phase::Idle => limits.keep_alive_timeout,
            Phase::Exchange | Phase::Sending => return None,
        };
        Some(self.since.get() + patience)
    }

    /// How long the timeouts can sleep without missing a deadline that is set meanwhile.
    pub(crate) fn shortest_wait(limits: &ServerLimits) -> Duration {
        limits.header_timeout.min(limits.keep_alive_timeout)
    }

    fn set(&self, phase: Phase, now: Instant) {
        self.phase.set(phase);
        self.since.set(now);
    }
}
