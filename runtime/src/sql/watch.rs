//! When a statement must stop: its ticket, and the watch that a connection keeps on the current one.
//! Installing the watch in SQLite is left to the connection.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::limits::MAX_BUSY_PAUSE;
use crate::clock;

const WAITING: u8 = 0;
const RUNNING: u8 = 1;
const ABANDONED: u8 = 2;

/// One statement's way through the queue, shared by the caller and the thread that runs it.
#[derive(Debug)]
pub(super) struct Ticket {
    deadline: Instant,
    state: AtomicU8,
}

impl Ticket {
    pub(super) fn new(deadline: Instant) -> Arc<Self> {
        Arc::new(Self {
            deadline,
            state: AtomicU8::new(WAITING),
        })
    }

    /// Marks the statement as running, once or again. `false` if its caller is gone or its deadline passed.
    pub(super) fn claim(&self) -> bool {
        if self.must_stop() {
            return false;
        }
        let claimed =
            self.state
                .compare_exchange(WAITING, RUNNING, Ordering::AcqRel, Ordering::Acquire);
        matches!(claimed, Ok(_) | Err(RUNNING))
    }

    /// Takes back a statement that nobody runs yet. `false` if it runs already, so that its outcome is to come.
    pub(super) fn withdraw(&self) -> bool {
        self.state
            .compare_exchange(WAITING, ABANDONED, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    fn must_stop(&self) -> bool {
        self.state.load(Ordering::Acquire) == ABANDONED || clock::now() >= self.deadline
    }
}

/// Abandons the ticket when the caller's future is dropped, whatever the statement is doing.
pub(super) struct AbandonOnDrop(pub(super) Arc<Ticket>);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.state.store(ABANDONED, Ordering::Release);
    }
}

/// What may stop the statement that a connection is running.
#[derive(Debug)]
pub(super) enum Limit {
    /// Nothing: the statement is the host's own and short.
    None,
    /// The thread is needed elsewhere at this time, and must not wait for a lock at all.
    Thread(Instant),
    /// The statement's own deadline, or the end of its caller.
    Ticket(Arc<Ticket>),
}

/// A connection's watch on its current statement, asked by SQLite every few steps.
#[derive(Debug)]
pub(super) struct Watch(Mutex<Limit>);

impl Watch {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Limit::None)))
    }

    pub(super) fn set(&self, limit: Limit) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = limit;
    }

    /// Whether the current statement must stop now.
    pub(super) fn must_stop(&self) -> bool {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Limit::None => false,
            Limit::Thread(end) => clock::now() >= *end,
            Limit::Ticket(ticket) => ticket.must_stop(),
        }
    }

    /// Waits a little for a lock of another process. `false` if waiting is over.
    pub(super) fn wait_for_lock(&self, attempts: i32) -> bool {
        let may_wait = matches!(
            &*self.0.lock().unwrap_or_else(PoisonError::into_inner),
            Limit::Ticket(_)
        );
        if !may_wait || self.must_stop() {
            return false;
        }
        let pause = Duration::from_millis(u64::try_from(attempts).unwrap_or(0) + 1);
        thread::sleep(pause.min(MAX_BUSY_PAUSE));
        true
    }
}
