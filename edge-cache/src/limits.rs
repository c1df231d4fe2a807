//! The limits of the cache, each with its unit, its reason, and what happens beyond it.
//!
//! Public ones are met by users and stand in `docs/limits.md`. What a standard fixes, such as the form of a date, is
//! not here but beside the code that reads it.

use std::time::Duration;

/// One kibibyte, in bytes.
const KIB: u64 = 1024;

/// One mebibyte, in bytes.
const MIB: u64 = 1024 * KIB;

// Requests and responses.

/// The longest key, in bytes: RFC 9110 §4.1 asks for 8000 bytes of target URI at least. A request with a longer one is
/// forwarded, and its response is not stored.
pub const MAX_KEY_BYTES: usize = 8192;

/// The most fields that `Vary` may nominate: each makes variants rarer. A response that nominates more is not stored.
pub const MAX_NOMINATED_FIELDS: usize = 16;

/// The most bytes of one nominated field of a request, since each variant keeps a copy. The response to a request with
/// a longer one is not stored.
pub const MAX_NOMINATED_BYTES: usize = 4096;

/// The most groups of one response, eight times what RFC 9875 §2 asks for. A response in more of them is not stored,
/// since it could not be invalidated by each of them.
pub const MAX_GROUPS: usize = 256;

/// The longest name of a group, in bytes; RFC 9875 §2 asks for 32. A response with a longer one is not stored.
pub const MAX_GROUP_BYTES: usize = 1024;

/// The variants of one key: enough for the languages and encodings of a page, and few enough that a `Vary` on a field
/// that differs with each client pushes out nothing else. Beyond it the oldest variant leaves.
pub const DEFAULT_MAX_VARIANTS: usize = 16;

/// The parts of one incomplete response that are stored. With one more, the newest part is kept alone, since so many gaps
/// are seldom filled.
pub const MAX_STORED_PARTS: usize = 64;

// Freshness.

/// The longest `max-age` and its like, in seconds: 68 years. A larger number counts as this one (RFC 9111 §1.2.2).
pub const MAX_DELTA_SECONDS: u64 = 2_147_483_648;

/// The part of the time since `Last-Modified` for which a response without an explicit lifetime is fresh, as a divisor:
/// the 10 % that RFC 9111 §4.2.2 names.
pub const HEURISTIC_DIVISOR: u32 = 10;

/// The longest heuristic freshness: a wrong guess lasts a day at most.
pub const MAX_HEURISTIC_FRESHNESS: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a response may have been stale to be served when the origin can't be reached, unless the response says
/// otherwise: long enough for somebody to notice and repair the origin.
pub const DEFAULT_STALE_WHEN_DISCONNECTED: Duration = Duration::from_secs(60 * 60);

// Compression.

/// The shortest content that is compressed, in bytes: a shorter one fits into one packet anyway.
pub const MIN_COMPRESSED_BYTES: u64 = 1024;

/// Content that is compressed before other tasks of the thread run, in bytes: some 100 µs of the slowest coding.
pub(crate) const ENCODING_SLICE_BYTES: usize = 8 * 1024;

// The store.

/// The memory of the store by default: room for some ten thousand pages. Beyond it, responses that are used less leave.
pub const DEFAULT_CAPACITY_BYTES: u64 = 256 * MIB;

/// The least that one shard of the store holds, in bytes: in a smaller one, chance decides which responses find room. A
/// small store has fewer shards.
pub const MIN_SHARD_BYTES: u64 = 4 * MIB;

/// The largest response by default, as a divisor of a shard: a shard that holds fewer responses has no choice. A larger
/// one is forwarded without being stored.
pub const LARGEST_RESPONSE_DIVISOR: u64 = 4;

/// Invalidations that the store remembers. A response that was under way during more of them is not stored: at 100 per
/// second, one that takes more than ten seconds.
pub const MAX_LOGGED_INVALIDATIONS: usize = 1024;

