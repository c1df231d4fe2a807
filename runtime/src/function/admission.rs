//! How many requests a component works on at once, and how many may wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::failure::Failure;

/// A concurrency limit with a bounded queue before it: the bulkhead between components.
pub(super) struct Admission {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    queue_capacity: usize,
}

impl Admission {
    pub(super) fn new(concurrency: usize, queue_capacity: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(concurrency)), waiting: AtomicUsize::new(0), queue_capacity }
    }

    /// Waits for a place, until `deadline`; refuses at once when the queue is full.
    pub(super) async fn admit(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, Failure> {
        if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting = self.enqueue()?;
        let acquire = Arc::clone(&self.places).acquire_owned();
        match tokio::time::timeout_at(deadline.into(), acquire).await {
            Ok(permit) => Ok(permit.expect("the semaphore is never closed")),
            Err(_elapsed) => Err(Failure::ConcurrencyTimeout),
        }
    }

    fn enqueue(&self) -> Result<Waiting<'_>, Failure> {
        let waiting = Waiting::join(&self.waiting);
        if waiting.before < self.queue_capacity { Ok(waiting) } else { Err(Failure::QueueFull) }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// A place in the queue, left on drop: a client that goes away while it waits frees it.
struct Waiting<'a> {
    count: &'a AtomicUsize,
    before: usize,
}

impl<'a> Waiting<'a> {
    fn join(count: &'a AtomicUsize) -> Self {
        Self { before: count.fetch_add(1, Ordering::Relaxed), count }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}
