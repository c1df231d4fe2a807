//! Decides when a statement must stop: at its deadline, when its caller is gone, or when the database closes. The
//! connection installs this in SQLite.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::clock;
use crate::sql::limits::MAX_BUSY_PAUSE;

const WAITING: u8 = 0;
const RUNNING: u8 = 1;
const CANCELLED: u8 = 2;

/// The deadline of one statement, and whether its caller still waits. The caller and the executing thread share it.
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

    /// Marks the statement as running. It may be called again when the statement runs again. Returns `false` if the
    /// caller is gone or the deadline has passed.
    pub(super) fn start(&self) -> bool {
        if self.must_stop() {
            return false;
        }
        let started =
            self.state
                .compare_exchange(WAITING, RUNNING, Ordering::AcqRel, Ordering::Acquire);
        matches!(started, Ok(_) | Err(RUNNING))
    }

    /// Cancels a statement that does not run yet. Returns `false` if it already runs, so that an outcome will follow.
    pub(super) fn cancel_if_waiting(&self) -> bool {
        self.state
            .compare_exchange(WAITING, CANCELLED, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    fn must_stop(&self) -> bool {
        self.state.load(Ordering::Acquire) == CANCELLED || clock::now() >= self.deadline
    }
}

/// Cancels the statement, in any state, when the caller's future is dropped.
pub(super) struct CancelOnDrop(pub(super) Arc<Cancellation>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.state.store(CANCELLED, Ordering::Release);
    }
}

/// Whether the database is closing, so that statements of guests must stop.
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

/// The reason that may stop the statement of a connection.
#[derive(Debug)]
pub(super) enum Limit {
    /// Nothing stops it: the statement is the host's own and short.
    None,
    /// A statement of the host that continues while the database closes and must end by this time. It never waits for a
    /// lock, because other processes would have to wait for it meanwhile.
    Deadline(Instant),
    /// The thread is needed elsewhere at this time. The statement never waits for a lock.
    Thread(Instant),
    /// The statement's own deadline, or the loss of its caller.
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

    /// Pauses briefly while another process holds a lock. Returns `false` if the wait is over.
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
