//! Tests of the bounds on memory.

use std::sync::Arc;

use wasmtime::ResourceLimiterAsync;

use super::{MemoryLimiter, MemoryRefusal};
use crate::budget::InstanceBudget;
use crate::limits::{MAX_TABLE_ELEMENTS, MIB};

fn limiter(limit: usize, budget: &Arc<InstanceBudget>) -> MemoryLimiter {
    MemoryLimiter::new(limit, Arc::clone(budget))
}

#[tokio::test]
async fn all_memories_of_an_instance_count_together() {
    let budget = InstanceBudget::new(1, 1000);
    let mut limiter = limiter(100, &budget);
    assert!(limiter.memory_growing(0, 60, None).await.unwrap());
    assert!(!limiter.memory_growing(0, 60, None).await.unwrap());
    assert_eq!(limiter.refusal(), Some(MemoryRefusal::OwnLimit));
    assert!(limiter.memory_growing(60, 100, None).await.unwrap());
    assert_eq!(limiter.used(), 100);
}

#[tokio::test]
async fn growth_that_the_memory_forbids_itself_is_not_counted() {
    let budget = InstanceBudget::new(1, 1000);
    let mut limiter = limiter(100, &budget);
    for _ in 0..10 {
        assert!(!limiter.memory_growing(10, 60, Some(50)).await.unwrap());
    }
    assert_eq!(limiter.used(), 0);
    assert_eq!(limiter.refusal(), None);
}

#[tokio::test]
async fn an_instance_that_ends_gives_its_memory_back() {
    let budget = InstanceBudget::new(2, 100);
    for _ in 0..3 {
        let mut limiter = limiter(100, &budget);
        assert!(limiter.memory_growing(0, 100, None).await.unwrap());
    }
}

#[tokio::test]
async fn tables_are_bounded() {
    let budget = InstanceBudget::new(1, MIB);
    let mut limiter = limiter(100, &budget);
    for (elements, allowed) in [(MAX_TABLE_ELEMENTS, true), (MAX_TABLE_ELEMENTS + 1, false)] {
        assert_eq!(
            limiter.table_growing(0, elements, None).await.unwrap(),
            allowed
        );
    }
}

#[tokio::test]
async fn memory_that_the_system_refuses_is_given_back() {
    let budget = InstanceBudget::new(1, 100);
    let mut limiter = limiter(100, &budget);
    for _ in 0..2 {
        assert!(limiter.memory_growing(0, 100, None).await.unwrap());
        limiter.memory_grow_failed(no_memory()).unwrap();
        assert_eq!(limiter.used(), 0);
    }
    assert!(limiter.memory_growing(0, 60, None).await.unwrap());
    assert!(!limiter.memory_growing(60, 160, None).await.unwrap());
    limiter.memory_grow_failed(no_memory()).unwrap();
    assert_eq!(limiter.used(), 60, "what was refused is not given back");
}

#[tokio::test]
async fn tables_take_from_the_memory_of_all_instances() {
    let budget = InstanceBudget::new(2, 100);
    let mut first = limiter(100, &budget);
    assert!(first.table_growing(0, 10, None).await.unwrap());
    let mut second = limiter(100, &budget);
    assert!(!second.memory_growing(0, 30, None).await.unwrap());
    assert_eq!(second.refusal(), Some(MemoryRefusal::NoneLeft));
    first.table_grow_failed(no_memory()).unwrap();
    assert!(second.memory_growing(0, 30, None).await.unwrap());
    assert!(first.table_growing(0, 5, None).await.unwrap());
    drop(first);
    assert!(second.memory_growing(30, 100, None).await.unwrap());
}

fn no_memory() -> wasmtime::Error {
    wasmtime::format_err!("the system has none")
}
