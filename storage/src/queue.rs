//! Queues: messages that are delivered at least once, later, and to one consumer at a time.
//! The program that uses this crate says what a message is, who consumes it, and what a failure is.
//!
//! [`Queues`] is the interface. Each engine is a file behind it, and one arm in its matches. The contract tests run on each.
//!
//! A message is *ready* once it is due. [`Queues::claim`] gives it to an *owner*, a process with a lease
//! ([`Queues::join`], [`Queues::renew`]). The owner acknowledges it, or gives it back for another attempt, or buries it in the
//! dead-letter queue, whose name is that of the queue and [`DEAD`]. If the lease of an owner ends, its messages are ready again.
//! Times are those of the engine, so that the clocks of several processes need not agree.

mod error;
mod jetstream;
mod limits;
mod message;
mod queues;
mod tables;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use jetstream::JetStreamOptions;
pub use limits::{
    HELD_PAUSE, LEASE, LEASE_RENEWAL, MAX_CHANNELS, MAX_CLAIM, MAX_CLAIM_BYTES,
    MAX_CONFIRMATION_WAIT, MAX_DELAY, MAX_FAILURES, MAX_HELD, MAX_LISTED, MAX_MESSAGE_BYTES,
    MAX_RECONNECT_PAUSE, MAX_SENT, MAX_SENT_BYTES, MAX_SWEPT, MAX_UNKNOWN_CLAIMS, MIN_NATS_MINOR,
    SAME_MESSAGE, UNHELD_PAUSE,
};
pub use message::{Claim, Claimed, Contents, End, Figures, Listed, Message, Owner, Room, Schedule};
pub use queues::Queues;

/// The end of the name of a dead-letter queue.
pub const DEAD: &str = ".dead";
