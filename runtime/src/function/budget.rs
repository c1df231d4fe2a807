//! The bound on instances that are alive at once, over all functions.

use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Function;
use crate::failure::Failure;

/// One permit for each instance that the engine has room for. When all are taken, idle instances of every function
/// are ended to make room.
pub struct InstanceBudget {
    permits: Arc<Semaphore>,
    functions: Mutex<Vec<Weak<Function>>>,
}

impl InstanceBudget {
    /// A budget of `instances`.
    #[must_use]
    pub fn new(instances: u32) -> Arc<Self> {
        Arc::new(Self {
            permits: Arc::new(Semaphore::new(instances as usize)),
            functions: Mutex::default(),
        })
    }

    pub(super) fn register(&self, function: &Arc<Function>) {
        let mut functions = self.functions.lock();
        functions.retain(|function| function.strong_count() > 0);
        functions.push(Arc::downgrade(function));
    }

    pub(super) async fn permit(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, Failure> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        self.end_idle_instances();
        match tokio::time::timeout_at(deadline.into(), Arc::clone(&self.permits).acquire_owned())
            .await
        {
            Ok(permit) => Ok(permit.expect("the semaphore is never closed")),
            Err(_elapsed) => Err(Failure::InstantiationFailed),
        }
    }

    pub(crate) fn end_idle_instances(&self) {
        let functions: Vec<_> = self
            .functions
            .lock()
            .iter()
            .filter_map(Weak::upgrade)
            .collect();
        for function in functions {
            function.end_idle_instances();
        }
    }
}
