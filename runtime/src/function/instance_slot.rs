//! The way to an instance: a handle that the worker's pool keeps while the instance has room for a request.
//! Running the instance is its driver's ([`super::instance`]).

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::Function;
use super::call::{CallState, Job};
use crate::clock;

/// One instance, seen from outside its driver.
pub(super) struct InstanceSlot {
    state: Mutex<SlotState>,
    /// Requests that the instance takes at once.
    concurrent: usize,
    /// Requests that the instance serves in its life.
    pub(super) requests: usize,
}

struct SlotState {
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

impl InstanceSlot {
    /// The slot of a new instance with its first job, and the end of its queue that the instance's driver reads.
    pub(super) fn new(function: &Function, first: &Job) -> (Arc<Self>, mpsc::Receiver<Job>) {
        let reuse = function.reuse;
        let (jobs, queue) = mpsc::channel(reuse.concurrent);
        let slot = Arc::new(Self {
            state: Mutex::new(SlotState {
                jobs: Some(jobs),
                calls: Vec::with_capacity(1),
                taken: 0,
                idle_since: first.state.begun,
            }),
            concurrent: reuse.concurrent,
            requests: reuse.requests,
        });
        let room = slot.state.lock().take(&first.state, &slot);
        if matches!(room, Room::Left) {
            let mut pool = function.pool(first.state.worker).lock();
            pool.push(Arc::clone(&slot));
        }
        (slot, queue)
    }

    /// Hands over a job, or gives it back when the instance has ended.
    #[expect(
        clippy::result_large_err,
        reason = "a refused job goes on to the next slot; a box would cost every request an allocation"
    )]
    pub(super) fn offer(self: &Arc<Self>, job: Job) -> Result<Room, Job> {
        let mut slot_state = self.state.lock();
        let Some(jobs) = &slot_state.jobs else {
            return Err(job);
        };
        let state = Arc::clone(&job.state);
        jobs.try_send(job)
            .map_err(mpsc::error::TrySendError::into_inner)?;
        Ok(slot_state.take(&state, self))
    }

    /// Notes that a call has ended, and puts the slot back into the pool if that made room and its instance is still
    /// wanted.
    pub(super) fn finish(self: &Arc<Self>, function: &Function, state: &Arc<CallState>) {
        // Before the lock of the slot, as in `Function::place`. Whoever ends the idle instances says so first and empties the
        // pools after that, so a slot is either seen by them here or found by them there.
        let mut pool = function.pool(state.worker).lock();
        let mut slot_state = self.state.lock();
        let was_full = slot_state.calls.len() >= self.concurrent;
        slot_state.calls.retain(|call| !Arc::ptr_eq(call, state));
        let is_idle = slot_state.calls.is_empty();
        if function.is_retired() || is_idle && function.budget.is_short() {
            slot_state.jobs = None;
        } else if slot_state.is_open(self) {
            slot_state.idle_since = clock::now();
            if was_full {
                pool.push(Arc::clone(self));
            }
        }
    }

    /// No job is taken after this.
    pub(super) fn retire(&self) {
        self.state.lock().jobs = None;
    }

    /// Whether several requests may be in the instance at once.
    pub(super) fn is_shared(&self) -> bool {
        self.concurrent > 1
    }

    /// The call that came last, to which the instance's processor time is charged.
    pub(super) fn latest_call(&self) -> Option<Arc<CallState>> {
        self.state.lock().calls.last().cloned()
    }

    /// Whether the instance has nothing to do.
    pub(super) fn is_idle(&self) -> bool {
        self.state.lock().calls.is_empty()
    }

    /// Whether the instance has had nothing to do for longer than `idle`.
    pub(super) fn is_idle_since(&self, now: Instant, idle: Duration) -> bool {
        let slot_state = self.state.lock();
        slot_state.calls.is_empty() && now.saturating_duration_since(slot_state.idle_since) > idle
    }

    /// Looks at the calls that run now.
    pub(super) fn with_calls<R>(&self, look: impl FnOnce(&[Arc<CallState>]) -> R) -> R {
        look(&self.state.lock().calls)
    }
}

impl SlotState {
    fn is_open(&self, slot: &InstanceSlot) -> bool {
        self.jobs.is_some() && self.taken < slot.requests
    }

    fn take(&mut self, state: &Arc<CallState>, slot: &InstanceSlot) -> Room {
        self.calls.push(Arc::clone(state));
        self.taken += 1;
        let full = self.calls.len() >= slot.concurrent || self.taken >= slot.requests;
        if full { Room::None } else { Room::Left }
    }
}
