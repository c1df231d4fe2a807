//! The figures of the server, on a page with the names that Terrace's has.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// The upper bounds of Terrace's buckets, in seconds. The last bucket takes all the rest.
const BOUNDS: [f64; 14] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0, 10.0,
    30.0,
];

/// Counts messages.
#[derive(Default)]
pub(crate) struct Figures {
    accepted: AtomicU64,
    /// Acknowledged messages by the time since they were accepted.
    acknowledged: [AtomicU64; BOUNDS.len() + 1],
}

impl Figures {
    /// Counts a message that is stored.
    pub(crate) fn accepted(&self) {
        self.accepted.fetch_add(1, Relaxed);
    }

    /// Counts a message that was accepted so long ago, and is acknowledged now.
    pub(crate) fn acknowledged(&self, latency: Duration) {
        let seconds = latency.as_secs_f64();
        let bucket = BOUNDS.partition_point(|bound| *bound < seconds);
        self.acknowledged[bucket].fetch_add(1, Relaxed);
    }

    /// The page.
    pub(crate) fn page(&self) -> String {
        let accepted = self.accepted.load(Relaxed);
        let mut page = format!("terrace_messages_accepted_total{{queue=\"mail\"}} {accepted}\n");
        let mut below = 0;
        let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
        for (bound, count) in bounds.zip(&self.acknowledged) {
            below += count.load(Relaxed);
            // Writing to a `String` cannot fail.
            let _ = writeln!(
                page,
                "terrace_message_latency_seconds_bucket{{le=\"{bound}\",queue=\"mail\"}} {below}"
            );
        }
        let _ = writeln!(
            page,
            "terrace_message_deliveries_total{{queue=\"mail\",result=\"acknowledged\"}} {below}"
        );
        page
    }
}
