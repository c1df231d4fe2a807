//! A function: one component of the app, with the instances that serve its requests.
//!
//! A request's way through here: [`Function::call`] admits it (concurrency limit, bounded queue), gives it to a
//! slot (`instance_slot`: an idle instance of this worker, or a new one), whose driver (`instance`) runs the guest. The
//! response goes back to the worker's connection task; `response_body` lets it leave in one write when it is small.
//!
//! All of it happens on the worker that read the request, so nothing on this way wakes another thread.

mod admission;
mod call;
mod cpu_time;
mod guest;
mod instance;
mod instance_slot;
mod response_body;
mod watch;

pub use call::CallState;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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

/// One loaded component and its instances.
pub struct Function {
    /// The component's id in the manifest.
    pub id: Arc<str>,
    /// What one request, and all together, may use.
    pub limits: ComponentLimits,
    metrics: Arc<ComponentMetrics>,
    engine: Engine,
    handler: Handler,
    hosts: HostFactory,
    admission: Admission,
    budget: Arc<InstanceBudget>,
    /// Slots with room for a request, by worker; the one used last is taken first, as its memory is warm.
    pools: Box<[Mutex<Vec<Arc<InstanceSlot>>>]>,
    reuse: InstanceReuse,
    retired: AtomicBool,
}

/// [`Reuse`] in the numbers that slots count with.
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

/// What a function is made of, beside its code.
pub struct FunctionParts {
    /// The component's id in the manifest.
    pub id: Arc<str>,
    /// What one request, and all together, may use.
    pub limits: ComponentLimits,
    /// Where the function's instances are counted.
    pub metrics: Arc<ComponentMetrics>,
    /// Makes the host side of each instance.
    pub hosts: HostFactory,
    /// The bound on instances, shared by all functions.
    pub budget: Arc<InstanceBudget>,
    /// Number of worker threads.
    pub workers: usize,
}

impl Function {
    /// Puts a function together. It has no instance yet; the first request makes one.
    #[must_use]
    pub fn new(engine: Engine, handler: Handler, parts: FunctionParts) -> Arc<Self> {
        // A guest of wasi:http 0.2 may keep state that it does not expect to meet again, so it is always fresh.
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
        let permit = if let Some(permit) = self.admission.admit_at_once() {
            // Most calls: what has not waited needs no second look at the clock.
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
            // A guest that was ended also drops its channels, which looks as if it had not answered.
            Ok(Err(error)) => {
                let cause = state.ended_by().cloned();
                let cause = cause.or_else(|| call::failure_of(&error));
                Err(cause.unwrap_or(Failure::NoResponse))
            }
            Err(_instance_gone) => Err(state.failure()),
        }
    }

    fn pool(&self, worker: WorkerId) -> &Mutex<Vec<Arc<InstanceSlot>>> {
        &self.pools[worker.0]
    }

    /// Gives the job to the slot used last that has room, or to a new one.
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
        // The locks of the pools order this before whatever a slot does with its pool after the sweep.
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
