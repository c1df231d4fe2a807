//! The driver of one instance: a task on the instance's worker that owns the store and runs the guest.
//!
//! The guest's work and the calls' bookkeeping happen inside [`wasmtime::Store::run_concurrent`]. Deadlines, processor
//! time and cancellation are watched from outside of it ([`Watch`]), because a guest that computes without a pause
//! keeps all that is inside from running; it does yield to the outside at each tick of the epoch.

use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::future::{Either, select};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};
use tokio::time::{Sleep, sleep_until, timeout_at};
use wasmtime::component::Accessor;
use wasmtime::{AsContextMut, Store, Trap};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::handler::{Prepared, Proxy};

use super::Function;
use super::call::{self, CallState, Job};
use super::seat::Seat;
use crate::clock;
use crate::failure::Failure;
use crate::host::{Host, MemoryRefusal};
use crate::limits::DEADLINE_GRACE;

/// Runs one instance from its first job until it is retired, has served its share, or died.
pub(super) async fn drive(
    function: Arc<Function>,
    seat: Arc<Seat>,
    jobs: mpsc::Receiver<Job>,
    first: Job,
) {
    let ended = match instantiate_for(&function, &first.state).await {
        Ok((store, proxy)) => serve_until_end(&function, &seat, store, &proxy, jobs, first).await,
        Err(failure) => Err(failure),
    };
    seat.retire();
    // The calls' channels have closed by now, but those who wait on them share this thread: they look for the reason
    // only after this.
    if let Err(failure) = ended {
        seat.with_calls(|calls| calls.iter().for_each(|call| call.fail(failure.clone())));
    }
}

/// Makes the instance, unless its first call is given up meanwhile.
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

/// Makes the store and the instance in it.
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
                Err(cause_of_death(&store, &error))
            } else {
                Err(Failure::InstantiationFailed)
            }
        }
        Err(_elapsed) => Err(Failure::DeadlineExceeded),
    }
}

async fn serve_until_end(
    function: &Function,
    seat: &Arc<Seat>,
    mut store: Store<Host>,
    proxy: &Proxy,
    jobs: mpsc::Receiver<Job>,
    first: Job,
) -> Result<(), Failure> {
    let ended = supervise(function, seat, &mut store, proxy, jobs, first).await;
    function
        .metrics
        .note_memory(store.data().memory.used() as u64);
    match ended {
        Ok(()) => Ok(()),
        Err(Death::Sentenced(failure)) => Err(failure),
        Err(Death::OfItself(error)) => {
            tracing::warn!(component = %function.id, "the guest ended: {error:?}");
            function.metrics.count_instance_trapped();
            Err(cause_of_death(&store, &error))
        }
    }
}

/// How an instance ended before its time.
enum Death {
    /// By a limit or because its client went away.
    Sentenced(Failure),
    /// By a trap, or an error in a host call.
    OfItself(wasmtime::Error),
}

/// Drives the guest, and charges and watches it from outside.
async fn supervise(
    function: &Function,
    seat: &Arc<Seat>,
    store: &mut Store<Host>,
    proxy: &Proxy,
    jobs: mpsc::Receiver<Job>,
    first: Job,
) -> Result<(), Death> {
    let watch = Watch {
        seat,
        cpu_limit: function.limits.cpu,
        alarm: sleep_until(first.state.deadline.into()),
    };
    let mut watch = pin!(watch);
    let mut guest = pin!(store.run_concurrent(async |accessor| {
        let guest = Guest {
            accessor,
            function,
            seat,
            proxy,
            idle: &Notify::new(),
        };
        guest.serve(jobs, first).await
    }));
    poll_fn(|context| {
        let charged = seat.latest_call();
        let started = clock::now();
        let poll = guest.as_mut().poll(context);
        let now = clock::now();
        if let Some(call) = &charged {
            call.add_cpu_time(now.saturating_duration_since(started));
        }
        match poll {
            Poll::Ready(Ok(Ok(()))) => Poll::Ready(Ok(())),
            Poll::Ready(Ok(Err(error)) | Err(error)) => Poll::Ready(Err(Death::OfItself(error))),
            Poll::Pending => watch
                .as_mut()
                .poll(context, now)
                .map(|failure| Err(Death::Sentenced(failure))),
        }
    })
    .await
}

