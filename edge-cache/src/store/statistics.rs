//! Figures of the store.

/// Figures of the store. Those that only grow are counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStatistics {
    /// Keys under which something is stored.
    pub entries: u64,
    /// What all of it takes, in bytes.
    pub stored_bytes: u64,
    /// The most that it may take, in bytes.
    pub capacity_bytes: u64,
    /// Responses that were stored.
    pub insertions: u64,
    /// Entries that were not kept because others are used more.
    pub refused: u64,
    /// Entries that left for others.
    pub evictions: u64,
    /// Responses that a purge has removed or marked stale.
    pub purged: u64,
}

impl StoreStatistics {
    pub(super) fn add(&mut self, other: Self) {
        self.entries += other.entries;
        self.stored_bytes += other.stored_bytes;
        self.insertions += other.insertions;
        self.refused += other.refused;
        self.evictions += other.evictions;
    }
}
