//! A function: one component of the app, with the instances that serve its requests.
//!
//! [`Function::call`] admits a request (concurrency limit, bounded queue) and gives it to a slot (`instance_slot`): an
//! idle instance of this worker, or a new one. The slot's driver (`instance`) runs the guest. The response returns to
//! the worker's connection task; `response_body` sends a small one in one write.
//!
//! All of this runs on the worker that read the request, so no other thread has to wake up.

mod admission;
mod call;
mod cpu_time;
mod guest;
mod instance;
mod instance_slot;
mod overload;
mod response_body;
mod watch;

pub use call::CallState;
pub(crate) use overload::least_lag;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures::channel::oneshot;
use http::{Method, Request, Response};
use parking_lot::Mutex;
use wasmtime_wasi_http::WasiBody;

use crate::budget::{InstanceBudget, Reclaim};
use crate::clock;
use crate::engine::{Engine, Handler};
use crate::failure::Failure;
use crate::host::HostFactory;
use crate::manifest::{ComponentLimits, Reuse};
use crate::observe::{ComponentMetrics, Stage};
use crate::request::{ResponseBody, WorkerId};

use admission::Admission;
use call::{CancelOnDrop, Job};
use instance_slot::{InstanceSlot, Room};
use overload::Share;

/// One loaded component and its instances.
pub struct Function {
    /// The component's id in the manifest.
    pub id: Arc<str>,
    /// The limits of one request, and of all requests together.
    pub limits: ComponentLimits,
    metrics: Arc<ComponentMetrics>,
    engine: Engine,
    handler: Handler,
    hosts: HostFactory,
    admission: Admission,
    budget: Arc<InstanceBudget>,
    /// What each worker works on.
    shares: Box<[Share]>,
    /// Slots with room for a request, for each worker. The slot used last is taken first, because its memory is warm.
    pools: Box<[Mutex<Vec<Arc<InstanceSlot>>>]>,
    reuse: InstanceReuse,
    retired: AtomicBool,
    /// The most memory that an instance has used, in bytes.
    memory: AtomicU64,
}

/// The numbers of [`Reuse`] that slots count up to.
#[derive(Clone, Copy)]
struct InstanceReuse {
    requests: usize,
    concurrent: usize,
    idle: Duration,
}

impl InstanceReuse {
    const FRESH: Self = Self {
        requests: 1,
        concurrent: 1,
        idle: Duration::ZERO,
    };

    fn of(reuse: &Reuse) -> Self {
        match *reuse {
            Reuse::Fresh => Self::FRESH,
            Reuse::Shared {
                requests,
                concurrent,
                idle,
            } => Self {
                requests: requests as usize,
                concurrent: concurrent as usize,
                idle,
            },
        }
    }
}

/// The parts of a function, without its code.
pub struct FunctionParts {
    /// The component's id in the manifest.
    pub id: Arc<str>,
    /// The limits of one request, and of all requests together.
    pub limits: ComponentLimits,
    /// The metrics that count the function's instances.
    pub metrics: Arc<ComponentMetrics>,
    /// Creates the host side of each instance.
    pub hosts: HostFactory,
    /// The bound on instances, shared by all functions.
    pub budget: Arc<InstanceBudget>,
    /// The number of worker threads.
    pub workers: usize,
}

impl Function {
    /// Creates a function without instances. The first request creates one.
    #[must_use]
    pub fn new(engine: Engine, handler: Handler, parts: FunctionParts) -> Arc<Self> {
        // A guest of wasi:http 0.2 may expect a fresh instance for each request, so its instances are not reused.
        let reuse = if handler.reusable {
            InstanceReuse::of(&parts.limits.reuse)
        } else {
            InstanceReuse::FRESH
        };
        let function = Arc::new(Self {
            admission: Admission::new(
                parts.limits.concurrency as usize,
                parts.limits.queue as usize,
            ),
            shares: (0..parts.workers).map(|_| Share::default()).collect(),
            pools: (0..parts.workers).map(|_| Mutex::default()).collect(),
            id: parts.id,
            limits: parts.limits,
            metrics: parts.metrics,
            hosts: parts.hosts,
            budget: parts.budget,
            engine,
            handler,
            reuse,
            retired: AtomicBool::new(false),
            memory: AtomicU64::new(0),
        });
        let holder = Arc::downgrade(&function);
        function.budget.register(holder);
        function
    }

