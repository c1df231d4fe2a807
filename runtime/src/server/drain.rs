//! Owns the signal that the server drains: for the connections of a worker, and as readiness for load balancers.
//! How a connection ends is left to `connection`.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// How a server ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// What was accepted is answered, and unused connections close.
    #[default]
    Drain,
    /// The same, but a successor has the sockets: nobody waits for the end, so unused connections have time for one more request.
    Succession,
    /// What is left is cut.
    Cut,
}

/// Tells the connections of one worker that the server drains.
#[derive(Debug, Default)]
pub(crate) struct DrainSignal {
    begun: Cell<bool>,
    has_successor: Cell<bool>,
    notify: Notify,
}

impl DrainSignal {
    /// Tells every connection, present and future.
    pub(crate) fn begin(&self, ending: Ending) {
        self.has_successor.set(ending == Ending::Succession);
        self.begun.set(true);
        self.notify.notify_waiters();
    }

    /// Whether the server drains because it has a successor.
    pub(crate) fn has_successor(&self) -> bool {
        self.has_successor.get()
    }

    /// Whether the server drains.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.get()
    }

    /// Resolves once the server drains.
    pub(crate) async fn begun(&self) {
        // All on one thread, so nothing can begin between the look and the wait.
        if !self.begun.get() {
            self.notify.notified().await;
        }
    }
}

/// Whether the process wants requests. Clones share the answer; `/readyz` tells it to load balancers.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Whether the process wants requests.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Says whether the process wants requests.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }
}
