//! The limits of queues, with their reasons.

use std::time::Duration;

/// Largest message, in bytes: its data and its description together. Cloudflare's queues take 128 KB, and an app shall run there too.
/// A larger one is an error of the call.
pub const MAX_MESSAGE_BYTES: usize = 128 * 1024;

/// Most messages of one call. They are one statement.
pub const MAX_SENT: usize = 1_000;

/// Most bytes of the messages of one call. More are an error of the call.
pub const MAX_SENT_BYTES: usize = 4 * 1024 * 1024;

/// Most messages that are claimed at once.
pub const MAX_CLAIM: usize = 256;

/// Most bytes of the messages that are claimed at once, but at least one message: they are in memory until they are done.
pub const MAX_CLAIM_BYTES: usize = 4 * 1024 * 1024;

/// Longest time for which a message can be delayed.
pub const MAX_DELAY: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The time for which a message with the same id counts as the same message.
pub const SAME_MESSAGE: Duration = Duration::from_secs(120);

/// The time for which an owner has its messages after it renewed its lease. After it they are ready again.
pub const LEASE: Duration = Duration::from_secs(15);

/// The time between two renewals of a lease: two may fail.
pub const LEASE_RENEWAL: Duration = Duration::from_secs(4);

/// Most claims whose outcome is not known, because the connection broke. Nothing more is claimed until their messages were given back.
pub const MAX_UNKNOWN_CLAIMS: usize = 1_000;

/// Oldest version of NATS that is taken, after the `2.`: it answers direct gets.
pub const MIN_NATS_MINOR: i64 = 9;

/// Longest pause between two attempts to connect to NATS.
pub const MAX_RECONNECT_PAUSE: Duration = Duration::from_secs(1);

/// The time in which NATS confirms the end of a message. After it the next attempt asks first what the server knows of the message: one
/// that lost its last writes does not answer at all.
pub const MAX_CONFIRMATION_WAIT: Duration = Duration::from_secs(2);

/// Most queues of one process on JetStream: each has a stream, which is read for figures. Further ones take nothing.
pub const MAX_CHANNELS: usize = 1_000;

/// Most messages of a queue on JetStream that a process holds because others of their keys come first. Further ones are given back for
/// a while.
pub const MAX_HELD: usize = 1_024;

/// The pause before a process looks again whether messages that it holds are the first of their keys: another process may have ended
/// the work on those before them.
pub const HELD_PAUSE: Duration = Duration::from_millis(100);

/// The pause after which messages come again that a process had no room to hold.
pub const UNHELD_PAUSE: Duration = Duration::from_secs(5);

/// Most failures that are kept with a message, the last ones.
pub const MAX_FAILURES: usize = 20;

/// Most messages of a page of a list.
pub const MAX_LISTED: usize = 100;

/// Most rows of old messages that one statement removes, and most messages that one statement moves: others wait for it.
pub const MAX_SWEPT: usize = 1_000;
