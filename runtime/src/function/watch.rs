//! Enforces the limits of a running instance from outside: the deadlines of its calls, their CPU time, and whether their
//! clients are still there. [`super::cpu_time`] measures the CPU time.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep_until};

use super::call::CallState;
use super::instance_slot::InstanceSlot;
use crate::clock;
use crate::failure::Failure;
use crate::limits::DEADLINE_GRACE;

pin_project_lite::pin_project! {
    /// Watches the calls of an instance. Ends it if a call is late, uses too much CPU time, or has lost its client.
    pub(super) struct Watch<'a> {
        slot: &'a Arc<InstanceSlot>,
        cpu_limit: Duration,
        // Set to the deadline of some call, and checked when it fires, so that a request needs no timer of its own.
        #[pin]
        alarm: Sleep,
    }
}

impl<'a> Watch<'a> {
    /// Watches the calls of `slot`. The first must end by `deadline`.
    pub(super) fn new(slot: &'a Arc<InstanceSlot>, cpu_limit: Duration, deadline: Instant) -> Self {
        Self {
            slot,
            cpu_limit,
            alarm: sleep_until(deadline.into()),
        }
    }

    /// Ready with the limit that a call has exceeded.
    pub(super) fn poll(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        now: Instant,
    ) -> Poll<Failure> {
        let mut this = self.project();
        let slot = *this.slot;
        let verdict = slot.with_calls(|calls| judge(slot, calls, *this.cpu_limit, now, context));
        let deadline = match verdict {
            Verdict::End(failure) => return Poll::Ready(failure),
            Verdict::Nothing => return Poll::Pending,
            Verdict::Until(deadline) => deadline,
        };
        if this.alarm.deadline().into_std() > deadline || this.alarm.is_elapsed() {
            this.alarm.as_mut().reset(deadline.into());
        }
        while this.alarm.as_mut().poll(context).is_ready() {
            let now = clock::now();
            if now >= deadline {
                return Poll::Ready(Failure::DeadlineExceeded);
            }
            this.alarm.as_mut().reset(deadline.into());
        }
        Poll::Pending
    }
}

enum Verdict {
    End(Failure),
    Until(Instant),
    Nothing,
}

fn judge(
    slot: &InstanceSlot,
    calls: &[Arc<CallState>],
    cpu_limit: Duration,
    now: Instant,
    context: &Context<'_>,
) -> Verdict {
    let grace = if slot.is_shared() {
        DEADLINE_GRACE
    } else {
        Duration::ZERO
    };
    let mut earliest: Option<Instant> = None;
    for call in calls {
        call.wake_on_cancel(context.waker());
        // If calls share the instance, a lost client ends none of them.
        if call.is_cancelled() && !slot.is_shared() {
            return Verdict::End(Failure::ClientDisconnected);
        }
        if call.cpu_time() > cpu_limit {
            return Verdict::End(Failure::CpuExceeded);
        }
        let deadline = call.deadline + grace;
        if now >= deadline {
            return Verdict::End(Failure::DeadlineExceeded);
        }
        earliest = Some(earliest.map_or(deadline, |earliest| earliest.min(deadline)));
    }
    earliest.map_or(Verdict::Nothing, Verdict::Until)
}
