//! The stream and the consumer of a queue: made if they are missing, and judged by what the server says of them.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream};

use super::{Failed, Inner, NUMBERS, PLACE_BITS, escaped};
use crate::clock;
use crate::failure::EngineFailure;
use crate::queue::limits::{LEASE, MAX_MESSAGE_BYTES, SAME_MESSAGE};
use crate::queue::message::Room;

/// What tells a stream of ours from others.
const DESCRIPTION: &str = "a queue of Terrace";

/// The name of the consumer.
const CONSUMER: &str = "terrace";

/// The part of a subject that stands for no key.
pub(super) const NO_KEY: &str = "-";

/// A queue at the server.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) queue: String,
    /// The number of the queue in this process.
    pub(super) index: usize,
    pub(super) room: Room,
    /// Where messages go: a part for the key follows.
    pub(super) subject: String,
    pub(super) stream: Stream,
    pub(super) consumer: PullConsumer,
    look: Mutex<Look>,
    /// Its dead letters, as of a moment ago.
    dead: Mutex<Room>,
}

/// What is known of the messages that the ledger has for a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// When it is to be looked at.
    pub(super) at: Instant,
    /// When the next message is due.
    pub(super) due: Option<Instant>,
}

impl Channel {
    /// The stream of a queue. Without a room it is as it is, or as large as can be.
    pub(super) async fn open(
        inner: &Inner,
        queue: &str,
        room: Option<Room>,
    ) -> Result<Self, Failed> {
        let (prefix, token) = (&inner.prefix, escaped(queue));
        let name = format!("{}{token}", names(prefix));
        let subject = format!("{prefix}.queue.{token}");
        let found = found(inner, &name).await?;
        let room = match (room, &found) {
            (Some(room), _) => room,
            (None, Some(there)) => room_of(there),
            (None, None) => Room {
                messages: u64::MAX,
                bytes: u64::MAX,
            },
        };
        let wanted = config(name, &subject, room, inner.replicas);
        let stream = made(inner, found, &wanted).await?;
        let consumer = consumer(&stream, inner.replicas).await?;
        Ok(Self {
            queue: queue.to_owned(),
            index: 0,
            room,
            subject,
            stream,
            consumer,
            look: Mutex::new(Look {
                at: clock::now(),
                due: None,
            }),
            dead: Mutex::default(),
        })
    }

    /// The number of a message at this place of the stream.
    pub(super) fn number(&self, place: u64) -> i64 {
        self.numbers().0 + place.cast_signed()
    }

    /// The numbers of its messages: the first, and the one after the last.
    pub(super) fn numbers(&self) -> (i64, i64) {
        let index = i64::try_from(self.index).unwrap_or(i64::MAX >> PLACE_BITS);
        let first = NUMBERS + (index << PLACE_BITS);
        (first, first + (1 << PLACE_BITS))
    }

