//! The counts of a database, for metrics. The program that uses this crate names and exports the metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the database was opened. Each only grows.
#[derive(Debug, Default)]
pub struct Statistics {
    /// Reads that ran on their caller's thread.
    pub inline_reads: Counter,
    /// Reads that ran on a thread for long reads.
    pub long_reads: Counter,
    /// Reads that ran on a connection to a server.
    pub reads: Counter,
    /// Statements that changed something, or tried to, including those in transactions.
    pub writes: Counter,
    /// Commits that the writer made for groups of statements.
    pub group_commits: Counter,
    /// Transactions that sessions opened.
    pub transactions: Counter,
    /// Transactions that were rolled back because their session was dropped or stayed idle.
    pub transactions_lost: Counter,
    /// Pauses because another process held a lock.
    pub lock_waits: Counter,
    /// Statements that ended at their deadline.
    pub deadlines_exceeded: Counter,
    /// Statements refused because too many waited for the writer, or for a connection.
    pub overloads: Counter,
    /// Statements that ran again because others were in their way, their connection broke or the schema changed.
    pub retries: Counter,
    /// Connections to a server that were opened.
    pub connections_opened: Counter,
    /// Connections to a server that were closed, or broke.
    pub connections_closed: Counter,
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
