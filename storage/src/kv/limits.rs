//! The limits of key-value stores, with their reasons.

/// Longest key, in bytes of UTF-8. Each key is stored in the row and in the index, and an index with long keys is slow. A longer
/// key is an error of the call.
pub const MAX_KEY_BYTES: usize = 1_024;

/// Largest value, in bytes: half of the largest row of the database ([`crate::sql::MAX_VALUE_BYTES`]). A larger value is an error
/// of the call.
pub const MAX_VALUE_BYTES: usize = 8 * 1024 * 1024;

/// Most memory for the list of all keys of a store, in bytes. For a store with more keys the call is an error; its keys can still be
/// read and written one by one.
pub const MAX_KEYS_BYTES: usize = 16 * 1024 * 1024;

/// Most memory for the values of one call for many keys, in bytes. With more the call is an error; the values can still be read one by
/// one.
pub const MAX_VALUES_BYTES: usize = 16 * 1024 * 1024;

/// Most keys of one call for many keys that the engine works on at once. They hide each other's round trips, and leave room for other
/// calls.
pub const KEYS_AT_ONCE: usize = 32;
