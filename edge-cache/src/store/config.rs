//! The size of the store.

use std::num::NonZeroUsize;

use crate::limits::{DEFAULT_MAX_VARIANTS, LARGEST_RESPONSE_DIVISOR, MIN_SHARD_BYTES};

/// The size of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// The most bytes of all stored responses, with keys, fields and indexes.
    pub capacity_bytes: u64,
    /// Shards, each with its own locks; rounded up to a power of two.
    pub shards: NonZeroUsize,
    /// The most bytes of one response; at most a shard.
    pub max_response_bytes: u64,
    /// The most responses under one key.
    pub max_variants: NonZeroUsize,
}

impl StoreConfig {
    /// A store of this capacity for so many threads.
    #[must_use]
    pub fn new(capacity_bytes: u64, threads: NonZeroUsize) -> Self {
        let wanted = threads.get().saturating_mul(4).next_power_of_two();
        let room = usize::try_from(capacity_bytes / MIN_SHARD_BYTES).unwrap_or(usize::MAX);
        let most = NonZeroUsize::new(room).map_or(1, |room| 1 << room.ilog2());
        let shards = NonZeroUsize::new(wanted.min(most)).unwrap_or(NonZeroUsize::MIN);
        Self {
            capacity_bytes,
            shards,
            max_response_bytes: capacity_bytes / shards.get() as u64 / LARGEST_RESPONSE_DIVISOR,
            max_variants: NonZeroUsize::new(DEFAULT_MAX_VARIANTS).unwrap_or(NonZeroUsize::MIN),
        }
    }
}
