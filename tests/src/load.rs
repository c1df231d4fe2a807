//! Many calls at once.

use std::future::Future;

use futures::stream::{self, StreamExt};

/// Makes `count` calls, `at_once` of them at a time, and gives their outcomes in no order.
pub async fn calls<T, F: Future<Output = T>>(
    count: usize,
    at_once: usize,
    call: impl Fn(usize) -> F,
) -> Vec<T> {
    stream::iter((0..count).map(call))
        .buffer_unordered(at_once)
        .collect()
        .await
}

/// Makes `count` calls, all at once, and gives their outcomes in no order.
pub async fn at_once<T, F: Future<Output = T>>(count: usize, call: impl Fn(usize) -> F) -> Vec<T> {
    calls(count, count, call).await
}
