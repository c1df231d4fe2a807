//! The driver of an instance: a task on the instance's worker that owns the store and runs the guest.
//!
//! [`super::guest`] runs inside [`wasmtime::Store::run_concurrent`]. [`super::watch`] checks deadlines, CPU time and
//! cancellation outside of it, because a guest that computes without a pause blocks everything inside. Such a guest
//! yields to the outside at each tick of the epoch.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use futures::future::{Either, select};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout_at;
use wasmtime::{Store, Trap};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi_http::handler::Proxy;

use super::Function;
use super::call::{self, CallState, Job};
use super::cpu_time::Stopwatch;
use super::guest::Guest;
use super::instance_slot::InstanceSlot;
use super::watch::Watch;
use crate::budget::MemoryRefusal;
use crate::clock;
use crate::failure::Failure;
use crate::host::Host;

/// Runs an instance from its first job until it is retired, has served its number of requests, or ends early.
pub(super) async fn drive(
    function: Arc<Function>,
    slot: Arc<InstanceSlot>,
    jobs: mpsc::Receiver<Job>,
    first: Job,
) {
    let ended = match instantiate_for(&function, &first.state).await {
        Ok((store, proxy)) => serve_until_end(&function, &slot, store, &proxy, jobs, first).await,
        Err(failure) => Err(failure),
    };
    slot.retire();
    // The calls' channels are closed, but their receivers run on this thread: they look for the reason only after this.
    if let Err(failure) = ended {
        slot.with_calls(|calls| calls.iter().for_each(|call| call.fail(failure.clone())));
    }
}

/// Makes an instance and throws it away.
pub(super) async fn make_one(function: &Function) -> Result<(), Failure> {
    let deadline = clock::now() + function.limits.timeout;
    instantiate(function, deadline).await.map(drop)
}

/// Creates the instance, unless the client of its first call leaves before.
async fn instantiate_for(
    function: &Function,
    call: &CallState,
) -> Result<(Store<Host>, Proxy), Failure> {
    let instantiated = pin!(instantiate(function, call.deadline));
    match select(instantiated, pin!(call.cancelled())).await {
        Either::Left((instantiated, _)) => instantiated,
        Either::Right(((), _)) => Err(Failure::ClientDisconnected),
    }
}

/// Creates the store and the instance in it.
async fn instantiate(
    function: &Function,
    deadline: Instant,
) -> Result<(Store<Host>, Proxy), Failure> {
    let permit = function.budget.permit(deadline).await?;
    let host = function.hosts.host(permit).map_err(|error| {
        tracing::error!(component = %function.id, "a folder of the component can't be opened: {error}");
        Failure::InstantiationFailed
    })?;
    let mut store = Store::new(function.engine.inner(), host);
    store.limiter_async(|host| &mut host.memory);
    store.set_epoch_deadline(1);
    store.epoch_deadline_async_yield_and_update(1);
    match timeout_at(
        deadline.into(),
        function.handler.pre.instantiate_async(&mut store),
    )
    .await
    {
        Ok(Ok(proxy)) => {
            function.metrics.count_instance_created();
            Ok((store, proxy))
        }
        Ok(Err(error)) => {
            tracing::warn!(component = %function.id, "an instance could not be made: {error:?}");
            if store.data().memory.refusal().is_some() || error.is::<Trap>() {
                Err(cause_of_trap(&store, &error))
            } else {
                Err(Failure::InstantiationFailed)
            }
        }
        Err(_elapsed) => Err(Failure::DeadlineExceeded),
    }
}

async fn serve_until_end(
    function: &Function,
    slot: &Arc<InstanceSlot>,
    mut store: Store<Host>,
    proxy: &Proxy,
    jobs: mpsc::Receiver<Job>,
    first: Job,
) -> Result<(), Failure> {
    let ended = supervise(function, slot, &mut store, proxy, jobs, first).await;
    function.note_memory(store.data().memory.used() as u64);
    match ended {
        Ok(()) => Ok(()),
        Err(InstanceEnd::Limit(failure)) => Err(failure),
        Err(InstanceEnd::Exit) => until_taken(slot).await,
        Err(InstanceEnd::Trap(error)) => {
            tracing::warn!(component = %function.id, "the guest ended: {error:?}");
            function.metrics.count_instance_trapped();
            Err(cause_of_trap(&store, &error))
        }
    }
}

/// Why an instance ended early.
enum InstanceEnd {
    /// A call exceeded a limit, or its client left.
    Limit(Failure),
    /// The guest trapped, or a host call failed.
    Trap(wasmtime::Error),
    /// The guest called `exit` with success.
    Exit,
}

impl From<wasmtime::Error> for InstanceEnd {
    fn from(error: wasmtime::Error) -> Self {
        match error.downcast_ref() {
            Some(I32Exit(0)) => Self::Exit,
            _ => Self::Trap(error),
        }
    }
}

/// Keeps the store of a guest that has exited until its responses have been read. Without the store, finished content looks
/// like content that broke off.
async fn until_taken(slot: &InstanceSlot) -> Result<(), Failure> {
    slot.retire();
    let calls = slot.with_calls(<[_]>::to_vec);
    calls.iter().for_each(|call| call.note_exit());
    for call in calls {
        let taken = timeout_at(call.deadline.into(), call.taken()).await;
        taken.map_err(|_elapsed| Failure::DeadlineExceeded)?;
    }
    Ok(())
}

/// Polls the guest, charges its CPU time, and watches its limits.
async fn supervise(
    function: &Function,
    slot: &Arc<InstanceSlot>,
    store: &mut Store<Host>,
    proxy: &Proxy,
    jobs: mpsc::Receiver<Job>,
    first: Job,
) -> Result<(), InstanceEnd> {
    let watch = Watch::new(slot, function.limits.cpu, first.state.deadline);
    let mut watch = pin!(watch);
    let mut guest = pin!(store.run_concurrent(async |accessor| {
        let guest = Guest {
            accessor,
            function,
            slot,
            proxy,
            idle: &Notify::new(),
        };
        guest.serve(jobs, first).await
    }));
    poll_fn(|context| {
        let charged = slot.latest_call();
        let stopwatch = Stopwatch::start();
        let poll = guest.as_mut().poll(context);
        let (now, spent) = stopwatch.stop();
        if let Some(call) = &charged {
            call.add_cpu_time(spent);
            function.shares[call.worker.0].spend(spent);
        }
        match poll {
            Poll::Ready(Ok(Ok(()))) => Poll::Ready(Ok(())),
            Poll::Ready(Ok(Err(error)) | Err(error)) => Poll::Ready(Err(error.into())),
            Poll::Pending => watch
                .as_mut()
                .poll(context, now)
                .map(|failure| Err(InstanceEnd::Limit(failure))),
        }
    })
    .await
}

/// The cause of a trap. A guest without memory traps in its own allocator, so a refusal of memory is the cause.
fn cause_of_trap(store: &Store<Host>, error: &wasmtime::Error) -> Failure {
    match store.data().memory.refusal() {
        Some(MemoryRefusal::OwnLimit) => Failure::MemoryExceeded,
        Some(MemoryRefusal::NoneLeft) => Failure::OutOfMemory,
        None => call::failure_of(error).unwrap_or(Failure::GuestTrapped),
    }
}
