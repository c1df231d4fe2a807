//! The bounds on the number of instances and on their memory, over all functions.
//! A function appears here only as a [`Reclaim`]: something that can end idle instances.

mod memory_limiter;

pub use memory_limiter::{MemoryLimiter, MemoryRefusal};

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::failure::Failure;
use crate::limits::MEMORY_WAIT;

/// One permit for each instance that the engine has room for, and a number of bytes of linear memory.
///
/// If a caller has to wait for either, all idle instances of all functions end, and so does each instance that becomes idle
/// during the wait.
pub struct InstanceBudget {
    permits: Arc<Semaphore>,
    memory_limit: u64,
    memory_used: AtomicU64,
    /// Notified when an instance gives memory back.
    memory_freed: Notify,
    /// The number of callers that wait for a permit or for memory.
    waiting: AtomicUsize,
    holders: Mutex<Vec<Weak<dyn Reclaim>>>,
}

/// Has instances that can end to make room for others.
pub trait Reclaim: Send + Sync {
    /// Ends the idle instances.
    fn end_idle_instances(&self);
}

impl InstanceBudget {
    /// A budget of `instances` instances with `memory_limit` bytes together.
    #[must_use]
    pub fn new(instances: u32, memory_limit: u64) -> Arc<Self> {
        Arc::new(Self {
            permits: Arc::new(Semaphore::new(instances as usize)),
            memory_limit,
            memory_used: AtomicU64::new(0),
            memory_freed: Notify::new(),
            waiting: AtomicUsize::new(0),
            holders: Mutex::default(),
        })
    }

    /// Adds a holder of instances, which is asked to end idle ones when instances or memory are short.
    pub(crate) fn register(&self, holder: Weak<dyn Reclaim>) {
        let mut holders = self.holders.lock();
        holders.retain(|holder| holder.strong_count() > 0);
        holders.push(holder);
    }

    /// Takes a permit for an instance, or waits for one until `deadline`. Dropping the permit gives it back.
    pub(crate) async fn permit(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, Failure> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let _shortage = Shortage::begin(&self.waiting);
        self.end_idle_instances();
        match tokio::time::timeout_at(deadline.into(), Arc::clone(&self.permits).acquire_owned())
            .await
        {
            Ok(permit) => Ok(permit.expect("the semaphore is never closed")),
            Err(_elapsed) => Err(Failure::InstantiationFailed),
        }
    }

    /// Takes memory for a guest. If there is too little, waits up to [`MEMORY_WAIT`] for instances to end.
    pub(crate) async fn take_memory(&self, bytes: u64) -> bool {
        if self.try_take_memory(bytes) {
            return true;
        }
        if bytes > self.memory_limit {
            return false;
        }
        let _shortage = Shortage::begin(&self.waiting);
        self.end_idle_instances();
        let taken = async {
            loop {
                // Created before the attempt, so that it also notices memory that is given back during the attempt.
                let freed = self.memory_freed.notified();
                if self.try_take_memory(bytes) {
                    return;
                }
                freed.await;
            }
        };
        tokio::time::timeout(MEMORY_WAIT, taken).await.is_ok()
    }

    fn try_take_memory(&self, bytes: u64) -> bool {
        let fits = |used: u64| {
            let used = used.checked_add(bytes)?;
            (used <= self.memory_limit).then_some(used)
        };
        self.memory_used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .is_ok()
    }

    /// Gives memory back, and wakes those that wait for it.
    pub(crate) fn give_back_memory(&self, bytes: u64) {
        self.memory_used.fetch_sub(bytes, Ordering::Relaxed);
        self.memory_freed.notify_waiters();
    }

    /// Whether somebody waits for an instance to end.
    pub(crate) fn is_short(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// The number of free permits.
    #[cfg(test)]
    pub(crate) fn free(&self) -> usize {
        self.permits.available_permits()
    }

    fn end_idle_instances(&self) {
        let holders: Vec<_> = self
            .holders
            .lock()
            .iter()
            .filter_map(Weak::upgrade)
            .collect();
        for holder in holders {
            holder.end_idle_instances();
        }
    }
}

/// Counts one caller that waits, until it is dropped.
struct Shortage<'a>(&'a AtomicUsize);

impl<'a> Shortage<'a> {
    fn begin(waiting: &'a AtomicUsize) -> Self {
        // Relaxed is enough: slots see this after `end_idle_instances` has locked their pools.
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Shortage<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
