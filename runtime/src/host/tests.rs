//! Tests of the bounds on memory.

use std::sync::Arc;

use wasmtime::ResourceLimiterAsync;

use super::{MemoryLimiter, MemoryRefusal, Preopen};
use crate::function::InstanceBudget;
use crate::limits::MAX_TABLE_ELEMENTS;

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
    let budget = InstanceBudget::new(1, 1000);
    let mut limiter = limiter(100, &budget);
    for (elements, allowed) in [(MAX_TABLE_ELEMENTS, true), (MAX_TABLE_ELEMENTS + 1, false)] {
        assert_eq!(
            limiter.table_growing(0, elements, None).await.unwrap(),
            allowed
        );
    }
}

#[test]
fn gathered_files_go_with_their_component_and_those_of_users_stay() {
    let folder = tempfile::tempdir().unwrap();
    let host = folder.path().join("0").join("shop");
    std::fs::create_dir_all(host.join("left over")).unwrap();
    let gathered = Preopen::gathered(host.clone()).unwrap();
    assert_eq!(std::fs::read_dir(&host).unwrap().count(), 0);
    drop(gathered);
    assert!(!host.exists());
    drop(Preopen::folder(folder.path().into(), "/".into()));
    assert!(folder.path().exists());
}