/// The inside view: an instance, and the calls that it works on.
#[derive(Clone, Copy)]
struct Guest<'a> {
    accessor: &'a Accessor<Host>,
    function: &'a Function,
    seat: &'a Arc<Seat>,
    proxy: &'a Proxy,
    /// Rung when no call has work left.
    idle: &'a Notify,
}

impl Guest<'_> {
    /// Takes jobs and works on them until no more come.
    async fn serve(self, jobs: mpsc::Receiver<Job>, first: Job) -> wasmtime::Result<()> {
        first.state.context.set_instance_reused(false);
        if self.seat.is_shared() {
            self.serve_together(jobs, first).await
        } else {
            self.serve_in_turn(jobs, first).await
        }
    }

    /// Works on one job after the other, without what keeping several apart would cost each of them.
    async fn serve_in_turn(
        self,
        mut jobs: mpsc::Receiver<Job>,
        first: Job,
    ) -> wasmtime::Result<()> {
        self.run(first).await?;
        for _ in 1..self.seat.requests {
            let Some(job) = jobs.recv().await else { break };
            self.note_reuse(&job);
            self.run(job).await?;
        }
        Ok(())
    }

    async fn serve_together(
        self,
        mut jobs: mpsc::Receiver<Job>,
        first: Job,
    ) -> wasmtime::Result<()> {
        let mut calls = FuturesUnordered::new();
        let mut jobs_left = self.seat.requests - 1;
        calls.push(self.run(first));
        loop {
            tokio::select! {
                biased;
                Some(done) = calls.next(), if !calls.is_empty() => done?,
                job = jobs.recv(), if jobs_left > 0 => match job {
                    Some(job) => {
                        jobs_left -= 1;
                        self.note_reuse(&job);
                        calls.push(self.run(job));
                    }
                    None => jobs_left = 0,
                },
                else => break,
            }
        }
        Ok(())
    }

    fn note_reuse(self, job: &Job) {
        job.state.context.set_instance_reused(true);
        self.function.metrics.count_instance_reused();
    }

    /// Calls the guest's handler once and sees its work to the end.
    async fn run(self, job: Job) -> wasmtime::Result<()> {
        let Job {
            request,
            reply,
            state,
            permit,
        } = job;
        let prepared = self.accessor.with(|mut access| {
            access.data_mut().begin_request(&state);
            Prepared::new(
                access.as_context_mut(),
                self.proxy,
                request,
                Host::http,
                reply,
            )
        })?;
        if !self.seat.is_shared() {
            one_turn().await;
        }
        let answered = prepared
            .run(self.accessor, self.expiration(state.deadline))
            .await?;
        if !answered {
            self.seat.retire();
        }
        let permit = self.all_done_or_late(permit, &state).await;
        drop(permit);
        self.seat.finish(self.function, &state);
        Ok(())
    }

    /// Waits for what the guest does after its response: the rest of a streamed body, work that it started.
    ///
    /// Of calls that share the instance nobody can tell whose work goes on, so each of them counts as running until
    /// none has work left, or until its deadline; then the instance takes no further calls, and ends with the last.
    /// Its place in the queue is another's as soon as it has answered.
    async fn all_done_or_late(
        self,
        permit: OwnedSemaphorePermit,
        state: &CallState,
    ) -> Option<OwnedSemaphorePermit> {
        if !self.seat.is_shared() {
            self.all_done().await;
            self.end_request();
            return Some(permit);
        }
        drop(permit);
        match timeout_at(state.deadline.into(), self.all_done()).await {
            Ok(()) => self.end_request(),
            Err(_elapsed) => {
                // Should its content be what goes on, then that is cut when the instance ends.
                state.fail(Failure::DeadlineExceeded);
                self.seat.retire();
            }
        }
        None
    }

    /// What the guest left open is closed, now that no request of this instance has work left.
    fn end_request(self) {
        let memory = self.accessor.with(|mut access| {
            let host = access.data_mut();
            host.end_request();
            host.memory.used()
        });
        self.function.metrics.note_memory(memory as u64);
    }

    /// Where several calls share the instance, the one that is late must end without the others. A call that is
    /// alone is ended with its instance, by [`Watch`].
    async fn expiration(self, deadline: Instant) {
        if self.seat.is_shared() {
            sleep_until(deadline.into()).await;
        } else {
            pending::<()>().await;
        }
    }

    async fn all_done(self) {
        let idle = poll_fn(|context| self.accessor.poll_no_interesting_tasks(context));
        if !self.seat.is_shared() {
            return idle.await;
        }
        let told = pin!(self.idle.notified());
        select(idle, told).await;
        // wasmtime wakes the one who asked last; that one wakes the others.
        self.idle.notify_waiters();
    }
}