    pub(super) fn look(&self) -> Look {
        *self.look.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_look(&self, look: Look) {
        *self.look.lock().unwrap_or_else(PoisonError::into_inner) = look;
    }

    /// The number and the bytes of its dead letters, as of a moment ago.
    pub(super) fn dead(&self) -> Room {
        *self.dead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_dead(&self, dead: Room) {
        *self.dead.lock().unwrap_or_else(PoisonError::into_inner) = dead;
    }

    /// Where its consumer is asked for messages.
    pub(super) fn next_subject(&self) -> String {
        let stream = &self.stream.cached_info().config.name;
        format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{CONSUMER}")
    }

    /// The subject of messages with this key.
    pub(super) fn subject_of(&self, key: Option<&str>) -> String {
        format!("{}.{}", self.subject, key.unwrap_or(NO_KEY))
    }
}

/// The beginning of the names of an app's streams. No [`escaped`] name has a `=` before a `q`: streams of an app whose prefix begins
/// like this one's do not begin so.
pub(super) fn names(prefix: &str) -> String {
    format!("{prefix}=queue=")
}

/// What the server has under the name of a stream, if that is ours or nobody's.
async fn found(inner: &Inner, name: &str) -> Result<Option<Config>, Failed> {
    let there = match inner.context.get_stream(name).await {
        Ok(stream) => stream.cached_info().config.clone(),
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if there.description.as_deref() != Some(DESCRIPTION) {
        return Err(refused(format!(
            "the stream `{name}` was not made by this program; choose another `prefix`"
        )));
    }
    Ok(Some(there))
}

/// The stream as it is wanted.
async fn made(inner: &Inner, found: Option<Config>, wanted: &Config) -> Result<Stream, Failed> {
    match found {
        Some(there) if is_same(&there, wanted) && room_of(&there) == room_of(wanted) => {}
        // It is ours, of other settings.
        Some(_) => drop(inner.context.update_stream(wanted).await?),
        None => {
            let created = inner.context.create_stream(wanted.clone()).await;
            // Another process may create it at this moment, and then there it is.
            if let Err(error) = created
                && inner.context.get_stream(&wanted.name).await.is_err()
            {
                return Err(error.into());
            }
        }
    }
    let stream = inner.context.get_stream(&wanted.name).await?;
    if !is_same(&stream.cached_info().config, wanted) {
        return Err(refused(format!(
            "the server made the stream `{}` otherwise than it was asked to",
            wanted.name
        )));
    }
    Ok(stream)
}

async fn consumer(stream: &Stream, replicas: usize) -> Result<PullConsumer, Failed> {
    let wanted = pull::Config {
        durable_name: Some(CONSUMER.to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: LEASE,
        max_deliver: -1,
        // Each process bounds what it works on. Those that wait for another attempt count here.
        max_ack_pending: -1,
        max_waiting: 10_000,
        num_replicas: replicas,
        ..pull::Config::default()
    };
    let consumer = stream.get_or_create_consumer(CONSUMER, wanted.clone());
    let consumer: PullConsumer = consumer.await?;
    let made = &consumer.cached_info().config;
    if made.ack_wait != wanted.ack_wait || made.max_deliver != wanted.max_deliver {
        let name = &consumer.cached_info().stream_name;
        return Err(refused(format!(
            "the consumer `{CONSUMER}` of the stream `{name}` is other than it should be; delete it"
        )));
    }
    Ok(consumer)
}

fn config(name: String, subject: &str, room: Room, replicas: usize) -> Config {
    Config {
        name,
        description: Some(DESCRIPTION.to_owned()),
        subjects: vec![format!("{subject}.*")],
        retention: RetentionPolicy::WorkQueue,
        storage: StorageType::File,
        discard: DiscardPolicy::New,
        max_messages: i64::try_from(room.messages).unwrap_or(-1),
        // Streams also count what describes a message to them.
        max_bytes: i64::try_from(room.bytes).unwrap_or(-1),
        max_message_size: i32::try_from(MAX_MESSAGE_BYTES * 2).unwrap_or(i32::MAX),
        duplicate_window: SAME_MESSAGE,
        num_replicas: replicas,
        allow_direct: true,
        ..Config::default()
    }
}

fn room_of(config: &Config) -> Room {
    Room {
        messages: u64::try_from(config.max_messages).unwrap_or(u64::MAX),
        bytes: u64::try_from(config.max_bytes).unwrap_or(u64::MAX),
    }
}

/// Whether the server has what it was asked for. Its room is left out: another process may have other settings, or none.
fn is_same(there: &Config, wanted: &Config) -> bool {
    there.subjects == wanted.subjects
        && there.retention == wanted.retention
        && there.storage == wanted.storage
        && there.discard == wanted.discard
        && there.duplicate_window == wanted.duplicate_window
        && there.num_replicas == wanted.num_replicas
        && there.allow_direct
}

fn is_missing(error: &async_nats::jetstream::context::GetStreamError) -> bool {
    match error.kind() {
        GetStreamErrorKind::JetStream(error) => {
            error.error_code() == async_nats::jetstream::ErrorCode::STREAM_NOT_FOUND
        }
        _ => false,
    }
}

fn refused(message: String) -> Failed {
    Failed(EngineFailure::Other { message }.into())
}
