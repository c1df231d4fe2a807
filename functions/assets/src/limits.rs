//! The limits of the function, with their reasons.

/// The longest file that is read at once, in bytes; its entity tag is a hash of all of it. A longer one is streamed. The
/// memory of an instance stays within a few of these, and hashing one takes some milliseconds.
pub(crate) const MAX_READ_AT_ONCE_BYTES: u64 = 1 << 20;

/// A piece of a streamed file, in bytes: few calls of the host, and little memory.
pub(crate) const PIECE_BYTES: u64 = 64 << 10;

/// The pieces of a long file that its entity tag depends on, beside its length and time.
pub(crate) const SAMPLES: u64 = 4;

/// The most entity tags that an instance remembers, some hundred bytes each. Reaching it forgets all of them.
pub(crate) const MAX_TAGS: usize = 4_096;

/// How long a response may be used without asking again, in seconds, if `ASSETS_MAX_AGE` does not say.
pub(crate) const DEFAULT_MAX_AGE_SECONDS: u32 = 60;

/// How long the absence of a file may be believed, in seconds: during an update, a page can arrive before its scripts.
pub(crate) const MISSING_MAX_AGE_SECONDS: u32 = 10;

/// The fewest hexadecimal digits that make a part of a name a hash of the content.
pub(crate) const MIN_HASH_DIGITS: usize = 8;
