//! The life of instances: calls, reuse, limits, and their end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;

use super::Function;
use super::testing::{Bed, LOOPING, SILENT, TRAPPING, WORKER, call, call_within, limits, request};
use crate::budget::InstanceBudget;
use crate::failure::Failure;
use crate::limits::{KIB, MIB};
use crate::manifest::{ComponentLimits, Reuse};

/// One page of memory. Every guest of these tests has one.
const PAGE: u64 = 64 * KIB;

/// Lets the drivers run until there is room for `instances` new instances.
async fn free(budget: &InstanceBudget, instances: usize) {
    let free = async {
        while budget.free() != instances {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), free).await;
    assert!(waited.is_ok(), "{} are free", budget.free());
}

/// The failure that ended the call. No guest here answers.
async fn failure(function: &Arc<Function>) -> Failure {
    call(function).await.err().unwrap()
}

#[tokio::test]
async fn a_guest_that_returns_without_an_answer_fails() {
    let bed = Bed::new(8, MIB);
    let function = bed.function(SILENT, limits());
    assert_eq!(failure(&function).await, Failure::NoResponse);
}

#[tokio::test]
async fn a_trap_ends_its_call_and_its_instance() {
    let bed = Bed::new(8, MIB);
    let function = bed.function(TRAPPING, limits());
    assert_eq!(failure(&function).await, Failure::GuestTrapped);
    free(&bed.budget, 8).await;
}

#[tokio::test]
async fn a_busy_loop_ends_at_its_deadline() {
    let bed = Bed::new(8, MIB);
    let function = bed.function(LOOPING, limits());
    let state = call_within(Duration::from_millis(20));
    let ended = function.call(request(), state).await;
    assert_eq!(ended.err(), Some(Failure::DeadlineExceeded));
    free(&bed.budget, 8).await;
}

#[tokio::test]
async fn a_busy_loop_ends_at_its_cpu_limit() {
    let bed = Bed::new(8, MIB);
    let cpu = Duration::from_millis(20);
    let function = bed.function(LOOPING, ComponentLimits { cpu, ..limits() });
    assert_eq!(failure(&function).await, Failure::CpuExceeded);
}

#[tokio::test]
async fn a_busy_loop_ends_when_its_client_goes_away() {
    let bed = Bed::new(8, MIB);
    let function = bed.function(LOOPING, limits());
    let given_up = tokio::time::timeout(Duration::from_millis(20), call(&function)).await;
    assert!(given_up.is_err());
    free(&bed.budget, 8).await;
}

#[tokio::test]
async fn an_idle_instance_serves_the_next_call() {
    let bed = Bed::new(8, MIB);
    let function = bed.function(SILENT, limits());
    for _ in 0..10 {
        failure(&function).await;
        free(&bed.budget, 7).await;
    }
}

#[tokio::test]
async fn an_instance_ends_after_its_share_of_requests() {
    let bed = Bed::new(8, MIB);
    let reuse = Reuse::Shared {
        requests: 2,
        concurrent: 1,
        idle: Duration::from_secs(1000),
    };
    let function = bed.function(SILENT, ComponentLimits { reuse, ..limits() });
    failure(&function).await;
    free(&bed.budget, 7).await;
    failure(&function).await;
    free(&bed.budget, 8).await;
}

#[tokio::test]
async fn a_fresh_instance_serves_one_call() {
    let bed = Bed::new(8, MIB);
    let reuse = Reuse::Fresh;
    let function = bed.function(SILENT, ComponentLimits { reuse, ..limits() });
    failure(&function).await;
    free(&bed.budget, 8).await;
}

#[tokio::test]
async fn an_instance_without_work_is_reaped() {
    let bed = Bed::new(8, MIB);
    let reuse = Reuse::Shared {
        requests: 1000,
        concurrent: 1,
        idle: Duration::ZERO,
    };
    let function = bed.function(SILENT, ComponentLimits { reuse, ..limits() });
    failure(&function).await;
    free(&bed.budget, 7).await;
    function.reap(WORKER);
    free(&bed.budget, 8).await;
}

#[tokio::test]
async fn idle_instances_end_with_their_function() {
    let bed = Bed::new(8, MIB);
    let function = bed.function(SILENT, limits());
    failure(&function).await;
    function.retire();
    free(&bed.budget, 8).await;
}

#[tokio::test]
async fn a_busy_instance_ends_after_its_call_when_its_function_was_retired() {
    for concurrent in [1, 4] {
        let bed = Bed::new(8, MIB);
        let function = bed.function(SILENT, shared(concurrent));
        let mut under_way = Box::pin(call(&function));
        assert!(under_way.as_mut().now_or_never().is_none());
        function.retire();
        assert_eq!(under_way.await.err(), Some(Failure::NoResponse));
        free(&bed.budget, 8).await;
        assert_eq!(Arc::strong_count(&function), 1);
    }
}

