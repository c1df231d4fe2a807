//! Limits the requests that a component works on at once, and the requests that wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::failure::Failure;
use crate::observe::ComponentMetrics;

/// A concurrency limit with a bounded queue in front. It is the bulkhead between components.
pub(super) struct Admission {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    queue_capacity: usize,
}

impl Admission {
    pub(super) fn new(concurrency: usize, queue_capacity: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(concurrency)),
            waiting: AtomicUsize::new(0),
            queue_capacity,
        }
    }

    /// A permit, if one is free now.
    pub(super) fn admit_at_once(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// Waits for a permit until `deadline`. Refuses at once if the queue is full.
    pub(super) async fn admit(
        &self,
        deadline: Instant,
        metrics: &ComponentMetrics,
    ) -> Result<OwnedSemaphorePermit, Failure> {
        if let Some(permit) = self.admit_at_once() {
            return Ok(permit);
        }
        let _waiting = self.enqueue(metrics)?;
        let acquire = Arc::clone(&self.places).acquire_owned();
        match tokio::time::timeout_at(deadline.into(), acquire).await {
            Ok(permit) => Ok(permit.expect("the semaphore is never closed")),
            Err(_elapsed) => Err(Failure::ConcurrencyTimeout),
        }
    }

    fn enqueue<'a>(&'a self, metrics: &'a ComponentMetrics) -> Result<Waiting<'a>, Failure> {
        let waiting = Waiting::join(&self.waiting, metrics);
        if waiting.before < self.queue_capacity {
            Ok(waiting)
        } else {
            Err(Failure::QueueFull)
        }
    }
}

/// A place in the queue. Dropping it leaves the queue, so a client that goes away frees its place.
struct Waiting<'a> {
    count: &'a AtomicUsize,
    before: usize,
    metrics: &'a ComponentMetrics,
}

impl<'a> Waiting<'a> {
    fn join(count: &'a AtomicUsize, metrics: &'a ComponentMetrics) -> Self {
        let before = count.fetch_add(1, Ordering::Relaxed);
        metrics.set_queue_length(before + 1);
        Self {
            count,
            before,
            metrics,
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let before = self.count.fetch_sub(1, Ordering::Relaxed);
        self.metrics.set_queue_length(before - 1);
    }
}

#[cfg(test)]
mod tests;
