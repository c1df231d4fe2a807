//! Figures of the store.

/// Figures of the store. Counters start when it is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStatistics {
    /// Keys with stored responses.
    pub entries: u64,
    /// The memory that they take, in bytes.
    pub stored_bytes: u64,
    /// The most memory that they may take, in bytes.
    pub capacity_bytes: u64,
    /// Responses that were stored.
    pub insertions: u64,
    /// Keys that were not admitted, because others are used more.
    pub refused: u64,
    /// Keys that were evicted from the main list.
    pub evictions: u64,
    /// Responses that purges removed or marked stale.
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
