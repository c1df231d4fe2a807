//! Turns that work leaves to others of its thread.

use std::future::poll_fn;
use std::task::Poll;

/// Lets others have so many turns before it is ready.
pub(crate) async fn turns(mut count: u32) {
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
