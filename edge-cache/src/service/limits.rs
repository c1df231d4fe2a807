//! The limits of the service: what it waits for, and what it remembers.

use std::time::Duration;

/// How long a request waits for others that ask for the same, in all. Most pages take less; and a request that waited in
/// vain goes on so much later than it came, so it is short. Then the request is forwarded by itself.
pub const MAX_COLLAPSE_WAIT: Duration = Duration::from_secs(1);

/// How many leaders a request may lose, because their clients left, before it is forwarded by itself.
pub const MAX_LEADERS_LOST: usize = 2;

/// How many URLs and routes are remembered as not cacheable, at eight bytes each: 512 KiB beside the memory of the store.
/// Beyond it those found out longest ago are forgotten; they are found out again by their next response.
pub const MAX_UNCACHEABLE: usize = 65_536;

/// How long a URL or route is remembered as not cacheable. Long enough to cost a busy one nothing, short enough that one
/// that has become cacheable is not forwarded for long.
pub const UNCACHEABLE_MEMORY: Duration = Duration::from_secs(120);

/// Of the store's capacity, the part that content may take up while it arrives, as a divisor. Content beyond it is passed
/// through without being stored.
pub const ARRIVING_SHARE_DIVISOR: u64 = 4;