/// Lets the instance's loop go on once, without being woken: it polls what it runs again after each piece of work,
/// and a call that was prepared is one.
///
/// So most guests have answered before anyone waits for the answer, and nothing has to wake the driver for it.
async fn one_turn() {
    let mut has_passed = false;
    poll_fn(|_| {
        if std::mem::replace(&mut has_passed, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

pin_project_lite::pin_project! {
    /// The outside view: ends an instance whose call is late, uses too much processor time, or has lost its client.
    struct Watch<'a> {
        seat: &'a Arc<Seat>,
        cpu_limit: Duration,
        // Set to the deadline of some call; looked at again when it rings, so that a request costs no timer.
        #[pin]
        alarm: Sleep,
    }
}

impl Watch<'_> {
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>, now: Instant) -> Poll<Failure> {
        let mut this = self.project();
        let seat = *this.seat;
        let verdict = seat.with_calls(|calls| judge(seat, calls, *this.cpu_limit, now, context));
        let deadline = match verdict {
            Verdict::End(failure) => return Poll::Ready(failure),
            Verdict::Nothing => return Poll::Pending,
            Verdict::Until(deadline) => deadline,
        };
        if this.alarm.deadline().into_std() > deadline || this.alarm.is_elapsed() {
            this.alarm.as_mut().reset(deadline.into());
        }
        while this.alarm.as_mut().poll(context).is_ready() {
            let now = clock::now();
            if now >= deadline {
                return Poll::Ready(Failure::DeadlineExceeded);
            }
            this.alarm.as_mut().reset(deadline.into());
        }
        Poll::Pending
    }
}

enum Verdict {
    End(Failure),
    Until(Instant),
    Nothing,
}

fn judge(
    seat: &Seat,
    calls: &[Arc<CallState>],
    cpu_limit: Duration,
    now: Instant,
    context: &Context<'_>,
) -> Verdict {
    let grace = if seat.is_shared() {
        DEADLINE_GRACE
    } else {
        Duration::ZERO
    };
    let mut earliest: Option<Instant> = None;
    for call in calls {
        call.wake_on_cancel(context.waker());
        // Calls that share the instance are left to end in peace.
        if call.is_cancelled() && !seat.is_shared() {
            return Verdict::End(Failure::ClientDisconnected);
        }
        if call.cpu_time() > cpu_limit {
            return Verdict::End(Failure::CpuExceeded);
        }
        let deadline = call.deadline + grace;
        if now >= deadline {
            return Verdict::End(Failure::DeadlineExceeded);
        }
        earliest = Some(earliest.map_or(deadline, |earliest| earliest.min(deadline)));
    }
    earliest.map_or(Verdict::Nothing, Verdict::Until)
}

/// A guest that runs out of memory traps in its own allocator, so the limit is the cause where it was met.
fn cause_of_death(store: &Store<Host>, error: &wasmtime::Error) -> Failure {
    match store.data().memory.refusal() {
        Some(MemoryRefusal::OwnLimit) => Failure::MemoryExceeded,
        Some(MemoryRefusal::NoneLeft) => Failure::OutOfMemory,
        None => call::failure_of(error).unwrap_or(Failure::GuestTrapped),
    }
}
