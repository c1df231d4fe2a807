//! When a statement must stop: at its deadline, when its caller is gone, or when the database is closed.
//! Installing this in SQLite is left to the connection.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::clock;
use crate::sql::limits::MAX_BUSY_PAUSE;

const WAITING: u8 = 0;
const RUNNING: u8 = 1;
const CANCELLED: u8 = 2;

/// The deadline of one statement and whether it still is wanted, shared by its caller and the thread that runs it.
#[derive(Debug)]
pub(super) struct Cancellation {
    deadline: Instant,
    state: AtomicU8,
}

impl Cancellation {
    pub(super) fn new(deadline: Instant) -> Arc<Self> {
        Arc::new(Self {
            deadline,
            state: AtomicU8::new(WAITING),
        })
    }

    /// Marks the statement as running, once or again. `false` if its caller is gone or its deadline passed.
    pub(super) fn start(&self) -> bool {
        if self.must_stop() {
            return false;
        }
        let started =
            self.state
                .compare_exchange(WAITING, RUNNING, Ordering::AcqRel, Ordering::Acquire);
        matches!(started, Ok(_) | Err(RUNNING))
    }

    /// Cancels a statement that does not run yet. `false` if it runs already, so that its outcome is to come.
    pub(super) fn cancel_if_waiting(&self) -> bool {
        self.state
            .compare_exchange(WAITING, CANCELLED, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    fn must_stop(&self) -> bool {
        self.state.load(Ordering::Acquire) == CANCELLED || clock::now() >= self.deadline
    }
}

/// Cancels the statement when the caller's future is dropped, whatever the statement is doing.
pub(super) struct CancelOnDrop(pub(super) Arc<Cancellation>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.state.store(CANCELLED, Ordering::Release);
    }
}

/// Whether a database is being closed, so that no statement of a guest may go on.
#[derive(Debug, Default)]
pub(super) struct Closing(AtomicBool);

impl Closing {
    pub(super) fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(super) fn has_begun(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What may stop the statement that a connection is running.
#[derive(Debug)]
pub(super) enum Limit {
    /// Nothing: the statement is the host's own and short.
    None,
    /// The statement is the host's own, goes on while the database is being closed, and must end by this time. It
    /// must not wait for a lock: another process would have to wait for it meanwhile.
    Deadline(Instant),
    /// The thread is needed elsewhere at this time, and must not wait for a lock at all.
    Thread(Instant),
    /// The statement's own deadline, or the end of its caller.
    Cancellation(Arc<Cancellation>),
}

/// Stops the current statement of a connection. SQLite asks it every few steps.
#[derive(Debug)]
pub(super) struct Interrupt {
    limit: Mutex<Limit>,
    closing: Arc<Closing>,
}

impl Interrupt {
    pub(super) fn new(closing: Arc<Closing>) -> Arc<Self> {
        let limit = Mutex::new(Limit::None);
        Arc::new(Self { limit, closing })
    }

    pub(super) fn set(&self, limit: Limit) {
        *self.limit() = limit;
    }

    /// Whether the current statement must stop now.
    pub(super) fn must_stop(&self) -> bool {
        match &*self.limit() {
            Limit::None => false,
            Limit::Deadline(end) => clock::now() >= *end,
            Limit::Thread(end) => self.closing.has_begun() || clock::now() >= *end,
            Limit::Cancellation(cancellation) => {
                self.closing.has_begun() || cancellation.must_stop()
            }
        }
    }

    /// Waits a little for a lock of another process. `false` if waiting is over.
    pub(super) fn wait_for_lock(&self, attempts: i32) -> bool {
        let may_wait = matches!(&*self.limit(), Limit::Cancellation(_));
        if !may_wait || self.must_stop() {
            return false;
        }
        let pause = Duration::from_millis(u64::try_from(attempts).unwrap_or(0) + 1);
        thread::sleep(pause.min(MAX_BUSY_PAUSE));
        true
    }

    fn limit(&self) -> MutexGuard<'_, Limit> {
        self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
