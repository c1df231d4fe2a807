//! The limits of key-value stores, with their reasons. All are checked before the database is asked.

/// Longest key, in bytes of UTF-8. Keys are kept twice, in the row and in its index, and an index
/// with long keys is slow. A longer key is an error of the call.
pub const MAX_KEY_BYTES: usize = 1_024;

/// Largest value, in bytes. Half of what one row of the database may hold
/// ([`crate::sql::MAX_VALUE_BYTES`]). A larger value is an error of the call.
pub const MAX_VALUE_BYTES: usize = 8 * 1024 * 1024;
