//! The limits of key-value stores, with their reasons.

/// Longest key, in bytes of UTF-8. Keys are kept twice, in the row and in its index, and an index
/// with long keys is slow. A longer key is an error of the call.
pub const MAX_KEY_BYTES: usize = 1_024;

/// Largest value, in bytes. Half of what one row of the database may hold
/// ([`crate::sql::MAX_VALUE_BYTES`]). A larger value is an error of the call.
pub const MAX_VALUE_BYTES: usize = 8 * 1024 * 1024;

/// Most memory that the list of all keys of a store may take, in bytes. A store with more keys answers the call
/// with an error; its keys are still read and written one by one.
pub const MAX_KEYS_BYTES: usize = 16 * 1024 * 1024;
