//! The limits of the dialect, each with its unit, its reason and what happens on reaching it.
//! What they are enforced with is left to the modules that use them.

/// Deepest nesting of expressions and queries, in levels. Each takes stack, of which a thread has some megabytes. A
/// statement that is nested more deeply is refused by name.
pub const MAX_DEPTH: usize = 200;

/// Longest identifier of Postgres, in bytes. It cuts longer ones without an error, so two could become one. A longer
/// one is refused by name.
pub const MAX_IDENTIFIER_BYTES: usize = 63;

/// Largest magnitude up to which each integer is also a real. Beyond it, an integer and a real are compared by a
/// function, because Postgres would round the integer.
pub(super) const LARGEST_EXACT_INTEGER: i64 = 1 << 53;

/// Most parameters of one statement: SQLite's own default. More are refused.
pub const MAX_PARAMETERS: usize = 32_766;
