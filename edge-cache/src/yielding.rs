//! Lets other tasks of the thread run.

use std::future::poll_fn;
use std::task::Poll;

/// Returns after the executor has polled other tasks `count` times.
pub(crate) async fn yield_to_others(mut count: u32) {
    poll_fn(|context| {
        if count == 0 {
            return Poll::Ready(());
        }
        count -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
