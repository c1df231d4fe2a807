//! The concurrency limit and its queue.

use std::time::{Duration, Instant};

use futures::FutureExt;

use super::Admission;
use crate::clock;
use crate::failure::Failure;
use crate::observe::{ComponentMetrics, Metrics};

fn metrics() -> std::sync::Arc<ComponentMetrics> {
    Metrics::new().component("tested")
}

fn later() -> Instant {
    clock::now() + Duration::from_secs(20)
}

#[tokio::test]
async fn beyond_the_limit_a_call_waits_for_the_end_of_another() {
    let (admission, metrics) = (Admission::new(1, 1), metrics());
    let first = admission.admit(later(), &metrics).await.unwrap();
    let mut second = Box::pin(admission.admit(later(), &metrics));
    assert!(second.as_mut().now_or_never().is_none());
    drop(first);
    assert!(second.await.is_ok());
}

#[tokio::test]
async fn beyond_the_queue_a_call_is_refused_at_once() {
    let (admission, metrics) = (Admission::new(1, 1), metrics());
    let _first = admission.admit(later(), &metrics).await.unwrap();
    let mut waiting = Box::pin(admission.admit(later(), &metrics));
    assert!(waiting.as_mut().now_or_never().is_none());
    let refused = admission.admit(later(), &metrics).now_or_never();
    assert_eq!(refused.unwrap().err(), Some(Failure::QueueFull));
}

#[tokio::test]
async fn who_leaves_the_queue_makes_room_in_it() {
    let (admission, metrics) = (Admission::new(1, 1), metrics());
    let first = admission.admit(later(), &metrics).await.unwrap();
    for _ in 0..3 {
        let mut waiting = Box::pin(admission.admit(later(), &metrics));
        assert!(waiting.as_mut().now_or_never().is_none());
    }
    drop(first);
    assert!(admission.admit(later(), &metrics).await.is_ok());
}

#[tokio::test]
async fn nobody_waits_beyond_the_deadline() {
    let (admission, metrics) = (Admission::new(1, 1), metrics());
    let _first = admission.admit(later(), &metrics).await.unwrap();
    let late = admission.admit(clock::now(), &metrics).await;
    assert_eq!(late.err(), Some(Failure::ConcurrencyTimeout));
}
