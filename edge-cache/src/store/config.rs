//! How large the store is and what it takes in.

use std::num::NonZeroUsize;

/// Variants of one key that are kept; beyond it the oldest leaves. Enough for the encodings and languages of a page, and
/// too few for a `Vary` on something that differs with each client to push out everything else.
pub const DEFAULT_MAX_VARIANTS: NonZeroUsize = NonZeroUsize::new(16).unwrap();

/// The largest response, as a fraction of a shard: a shard that holds fewer than this many has nothing to choose from.
const LARGEST_OF_SHARD: u64 = 4;

/// The least that a shard holds, in bytes: in smaller ones chance decides what finds room.
const MIN_SHARD_BYTES: u64 = 4 * 1024 * 1024;

/// How large the store is and what it takes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// The most bytes that all stored responses may take, with keys, fields and everything kept about them.
    pub capacity_bytes: u64,
    /// Into how many parts with locks of their own it is divided; rounded up to a power of two.
    pub shards: NonZeroUsize,
    /// The most bytes of one response; no more than a shard has.
    pub max_response_bytes: u64,
    /// The most responses under one key.
    pub max_variants: NonZeroUsize,
}

impl StoreConfig {
    /// A store of this capacity that so many threads use at once.
    #[must_use]
    pub fn new(capacity_bytes: u64, threads: NonZeroUsize) -> Self {
        let wanted = threads.get().saturating_mul(4).next_power_of_two();
        let room = usize::try_from(capacity_bytes / MIN_SHARD_BYTES).unwrap_or(usize::MAX);
        let most = NonZeroUsize::new(room).map_or(1, |room| 1 << room.ilog2());
        let shards = NonZeroUsize::new(wanted.min(most)).unwrap_or(NonZeroUsize::MIN);
        Self {
            capacity_bytes,
            shards,
            max_response_bytes: capacity_bytes / shards.get() as u64 / LARGEST_OF_SHARD,
            max_variants: DEFAULT_MAX_VARIANTS,
        }
    }
}
