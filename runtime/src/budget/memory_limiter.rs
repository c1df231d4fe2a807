//! The memory of one instance: its limit, its use, and the reason of a refusal.
//! [`InstanceBudget`] bounds the memory of all instances together.

use std::sync::Arc;

use wasmtime::ResourceLimiterAsync;

use super::InstanceBudget;
use crate::limits::MAX_TABLE_ELEMENTS;

/// Bytes of one element of a table: a reference.
const TABLE_ELEMENT_BYTES: usize = size_of::<usize>();

/// Bounds the sum of an instance's linear memories, and each of its tables. Both count towards the memory of all
/// instances.
pub struct MemoryLimiter {
    limit: usize,
    used: usize,
    /// Bytes of tables. [`MAX_TABLE_ELEMENTS`] bounds them, not the limit.
    tables: usize,
    /// Bytes of the last growth that was allowed. The system may still refuse it.
    allowed: usize,
    refusal: Option<MemoryRefusal>,
    budget: Arc<InstanceBudget>,
}

/// Why a guest was refused memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryRefusal {
    /// It has reached the limit of its component.
    OwnLimit,
    /// The instances of all components have used up their memory.
    NoneLeft,
}

impl MemoryLimiter {
    /// A limiter for an instance with at most `limit` bytes, which it takes from `budget`.
    #[must_use]
    pub fn new(limit: usize, budget: Arc<InstanceBudget>) -> Self {
        Self {
            limit,
            used: 0,
            tables: 0,
            allowed: 0,
            refusal: None,
            budget,
        }
    }

    /// The reason of the last refusal since the last request ended.
    #[must_use]
    pub fn refusal(&self) -> Option<MemoryRefusal> {
        self.refusal
    }

    /// Forgets the refusals of earlier requests.
    pub fn forget_refusal(&mut self) {
        self.refusal = None;
    }

    /// Bytes of the instance's linear memory.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used
    }

    async fn grow(&mut self, by: usize) -> Result<(), MemoryRefusal> {
        let used = self.used.saturating_add(by);
        if used > self.limit {
            return Err(MemoryRefusal::OwnLimit);
        }
        if !self.budget.take_memory(by as u64).await {
            return Err(MemoryRefusal::NoneLeft);
        }
        self.used = used;
        Ok(())
    }
}

impl MemoryLimiter {
    /// Gives back the last growth, which the system has refused. Returns its bytes.
    fn take_back(&mut self, error: &wasmtime::Error) -> usize {
        let allowed = std::mem::take(&mut self.allowed);
        if allowed > 0 {
            tracing::warn!("a guest's memory could not grow by {allowed} bytes: {error}");
            self.refusal = Some(MemoryRefusal::NoneLeft);
            self.budget.give_back_memory(allowed as u64);
        }
        allowed
    }
}

impl Drop for MemoryLimiter {
    fn drop(&mut self) {
        self.budget
            .give_back_memory((self.used + self.tables) as u64);
    }
}

/// Asynchronous, because a guest waits a moment for memory of other instances that are about to end.
#[wasmtime_wasi::async_trait]
impl ResourceLimiterAsync for MemoryLimiter {
    async fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.allowed = 0;
        // The memory's own type forbids this growth, so it must not be counted.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let by = desired.saturating_sub(current);
        if let Err(refusal) = self.grow(by).await {
            self.refusal = Some(refusal);
            return Ok(false);
        }
        self.allowed = by;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.used -= self.take_back(&error);
        Ok(())
    }

    async fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.allowed = 0;
        if desired > maximum.map_or(MAX_TABLE_ELEMENTS, |most| most.min(MAX_TABLE_ELEMENTS)) {
            return Ok(false);
        }
        let by = desired.saturating_sub(current) * TABLE_ELEMENT_BYTES;
        if !self.budget.take_memory(by as u64).await {
            self.refusal = Some(MemoryRefusal::NoneLeft);
            return Ok(false);
        }
        self.tables += by;
        self.allowed = by;
        Ok(true)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.tables -= self.take_back(&error);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