    /// Runs the function on one request, on the calling worker.
    ///
    /// Dropping the returned future, or the response's body before its end, cancels the guest.
    ///
    /// # Errors
    /// The [`Failure`] that ended the request before a response began.
    pub async fn call(
        self: &Arc<Self>,
        request: Request<WasiBody>,
        state: Arc<CallState>,
    ) -> Result<Response<ResponseBody>, Failure> {
        let deadline = state.deadline;
        let is_wanted = request.method() != Method::HEAD;
        state.context.enter_at(Stage::Admit, state.begun);
        let _working = self.shares[state.worker.0].begin(state.depth > 0)?;
        let permit = if let Some(permit) = self.admission.admit_at_once() {
            // The usual case. The call did not wait, so a second reading of the clock is not needed.
            state.context.enter_at(Stage::Run, state.begun);
            permit
        } else {
            let permit = self.admission.admit(deadline, &self.metrics).await?;
            state.context.enter(Stage::Run);
            permit
        };
        let (reply, response) = oneshot::channel();
        let cancel = CancelOnDrop::new(Arc::clone(&state));
        self.place(Job {
            request,
            reply,
            state: Arc::clone(&state),
            permit,
        });
        match response.await {
            Ok(Ok(response)) => response_body::collect_small(response, cancel, is_wanted).await,
            // The host may have ended the guest, which also drops the guest's channels. That looks like a missing
            // answer, so the recorded failure comes first.
            Ok(Err(error)) => {
                let cause = state.ended_by().cloned();
                let cause = cause.or_else(|| call::failure_of(&error));
                Err(cause.unwrap_or(Failure::NoResponse))
            }
            Err(_instance_gone) => Err(state.failure()),
        }
    }

    /// The most memory that an instance has used, in bytes.
    pub fn memory(&self) -> u64 {
        self.memory.load(Ordering::Relaxed)
    }

    /// Notes the memory that an instance uses, in bytes.
    fn note_memory(&self, bytes: u64) {
        // Workers that write to one place wait for each other, so only a new maximum is written.
        if bytes > self.memory() {
            self.memory.fetch_max(bytes, Ordering::Relaxed);
            self.metrics.note_memory(bytes);
        }
    }

    /// Makes one instance and throws it away, to see that it can be made.
    ///
    /// # Errors
    /// The reason, such as a trap.
    pub async fn warm_up(&self) -> Result<(), Failure> {
        instance::make_one(self).await
    }

    fn pool(&self, worker: WorkerId) -> &Mutex<Vec<Arc<InstanceSlot>>> {
        &self.pools[worker.0]
    }

    /// Gives the job to the slot with room that was used last, or to a new slot.
    fn place(self: &Arc<Self>, mut job: Job) {
        {
            let mut pool = self.pool(job.state.worker).lock();
            while let Some(slot) = pool.last() {
                match slot.offer(job) {
                    Ok(Room::Left) => return,
                    Ok(Room::None) => {
                        pool.pop();
                        return;
                    }
                    Err(refused) => {
                        pool.pop();
                        job = refused;
                    }
                }
            }
        }
        let (slot, jobs) = InstanceSlot::new(self, &job);
        tokio::spawn(instance::drive(Arc::clone(self), slot, jobs, job));
    }

    /// Ends all idle instances now, and each busy one after its last request.
    pub fn retire(&self) {
        // The pools' locks order this store: a slot that takes its pool's lock after the sweep sees it.
        self.retired.store(true, Ordering::Relaxed);
        self.retire_slots(|_| true);
    }

    fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    fn retire_slots(&self, unwanted: impl Fn(&InstanceSlot) -> bool) {
        for pool in &self.pools {
            retire_slots(pool, &unwanted);
        }
    }

    /// The processor time of the guests on `worker` since the last call.
    pub fn take_spent(&self, worker: WorkerId) -> Duration {
        self.shares[worker.0].take_spent()
    }

    /// Sets how many requests `worker` works on at once, after ready work has waited for at least `lag`.
    pub fn adapt(&self, worker: WorkerId, lag: Duration, has_its_share: bool) {
        self.shares[worker.0].adapt(lag, has_its_share);
    }

    /// Ends the instances of `worker` that have been idle for longer than the component allows.
    pub fn reap(&self, worker: WorkerId) {
        let now = clock::now();
        retire_slots(self.pool(worker), |slot| {
            slot.is_idle_since(now, self.reuse.idle)
        });
    }
}

impl Reclaim for Function {
    fn end_idle_instances(&self) {
        self.retire_slots(InstanceSlot::is_idle);
    }
}

fn retire_slots(pool: &Mutex<Vec<Arc<InstanceSlot>>>, unwanted: impl Fn(&InstanceSlot) -> bool) {
    pool.lock().retain(|slot| {
        let unwanted = unwanted(slot);
        if unwanted {
            slot.retire();
        }
        !unwanted
    });
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