fn shared(concurrent: u32) -> ComponentLimits {
    let reuse = Reuse::Shared {
        requests: 1000,
        concurrent,
        idle: Duration::from_secs(1000),
    };
    ComponentLimits { reuse, ..limits() }
}

#[tokio::test]
async fn calls_that_share_an_instance_all_end() {
    let bed = Bed::new(8, MIB);
    let function = bed.function(SILENT, shared(4));
    let ended = join_all((0..8).map(|_| failure(&function))).await;
    assert_eq!(ended, [const { Failure::NoResponse }; 8]);
    free(&bed.budget, 6).await;
    function.retire();
    free(&bed.budget, 8).await;
}

#[tokio::test]
async fn a_loop_in_a_shared_instance_ends_at_its_deadline() {
    let bed = Bed::new(8, MIB);
    let function = bed.function(LOOPING, shared(4));
    let state = call_within(Duration::from_millis(20));
    let ended = function.call(request(), state).await;
    assert_eq!(ended.err(), Some(Failure::DeadlineExceeded));
    free(&bed.budget, 8).await;
}

#[tokio::test]
async fn an_idle_instance_makes_room_for_another_function() {
    let bed = Bed::new(1, MIB);
    let first = bed.function(SILENT, limits());
    let second = bed.function(SILENT, limits());
    for function in [&first, &second, &first] {
        assert_eq!(failure(function).await, Failure::NoResponse);
    }
}

#[tokio::test]
async fn an_instance_that_becomes_idle_makes_room_for_who_waits() {
    let bed = Bed::new(1, MIB);
    let functions = [SILENT, SILENT, SILENT].map(|code| bed.function(code, limits()));
    let ended = join_all(functions.iter().map(failure)).await;
    assert_eq!(ended, [const { Failure::NoResponse }; 3]);
}

#[tokio::test]
async fn memory_of_idle_instances_goes_to_who_needs_it() {
    let bed = Bed::new(8, PAGE);
    let first = bed.function(SILENT, limits());
    let second = bed.function(SILENT, limits());
    for function in [&first, &second, &first] {
        assert_eq!(failure(function).await, Failure::NoResponse);
    }
}

#[tokio::test]
async fn a_guest_that_needs_more_memory_than_all_may_have_is_refused() {
    let bed = Bed::new(8, PAGE - 1);
    let function = bed.function(SILENT, limits());
    assert_eq!(failure(&function).await, Failure::OutOfMemory);
    free(&bed.budget, 8).await;
}

#[tokio::test]
async fn a_call_that_finds_no_instance_in_time_is_refused() {
    let bed = Bed::new(0, MIB);
    let function = bed.function(SILENT, limits());
    let state = call_within(Duration::from_millis(20));
    let ended = function.call(request(), state).await;
    assert_eq!(ended.err(), Some(Failure::InstantiationFailed));
}

#[tokio::test]
async fn a_call_given_up_while_it_waits_for_an_instance_leaves_its_place() {
    let bed = Bed::new(0, MIB);
    let function = bed.function(SILENT, limits());
    let given_up = tokio::time::timeout(Duration::from_millis(20), call(&function)).await;
    assert!(given_up.is_err());
    let left = async {
        while Arc::strong_count(&function) > 1 {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), left).await;
    assert!(waited.is_ok(), "the driver still waits");
}

/// A guest that computes for some milliseconds.
const BUSY: &str = "(local i32) (local.set 2 (i32.const 10000000))
    (loop (br_if 0 (local.tee 2 (i32.sub (local.get 2) (i32.const 1)))))";

/// The failure of one call, and the CPU time that it was charged.
async fn charge(function: &Arc<Function>) -> (Option<Failure>, Duration) {
    let state = call_within(function.limits.timeout);
    let ended = function.call(request(), Arc::clone(&state)).await;
    (ended.err(), state.cpu_time())
}

#[tokio::test]
async fn busy_neighbours_do_not_end_an_innocent_guest() {
    let bed = Bed::new(8, MIB);
    let function = bed.function(BUSY, limits());
    let (_, alone) = charge(&function).await;
    let cpu = 3 * alone;
    let function = bed.function(BUSY, ComponentLimits { cpu, ..limits() });
    let looping = bed.function(LOOPING, ComponentLimits { cpu, ..limits() });
    let neighbours = Neighbours::start();
    let (innocent, charged) = charge(&function).await;
    let (loops, _) = charge(&looping).await;
    drop(neighbours);
    assert_eq!(
        innocent,
        Some(Failure::NoResponse),
        "{charged:?} of {cpu:?}"
    );
    assert_eq!(loops, Some(Failure::CpuExceeded));
}

/// Threads that keep all processors busy until this is dropped.
struct Neighbours(Arc<AtomicBool>);

impl Neighbours {
    /// The number of threads for each processor. A further thread then gets less than an eighth of it.
    const PER_PROCESSOR: usize = 8;

    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let processors = std::thread::available_parallelism().unwrap().get();
        for _ in 0..Self::PER_PROCESSOR * processors {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || while !stop.load(Ordering::Relaxed) {});
        }
        Self(stop)
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
