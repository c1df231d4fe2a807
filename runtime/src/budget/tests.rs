//! The memory that all instances share.

use futures::FutureExt;

use super::InstanceBudget;

#[test]
fn memory_is_given_up_to_the_limit() {
    let budget = InstanceBudget::new(1, 100);
    assert!(budget.try_take_memory(60));
    assert!(!budget.try_take_memory(41));
    assert!(budget.try_take_memory(40));
}

#[test]
fn a_refused_wish_takes_nothing() {
    let budget = InstanceBudget::new(1, 100);
    assert!(!budget.try_take_memory(u64::MAX));
    assert!(budget.try_take_memory(100));
}

#[tokio::test]
async fn memory_given_back_goes_to_who_waits() {
    let budget = InstanceBudget::new(1, 100);
    assert!(budget.take_memory(100).await);
    let (taken, ()) = tokio::join!(budget.take_memory(50), async {
        assert!(budget.is_short());
        budget.give_back_memory(50);
    });
    assert!(taken);
    assert!(!budget.is_short());
}

#[tokio::test]
async fn more_memory_than_there_is_at_all_is_not_waited_for() {
    let budget = InstanceBudget::new(1, 100);
    assert_eq!(budget.take_memory(101).now_or_never(), Some(false));
}
