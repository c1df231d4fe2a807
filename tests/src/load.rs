//! Many calls at once, and calls at a constant rate.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::stream::{self, StreamExt};
use http::Request;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::client::{Answer, Broken, Client, Content};
use crate::wait::until;

/// Requests that begin at a constant rate, however long the answers take: an open loop, as of many users.
#[derive(Debug)]
pub struct OpenLoop {
    begun: Arc<AtomicUsize>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Vec<Call>>,
}

/// One request of an open loop.
#[derive(Debug)]
pub struct Call {
    /// Which request it was, from 0.
    pub index: usize,
    /// Its method and target.
    pub what: String,
    /// Whether it may be sent twice (RFC 9110 §9.2.2).
    pub is_idempotent: bool,
    /// When it began.
    pub begun: Instant,
    /// When its answer was complete, or broke off.
    pub ended: Instant,
    /// Its answer.
    pub outcome: Result<Answer, Broken>,
}

impl OpenLoop {
    /// Begins so many requests per second, from now until [`Self::finish`].
    #[must_use]
    pub fn start(
        per_second: u32,
        request: impl Fn(usize) -> Request<Content> + Send + 'static,
    ) -> Self {
        Self::of(Client::default(), per_second, request)
    }

    /// The same with a client of the test's own.
    #[must_use]
    pub fn of(
        client: Client,
        per_second: u32,
        request: impl Fn(usize) -> Request<Content> + Send + 'static,
    ) -> Self {
        let begun = Arc::new(AtomicUsize::new(0));
        let (stop, stopped) = oneshot::channel();
        let calls = call_at_a_rate(client, per_second, request, stopped, Arc::clone(&begun));
        Self {
            begun,
            stop,
            running: tokio::spawn(calls),
        }
    }

    /// Waits until so many further requests have begun.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn go_on_for(&self, count: usize) {
        let end = self.begun.load(Ordering::Relaxed) + count;
        until("further requests", async || {
            (self.begun.load(Ordering::Relaxed) >= end).then_some(())
        })
        .await;
    }

    /// Begins no more, waits for all answers, and gives the calls.
    ///
    /// # Panics
    /// When an answer does not come.
    pub async fn finish(self) -> Vec<Call> {
        let _ = self.stop.send(());
        self.running.await.expect("each answer has come")
    }
}

impl Call {
    /// Whether it was answered with a status that is no error.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        let status = self.outcome.as_ref().map(|answer| answer.status);
        status.is_ok_and(|status| status < 400)
    }

    /// Whether it is fine, or a write that was under way while a server was `lost` and nobody knew that: nobody can tell whether
    /// it had its effect.
    #[must_use]
    pub fn is_fine_or_lost(&self, lost: Option<(Instant, Instant)>) -> bool {
        let was_under_way =
            lost.is_some_and(|(from, until)| self.begun <= until && from <= self.ended);
        self.is_fine() || (!self.is_idempotent && was_under_way)
    }

    /// How long it took.
    #[must_use]
    pub fn taken(&self) -> Duration {
        self.ended - self.begun
    }
}

async fn call_at_a_rate(
    client: Client,
    per_second: u32,
    request: impl Fn(usize) -> Request<Content>,
    mut stopped: oneshot::Receiver<()>,
    begun: Arc<AtomicUsize>,
) -> Vec<Call> {
    let mut ticks = interval(Duration::from_secs(1) / per_second);
    // A machine that was busy for a moment does not leave requests out.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut calls, mut done) = (JoinSet::new(), Vec::new());
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let index = begun.fetch_add(1, Ordering::Relaxed);
                calls.spawn(call(client.clone(), index, request(index)));
            }
            Some(call) = calls.join_next() => done.push(call.expect("no panic")),
            _ = &mut stopped => break,
        }
    }
    done.extend(calls.join_all().await);
    done
}

async fn call(client: Client, index: usize, request: Request<Content>) -> Call {
    let what = format!("{} {}", request.method(), request.uri().path());
    let is_idempotent = request.method().is_idempotent();
    let begun = Instant::now();
    let outcome = client.try_send(request).await;
    Call {
        index,
        what,
        is_idempotent,
        begun,
        ended: Instant::now(),
        outcome,
    }
}

/// Makes `count` calls, `at_once` of them at a time, and gives their outcomes in no order.
pub async fn calls<T, F: Future<Output = T>>(
    count: usize,
    at_once: usize,
    call: impl Fn(usize) -> F,
) -> Vec<T> {
    stream::iter((0..count).map(call))
        .buffer_unordered(at_once)
        .collect()
        .await
}

/// Makes `count` calls, all at once, and gives their outcomes in no order.
pub async fn at_once<T, F: Future<Output = T>>(count: usize, call: impl Fn(usize) -> F) -> Vec<T> {
    calls(count, count, call).await
}
