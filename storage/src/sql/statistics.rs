//! What a database counts about itself, for metrics. Naming and exporting the metrics is left to the observer.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the database was opened. Each only grows.
#[derive(Debug, Default)]
pub struct Statistics {
    /// Reads that ran on the thread of their caller.
    pub inline_reads: Counter,
    /// Reads that ran on a thread of their own.
    pub long_reads: Counter,
    /// Statements that the writer executed, those inside transactions included.
    pub writes: Counter,
    /// Commits that the writer made for groups of statements.
    pub group_commits: Counter,
    /// Transactions that sessions opened.
    pub transactions: Counter,
    /// Transactions that were rolled back because their session went away or stayed idle.
    pub transactions_lost: Counter,
    /// Pauses made because another process held a lock.
    pub lock_waits: Counter,
    /// Statements that their deadline ended.
    pub deadlines_exceeded: Counter,
    /// Statements refused because the writer's queue was full.
    pub overloads: Counter,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The number now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
