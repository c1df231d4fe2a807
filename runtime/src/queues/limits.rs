//! The limits of queues in this server; those of their engines are in [`storage::queue`].

use std::time::Duration;

/// The time for which a call of the engine may take. A producer gets 503 then.
pub const ENGINE_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest content of a request to a queue: the largest batch, with the data in base64, and its attributes.
pub const MAX_CONTENT_BYTES: usize = 8 * 1024 * 1024;

/// Seconds after which a producer should try again, when a queue is full or its engine is out.
pub const SEND_RETRY_SECONDS: u64 = 5;

/// The time between two looks of a consumer at a queue for messages that another process sent.
pub const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// How late a schedule is before its time counts as missed: a server that is started anew takes less.
pub const MISSED_AFTER: Duration = Duration::from_secs(60);

/// The pause of a consumer after its component, or the engine, had no room for its work.
pub const BUSY_PAUSE: Duration = Duration::from_millis(200);

/// How much earlier than the engine an owner takes its lease for ended: the time for which a renewal may be on its way.
pub const LEASE_MARGIN: Duration = Duration::from_secs(2);

/// The most bytes of a consumer's response that are read: what it says is for the list of failures only.
pub const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// The most bytes of a response that a failure repeats.
pub const MAX_REASON_BYTES: usize = 256;

/// The most rows of an outbox that are relayed at once.
pub const MAX_RELAYED: usize = 100;

/// The most events that lead to each other. A further one is a dead letter: they go in a circle.
pub const MAX_HOPS: u32 = 64;
