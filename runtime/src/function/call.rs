//! One request to a function: the state that its driver and the waiting connection share.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use futures::task::AtomicWaker;
use http::{Request, Response};
use storage::sql;
use tokio::sync::OwnedSemaphorePermit;
use wasmtime_wasi_http::handler::ExpirationError;
use wasmtime_wasi_http::{WasiBody, p2, p3};

use crate::failure::Failure;
use crate::outbound::GuestCall;
use crate::request::{RequestContext, WorkerId};

/// The shared state of a call's two sides.
pub struct CallState {
    /// When the function was called.
    pub begun: Instant,
    /// When the request must have ended.
    pub deadline: Instant,
    /// The client's request that led to this call.
    pub context: Arc<RequestContext>,
    /// The worker that runs the whole call.
    pub worker: WorkerId,
    /// The number of calls from component to component that led to this one.
    pub depth: u32,
    /// For whom the guest's statements are counted.
    queries: OnceLock<Arc<sql::Request>>,
    cpu_nanoseconds: AtomicU64,
    failure: OnceLock<Failure>,
    /// Whether the client went away before it had the whole response.
    cancelled: AtomicBool,
    /// Whether the client's side has the whole response.
    taken: AtomicBool,
    /// Whether the guest has exited, so that the response does not grow any more.
    exited: AtomicBool,
    driver: AtomicWaker,
    /// The task that waits for the next piece of the response's content.
    reader: AtomicWaker,
}

impl CallState {
    /// A client's call, which begins at `now` and must end within `timeout`.
    #[must_use]
    pub fn new(
        context: Arc<RequestContext>,
        worker: WorkerId,
        now: Instant,
        timeout: Duration,
    ) -> Arc<Self> {
        Arc::new(Self::at_depth(context, worker, now, now + timeout, 0))
    }

    /// A call by the guest of `caller`. It must end no later than the caller's own call.
    #[must_use]
    pub fn nested(caller: &GuestCall, now: Instant, timeout: Duration) -> Arc<Self> {
        let deadline = caller.deadline.min(now + timeout);
        let context = Arc::clone(&caller.context);
        let depth = caller.depth + 1;
        Arc::new(Self::at_depth(context, caller.worker, now, deadline, depth))
    }

    /// This call as the sender of outbound requests.
    #[must_use]
    pub fn caller(&self) -> GuestCall {
        GuestCall {
            context: Arc::clone(&self.context),
            worker: self.worker,
            deadline: self.deadline,
            depth: self.depth,
            queries: None,
        }
    }

    fn at_depth(
        context: Arc<RequestContext>,
        worker: WorkerId,
        begun: Instant,
        deadline: Instant,
        depth: u32,
    ) -> Self {
        Self {
            begun,
            deadline,
            context,
            worker,
            depth,
            queries: OnceLock::new(),
            cpu_nanoseconds: AtomicU64::new(0),
            failure: OnceLock::new(),
            cancelled: AtomicBool::new(false),
            taken: AtomicBool::new(false),
            exited: AtomicBool::new(false),
            driver: AtomicWaker::new(),
            reader: AtomicWaker::new(),
        }
    }

    /// The CPU time so far of the guest, and of the host on its behalf.
    #[must_use]
    pub fn cpu_time(&self) -> Duration {
        Duration::from_nanos(self.cpu_nanoseconds.load(Ordering::Relaxed))
    }

    /// The failure that ended the guest, if one did.
    #[must_use]
    pub fn ended_by(&self) -> Option<&Failure> {
        self.failure.get()
    }

    pub(super) fn failure(&self) -> Failure {
        let without_cause = if self.has_exited() {
            Failure::NoResponse
        } else {
            Failure::GuestTrapped
        };
        self.failure.get().cloned().unwrap_or(without_cause)
    }

    pub(super) fn fail(&self, failure: Failure) {
        // Only the first cause is reported.
        let _ = self.failure.set(failure);
    }

    /// Notes for whom the guest's statements are counted.
    pub(super) fn set_queries(&self, queries: Arc<sql::Request>) {
        let _ = self.queries.set(queries);
    }

    /// Notes that the client's side has the whole response, with this much content.
    pub(super) fn answered(&self, bytes: u64) {
        if let Some(queries) = self.queries.get() {
            queries.answer(bytes);
        }
    }

    pub(super) fn add_cpu_time(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.cpu_nanoseconds
            .fetch_add(nanoseconds, Ordering::Relaxed);
        self.context.add_cpu(time);
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Waits until the client goes away.
    pub(super) async fn cancelled(&self) {
        self.until(Self::is_cancelled).await;
    }

    /// Waits until the client has the whole response or has gone away. Called after [`Self::note_exit`].
    pub(super) async fn taken(&self) {
        self.until(|call| call.taken.load(Ordering::Relaxed) || call.is_cancelled())
            .await;
    }

    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        poll_fn(|context| {
            self.wake_on_cancel(context.waker());
            if holds(self) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Notes that the guest has exited, so the response is complete as it is.
    pub(super) fn note_exit(&self) {
        self.exited.store(true, Ordering::Relaxed);
        self.reader.wake();
    }

    pub(super) fn has_exited(&self) -> bool {
        self.exited.load(Ordering::Relaxed)
    }

    /// Registers the reader of the content, to wake when the guest exits.
    pub(super) fn wake_on_exit(&self, waker: &Waker) {
        self.reader.register(waker);
    }

    /// Registers the driver, to wake when the client goes away.
    pub(super) fn wake_on_cancel(&self, waker: &Waker) {
        self.driver.register(waker);
    }
}

/// A request on its way to an instance.
pub(super) struct Job {
    pub(super) request: Request<WasiBody>,
    pub(super) reply: oneshot::Sender<wasmtime::Result<Response<WasiBody>>>,
    pub(super) state: Arc<CallState>,
    pub(super) permit: OwnedSemaphorePermit,
}

/// Held by the side that waits for the response and its body. Dropping it early cancels the guest.
pub(super) struct CancelOnDrop {
    pub(super) state: Arc<CallState>,
    armed: bool,
}

impl CancelOnDrop {
    pub(super) fn new(state: Arc<CallState>) -> Self {
        Self { state, armed: true }
    }

    /// Notes that the client has the whole response. The guest may then continue.
    pub(super) fn disarm(&mut self) {
        self.armed = false;
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        let side = if self.armed {
            &self.state.cancelled
        } else {
            &self.state.taken
        };
        side.store(true, Ordering::Relaxed);
        // After a complete response the driver needs no wake-up, unless the guest has exited: then it waits for this.
        if self.armed || self.state.has_exited() {
            self.state.driver.wake();
        }
    }
}

/// The failure behind an error that replaced the response, if the error tells it.
pub(super) fn failure_of(error: &wasmtime::Error) -> Option<Failure> {
    if error.is::<ExpirationError>() {
        return Some(Failure::DeadlineExceeded);
    }
    let p3 = error.downcast_ref::<p3::bindings::http::types::ErrorCode>();
    let p2 = error.downcast_ref::<p2::bindings::http::types::ErrorCode>();
    p3.map(guest_failed).or_else(|| p2.map(guest_failed))
}

/// The failure of a guest that answered with an error code. It carries the code's name.
pub(super) fn guest_failed(code: &impl std::fmt::Debug) -> Failure {
    Failure::GuestFailed {
        code: format!("{code:?}"),
    }
}
