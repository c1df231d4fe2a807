//! The way to an instance: a handle that the worker's pool keeps while the instance has room for a request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::call::{CallState, Job};
use super::{Function, instance};
use crate::clock;

/// One instance, seen from outside its driver.
pub(super) struct Seat {
    ledger: Mutex<Ledger>,
    /// Requests that the instance takes at once.
    concurrent: usize,
    /// Requests that the instance serves in its life.
    pub(super) requests: usize,
}

struct Ledger {
    /// The way to the driver; gone once the instance is retired, which ends the driver when it has nothing to do.
    jobs: Option<mpsc::Sender<Job>>,
    /// The calls that run now.
    calls: Vec<Arc<CallState>>,
    taken: usize,
    idle_since: Instant,
}

/// Whether an instance can take a further request beside those it has.
pub(super) enum Room {
    Left,
    None,
}

impl Seat {
    /// Starts an instance on this worker with its first job.
    pub(super) fn start(function: &Arc<Function>, job: Job) {
        let reuse = function.reuse;
        let (jobs, queue) = mpsc::channel(reuse.concurrent);
        let seat = Arc::new(Self {
            ledger: Mutex::new(Ledger {
                jobs: Some(jobs),
                calls: Vec::with_capacity(1),
                taken: 0,
                idle_since: clock::now(),
            }),
            concurrent: reuse.concurrent,
            requests: reuse.requests,
        });
        let worker = job.state.worker;
        let room = seat.ledger.lock().take(&job.state, &seat);
        if matches!(room, Room::Left) {
            function.pool(worker).lock().push(Arc::clone(&seat));
        }
        tokio::spawn(instance::drive(Arc::clone(function), seat, queue, job));
    }

    /// Hands over a job, or gives it back when the instance has ended.
    #[expect(
        clippy::result_large_err,
        reason = "a refused job goes on to the next seat; a box would cost every request an allocation"
    )]
    pub(super) fn offer(self: &Arc<Self>, job: Job) -> Result<Room, Job> {
        let mut ledger = self.ledger.lock();
        let Some(jobs) = &ledger.jobs else {
            return Err(job);
        };
        let state = Arc::clone(&job.state);
        jobs.try_send(job)
            .map_err(mpsc::error::TrySendError::into_inner)?;
        Ok(ledger.take(&state, self))
    }

    /// Notes that a call has ended, and puts the seat back into the pool if that made room and its instance is still
    /// wanted.
    pub(super) fn finish(self: &Arc<Self>, function: &Function, state: &Arc<CallState>) {
        // Before the ledger, as in `Function::place`. Whoever ends the idle instances says so first and empties the
        // pools after that, so a seat is either seen by them here or found by them there.
        let mut pool = function.pool(state.worker).lock();
        let mut ledger = self.ledger.lock();
        let was_full = ledger.calls.len() >= self.concurrent;
        ledger.calls.retain(|call| !Arc::ptr_eq(call, state));
        ledger.idle_since = clock::now();
        let is_idle = ledger.calls.is_empty();
        if function.is_retired() || is_idle && function.budget.is_short() {
            ledger.jobs = None;
        } else if was_full && ledger.is_open(self) {
            pool.push(Arc::clone(self));
        }
    }

    /// No job is taken after this.
    pub(super) fn retire(&self) {
        self.ledger.lock().jobs = None;
    }

    /// Whether several requests may be in the instance at once.
    pub(super) fn is_shared(&self) -> bool {
        self.concurrent > 1
    }

    /// The call that came last, to which the instance's processor time is charged.
    pub(super) fn latest_call(&self) -> Option<Arc<CallState>> {
        self.ledger.lock().calls.last().cloned()
    }

    /// Whether the instance has nothing to do.
    pub(super) fn is_idle(&self) -> bool {
        self.ledger.lock().calls.is_empty()
    }

    /// Whether the instance has had nothing to do for longer than `idle`.
    pub(super) fn is_idle_since(&self, now: Instant, idle: Duration) -> bool {
        let ledger = self.ledger.lock();
        ledger.calls.is_empty() && now.saturating_duration_since(ledger.idle_since) > idle
    }

    /// Looks at the calls that run now.
    pub(super) fn with_calls<R>(&self, look: impl FnOnce(&[Arc<CallState>]) -> R) -> R {
        look(&self.ledger.lock().calls)
    }
}

impl Ledger {
    fn is_open(&self, seat: &Seat) -> bool {
        self.jobs.is_some() && self.taken < seat.requests
    }

    fn take(&mut self, state: &Arc<CallState>, seat: &Seat) -> Room {
        self.calls.push(Arc::clone(state));
        self.taken += 1;
        let full = self.calls.len() >= seat.concurrent || self.taken >= seat.requests;
        if full { Room::None } else { Room::Left }
    }
}
