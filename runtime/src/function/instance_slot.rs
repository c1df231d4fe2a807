//! The worker's handle to an instance. The pool keeps it while the instance has room for a request. The driver
//! ([`super::instance`]) runs the instance.

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
    /// The number of requests that the instance takes at once.
    concurrent: usize,
    /// The number of requests that the instance serves in its life.
    pub(super) requests: usize,
}

struct SlotState {
    /// The queue to the driver. `None` after the instance is retired; the driver then ends once it is idle.
    jobs: Option<mpsc::Sender<Job>>,
    /// The calls that run now.
    calls: Vec<Arc<CallState>>,
    taken: usize,
    idle_since: Instant,
}

/// Whether an instance has room for a further request.
pub(super) enum Room {
    Left,
    None,
}

impl InstanceSlot {
    /// A slot for a new instance, counted with its first job, and the receiver of its queue for the driver.
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

    /// Gives the job to the instance, or returns it if the instance is retired.
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

    /// Notes that a call has ended. Returns the slot to the pool if that made room and the instance is still wanted.
    pub(super) fn finish(self: &Arc<Self>, function: &Function, state: &Arc<CallState>) {
        // Take the pool's lock before the slot's, as in `Function::place`. A sweep of idle instances sets its flag
        // before it locks the pools. So this call sees the flag, or the sweep finds the slot in the pool.
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

    /// Stops taking jobs.
    pub(super) fn retire(&self) {
        self.state.lock().jobs = None;
    }

    /// Whether the instance may serve several requests at once.
    pub(super) fn is_shared(&self) -> bool {
        self.concurrent > 1
    }

    /// The latest call. The instance's CPU time is charged to it.
    pub(super) fn latest_call(&self) -> Option<Arc<CallState>> {
        self.state.lock().calls.last().cloned()
    }

    /// Whether the instance has no calls.
    pub(super) fn is_idle(&self) -> bool {
        self.state.lock().calls.is_empty()
    }

    /// Whether the instance has had no calls for longer than `idle`.
    pub(super) fn is_idle_since(&self, now: Instant, idle: Duration) -> bool {
        let slot_state = self.state.lock();
        slot_state.calls.is_empty() && now.saturating_duration_since(slot_state.idle_since) > idle
    }

    /// Passes the running calls to `look`.
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
