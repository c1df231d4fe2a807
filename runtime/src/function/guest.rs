//! Calls the guest inside [`wasmtime::Store::run_concurrent`]: takes jobs, runs them, and waits until their work is done.
//! [`super::watch`] enforces the limits from outside.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use futures::future::select;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};
use tokio::time::{sleep_until, timeout_at};
use wasmtime::AsContextMut;
use wasmtime::component::Accessor;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::handler::{Prepared, Proxy};

use super::Function;
use super::call::{CallState, Job};
use super::instance_slot::InstanceSlot;
use crate::failure::Failure;
use crate::host::Host;

/// A running instance.
#[derive(Clone, Copy)]
pub(super) struct Guest<'a> {
    pub(super) accessor: &'a Accessor<Host>,
    pub(super) function: &'a Function,
    pub(super) slot: &'a Arc<InstanceSlot>,
    pub(super) proxy: &'a Proxy,
    /// Notified when no call has work left.
    pub(super) idle: &'a Notify,
}

impl Guest<'_> {
    /// Runs jobs until no more come.
    pub(super) async fn serve(self, jobs: mpsc::Receiver<Job>, first: Job) -> wasmtime::Result<()> {
        first.state.context.set_instance_reused(false);
        if self.slot.is_shared() {
            self.serve_together(jobs, first).await
        } else {
            self.serve_in_turn(jobs, first).await
        }
    }

    /// Runs one job after the other, without the cost of managing several calls.
    async fn serve_in_turn(
        self,
        mut jobs: mpsc::Receiver<Job>,
        first: Job,
    ) -> wasmtime::Result<()> {
        self.run(first).await?;
        for _ in 1..self.slot.requests {
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
        let mut jobs_left = self.slot.requests - 1;
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

    /// Calls the guest's handler once and waits until its work is done.
    async fn run(self, job: Job) -> wasmtime::Result<()> {
        let Job {
            request,
            reply,
            state,
            permit,
        } = job;
        let prepared = self.accessor.with(|mut access| {
            if let Some(queries) = access.data_mut().begin_request(state.caller()) {
                state.set_queries(queries);
            }
            Prepared::new(
                access.as_context_mut(),
                self.proxy,
                request,
                Host::http,
                reply,
            )
        })?;
        if !self.slot.is_shared() {
            one_poll().await;
        }
        let answered = prepared
            .run(self.accessor, self.expiration(state.deadline))
            .await?;
        if !answered {
            self.slot.retire();
        }
        let permit = self.all_done_or_late(permit, &state).await;
        drop(permit);
        self.slot.finish(self.function, &state);
        Ok(())
    }

    /// Waits for the guest's work after its response: the rest of a streamed body, and tasks that it has spawned.
    ///
    /// If calls share the instance, the work cannot be attributed to one of them. So each call counts as running until none
    /// has work left, or until its deadline. At a deadline the instance takes no further calls and ends with the last one.
    /// A call that has answered gives its permit back at once.
    async fn all_done_or_late(
        self,
        permit: OwnedSemaphorePermit,
        state: &CallState,
    ) -> Option<OwnedSemaphorePermit> {
        if !self.slot.is_shared() {
            self.all_done().await;
            self.end_request();
            return Some(permit);
        }
        drop(permit);
        match timeout_at(state.deadline.into(), self.all_done()).await {
            Ok(()) => self.end_request(),
            Err(_elapsed) => {
                // Content that still streams is cut when the instance ends.
                state.fail(Failure::DeadlineExceeded);
                self.slot.retire();
            }
        }
        None
    }

    /// Closes sessions that the guest left open. Called when no request of the instance has work left.
    fn end_request(self) {
        let memory = self.accessor.with(|mut access| {
            let host = access.data_mut();
            host.end_request();
            host.memory.used()
        });
        self.function.note_memory(memory as u64);
    }

    /// If several calls share the instance, a late one must end without the others. If not, [`super::watch`] ends the whole
    /// instance.
    async fn expiration(self, deadline: Instant) {
        if self.slot.is_shared() {
            sleep_until(deadline.into()).await;
        } else {
            pending::<()>().await;
        }
    }

    async fn all_done(self) {
        let idle = poll_fn(|context| self.accessor.poll_no_interesting_tasks(context));
        if !self.slot.is_shared() {
            return idle.await;
        }
        let told = pin!(self.idle.notified());
        select(idle, told).await;
        // wasmtime wakes only the last caller, which wakes the others here.
        self.idle.notify_waiters();
    }
}

/// Returns `Pending` once without registering a waker. wasmtime's event loop polls this task again after each piece of work,
/// and a prepared call is such a piece.
///
/// So most guests have answered before the host waits for the answer, and no wake-up of the driver is needed.
async fn one_poll() {
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
