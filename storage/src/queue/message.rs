//! What queues hold, and what they tell of it.

use std::time::Duration;

/// The part of a message that its consumer gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The description, as JSON.
    pub head: String,
    /// The data.
    pub data: Vec<u8>,
}

/// A message for a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The name of the queue.
    pub queue: String,
    /// Identifies the message within its queue: for [`SAME_MESSAGE`](super::SAME_MESSAGE) another one with this id is the same.
    pub id: String,
    /// Messages with the same key are delivered one at a time, in the order in which they were accepted.
    pub key: Option<String>,
    /// The time until it is due.
    pub delay: Duration,
    /// What its consumer gets.
    pub contents: Contents,
}

impl Message {
    pub(super) fn bytes(&self) -> usize {
        self.contents.head.len() + self.contents.data.len()
    }
}

/// Messages that were claimed, and the time until there may be more.
#[derive(Debug, Default)]
pub struct Claim {
    /// The messages.
    pub messages: Vec<Claimed>,
    /// The time until the next message is due; `None` if the queue has none that waits for its time only.
    pub next_in: Option<Duration>,
}

/// A message that its owner works on.
#[derive(Debug)]
pub struct Claimed {
    /// Identifies it, for the calls that end the work on it.
    pub number: i64,
    /// How often it was claimed, with this time.
    pub attempts: u32,
    /// The time since it was accepted.
    pub age: Duration,
    /// What its consumer gets.
    pub contents: Contents,
}

/// How the work on a message ends. Failures are JSON.
#[derive(Clone, Copy, Debug)]
pub enum End<'a> {
    /// It is done.
    Acknowledge,
    /// As if it had not been claimed: it is ready again after this time.
    Release(Duration),
    /// It has failed, and is ready again after this time.
    Retry(Duration, &'a str),
    /// It has failed for good, and moves to the dead-letter queue.
    Bury(&'a str),
}

/// A message as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Identifies it.
    pub number: i64,
    /// How often it was claimed.
    pub attempts: u32,
    /// The time since it was accepted.
    pub age: Duration,
    /// The time until it is due; zero if it is.
    pub due_in: Duration,
    /// Whether an owner works on it.
    pub is_claimed: bool,
    /// Whether it waits for another one with its key.
    pub is_blocked: bool,
    /// The last failures, as a JSON array of what [`Queues::end`](super::Queues::end) was given.
    pub failures: String,
    /// What its consumer gets.
    pub contents: Contents,
}

/// What a queue tells of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The name of the queue.
    pub queue: String,
    /// The messages that it has.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The messages on which owners work.
    pub claimed: u64,
    /// The time for which the first message that is due has waited since then; zero if none is due. Dead letters wait for nothing.
    pub waiting: Duration,
}

/// Names a process that claims messages. Each start of a process has a name of its own, which nobody else has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner(pub String);

/// When something is to happen next that happens again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Identifies it.
    pub name: String,
    /// Seconds since 1970.
    pub next: i64,
}

/// The room of a queue, together with its dead letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Room {
    /// Most messages.
    pub messages: u64,
    /// Most bytes.
    pub bytes: u64,
}
