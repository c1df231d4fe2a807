//! A function: one component of the app, with the instances that serve its requests.
//!
//! A request's way through here: [`Function::call`] admits it (concurrency limit, bounded queue), gives it to a
//! [`seat`] (an idle instance of this worker, or a new one), whose driver ([`instance`]) runs the guest; the response
//! goes back to the worker's connection task, which [`body`] lets leave in one write when it is small.
//!
//! All of it happens on the worker that read the request, so nothing on this way wakes another thread.

mod admission;
mod body;
mod budget;
mod call;
mod instance;
mod seat;

pub use budget::InstanceBudget;
pub use call::CallState;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, Response};
use parking_lot::Mutex;
use futures::channel::oneshot;
use wasmtime_wasi_http::WasiBody;

use crate::clock;
use crate::engine::{Engine, Handler};
use crate::failure::Failure;
use crate::host::HostFactory;
use crate::manifest::{ComponentLimits, Reuse};
use crate::server::ResponseBody;

use admission::Admission;
use call::{CancelOnDrop, Job};
use seat::Seat;

/// Index of a worker thread, below the number of workers.
pub type WorkerId = usize;

/// One loaded component and its instances.
pub struct Function {
    /// The component's id in the manifest.
    pub id: Arc<str>,
    /// What one request, and all together, may use.
    pub limits: ComponentLimits,
    engine: Engine,
    handler: Handler,
    hosts: HostFactory,
    admission: Admission,
    budget: Arc<InstanceBudget>,
    /// Seats with room for a request, by worker; the one used last is taken first, as its memory is warm.
    pools: Box<[Mutex<Vec<Arc<Seat>>>]>,
    reuse: Reuse,
    retired: AtomicBool,
}

/// What a function is made of, beside its code.
pub struct FunctionParts {
    /// The component's id in the manifest.
    pub id: Arc<str>,
    /// What one request, and all together, may use.
    pub limits: ComponentLimits,
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
        let reuse = if handler.reusable { parts.limits.reuse } else { Reuse::FRESH };
        let function = Arc::new(Self {
            admission: Admission::new(parts.limits.concurrency, parts.limits.queue),
            pools: (0..parts.workers).map(|_| Mutex::default()).collect(),
            id: parts.id,
            limits: parts.limits,
            hosts: parts.hosts,
            budget: parts.budget,
            engine,
            handler,
            reuse,
            retired: AtomicBool::new(false),
        });
        function.budget.register(&function);
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
        worker: WorkerId,
        request: Request<WasiBody>,
        state: Arc<CallState>,
    ) -> Result<Response<ResponseBody>, Failure> {
        let deadline = state.deadline;
        let permit = self.admission.admit(deadline).await?;
        let (reply, response) = oneshot::channel();
        let cancel = CancelOnDrop::new(Arc::clone(&state));
        self.place(worker, Job { request, reply, state: Arc::clone(&state), permit, worker });
        match response.await {
            Ok(Ok(response)) => body::collect_small(response, cancel).await,
            Ok(Err(error)) => Err(call::failure_of(&error)),
            Err(_instance_gone) => Err(state.failure()),
        }
    }

    /// Gives the job to the seat used last that has room, or to a new one.
    fn place(self: &Arc<Self>, worker: WorkerId, mut job: Job) {
        {
            let mut pool = self.pools[worker].lock();
            while let Some(seat) = pool.last() {
                match seat.offer(job) {
                    Ok(seat::Room::Left) => return,
                    Ok(seat::Room::None) => {
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
        Seat::start(self, job);
    }

    /// Ends all idle instances now, and each busy one after its last request.
    pub fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
        self.end_idle_instances();
    }

    fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    fn end_idle_instances(&self) {
        for pool in &self.pools {
            for seat in pool.lock().drain(..) {
                seat.retire();
            }
        }
    }

    /// Ends the instances of `worker` that have been idle for longer than the component allows.
    pub fn reap(&self, worker: WorkerId) {
        let now = clock::now();
        self.pools[worker].lock().retain(|seat| {
            let keep = !seat.is_idle_since(now, self.reuse.idle);
            if !keep {
                seat.retire();
            }
            keep
        });
    }

    /// Requests that wait for one of the component's places.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.admission.waiting()
    }
}