/// What these invalidations may take, in bytes, beside the memory of the store: URLs of the usual length do not reach it.
/// Beyond it the oldest are forgotten.
pub const MAX_INVALIDATION_LOG_BYTES: usize = 256 * 1024;

/// The small list of S3-FIFO as a part of a shard, as a divisor. It is larger while the main list does not need the rest.
pub(crate) const SMALL_LIST_DIVISOR: u64 = 20;

/// Entries of a shard for each evicted key that it remembers.
pub(crate) const ENTRIES_PER_EVICTED_KEY: usize = 2;

/// Uses of an entry that are counted: with more, an entry that was popular once would stay for long.
pub(crate) const MAX_USES: u8 = 3;

/// Entries that a purge visits before it unlocks the shard and yields: some 70 µs. It is small because tokio looks for
/// input and output only after 61 polls of tasks.
pub(crate) const PURGE_BATCH: usize = 16;

// Content that arrives.

/// The part of the store's capacity that content may take while it arrives, as a divisor. Content beyond it is forwarded
/// without being stored.
pub const ARRIVING_SHARE_DIVISOR: u64 = 4;

/// How far the writer of content that is not stored may be ahead of its fastest reader, in bytes: this keeps a connection
/// of 1 Gbit/s busy for 2 ms. Then the writer waits.
pub const CONTENT_WINDOW_BYTES: u64 = 256 * KIB;

/// How far a reader of content that is not stored may be behind its writer, in bytes: a few windows, since no two
/// readers are equally fast. A reader further behind gets [`ContentBroken`](crate::ContentBroken).
pub const CONTENT_LAG_BYTES: u64 = MIB;

/// The longest content that is kept in one piece once it is complete, in bytes: it is sent in one write.
pub(crate) const MAX_SINGLE_PIECE_BYTES: u64 = 64 * KIB;

/// The unused memory behind a piece, as a divisor of its bytes. A piece with more is copied, because the store counts
/// bytes and would hold more than it counts.
pub(crate) const MAX_SLACK_DIVISOR: usize = 8;

/// Pieces of content that are taken before other tasks of the thread run.
pub(crate) const PIECES_PER_POLL: usize = 32;

// Collapsing and bypassing.

/// How long a request waits for other requests for the same, in all. Most pages take less, and a request that waited in
/// vain is late by so much, so it is short. Then the request is forwarded.
pub const MAX_COLLAPSE_WAIT: Duration = Duration::from_secs(1);

/// Leaders that a request may lose, because their clients left, before it is forwarded by itself.
pub const MAX_LEADERS_LOST: usize = 2;

/// Locks of the table of forwards under way: several times the cores of a large machine, so that threads rarely meet.
pub(crate) const COLLAPSE_SHARDS: usize = 64;

/// URLs and routes that are remembered as not cacheable, at eight bytes each: 512 KiB beside the memory of the store.
/// Beyond it the oldest are forgotten, and their next response brings them back.
pub const MAX_UNCACHEABLE: usize = 65_536;

/// How long a URL or route is remembered as not cacheable: long enough to cost a busy one nothing, and short enough that
/// one that becomes cacheable is soon stored.
pub const UNCACHEABLE_MEMORY: Duration = Duration::from_secs(120);

// The shared level.

/// Purges that a shared level has not confirmed. Beyond it, it is told to forget everything.
pub(crate) const MAX_UNTOLD_PURGES: usize = 256;

/// Responses on their way to a shared level at one time. Beyond it, further ones are not sent there.
pub(crate) const MAX_PUTS_UNDER_WAY: usize = 64;

// `Cache-Status`.

/// The longest member that is written without an allocation, in bytes: room for a name with each character escaped, and
/// all parameters. A `detail` that does not fit is left out.
pub(crate) const MAX_MEMBER_BYTES: usize = 256;

/// The characters of the cache's name that are written.
pub(crate) const MAX_NAME_CHARACTERS: usize = 64;
