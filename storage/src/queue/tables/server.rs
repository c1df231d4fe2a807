//! The calls of which a Postgres server gets many: several senders share a statement, and so do several ends of work.

use std::collections::BTreeSet;
use std::time::Instant;

use super::rows::{foreign_tables, milliseconds, name, whole_milliseconds};
use super::together::{Size, Together};
use super::{digest, postgres};
use crate::queue::error::Error;
use crate::queue::limits::SAME_MESSAGE;
use crate::queue::message::{Message, Owner, Room};
use crate::sql::Value;
use crate::sql::postgres::{HostDatabase, Parameter};

/// A Postgres server.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) database: HostDatabase,
    /// By the first queue: those for a queue on which somebody has a lock hold up no others.
    sends: Together<(String, Room), Vec<Message>, Result<(), Error>>,
    acknowledgements: Together<Owner, i64, bool>,
}

impl Server {
    pub(super) fn new(database: HostDatabase) -> Self {
        let (sends, acknowledgements) = (Together::new(&database), Together::new(&database));
        Self {
            database,
            sends,
            acknowledgements,
        }
    }

    pub(super) async fn send(
        &self,
        messages: Vec<Message>,
        room: Room,
        deadline: Instant,
    ) -> Result<(), Error> {
        let Some(first) = messages.first() else {
            return Ok(());
        };
        let lane = (first.queue.clone(), room);
        let size = Size {
            messages: messages.len(),
            bytes: messages.iter().map(Message::bytes).sum(),
        };
        let perform = move |database, calls, deadline| send(database, calls, room, deadline);
        self.sends
            .call(lane, messages, size, deadline, perform)
            .await?
    }

    /// Returns whether the owner still had the message.
    pub(super) async fn acknowledge(
        &self,
        owner: &Owner,
        number: i64,
        deadline: Instant,
    ) -> Result<bool, Error> {
        let size = Size {
            messages: 1,
            bytes: 0,
        };
        let by = owner.clone();
        let perform =
            move |database, numbers, deadline| acknowledge(database, numbers, by.clone(), deadline);
        self.acknowledgements
            .call(owner.clone(), number, size, deadline, perform)
            .await
    }
}

/// Stores the messages of each call, all or none.
async fn send(
    database: HostDatabase,
    calls: Vec<Vec<Message>>,
    room: Room,
    deadline: Instant,
) -> Result<Vec<Result<(), Error>>, Error> {
    let queues: Vec<Vec<String>> = calls.iter().map(|call| queues(call)).collect();
    let rows = database.execute(postgres::SEND, sent(calls, room), deadline);
    let full = rows.await?.into_iter().map(|row| match &row[..] {
        [Value::Text(full)] => Ok(full.clone()),
        _ => Err(foreign_tables()),
    });
    let full: Vec<_> = full.collect::<Result<_, _>>()?;
    let outcome = |queues: Vec<String>| {
        let full = queues.into_iter().find(|queue| full.contains(queue));
        full.map_or(Ok(()), |queue| Err(Error::Full { queue }))
    };
    Ok(queues.into_iter().map(outcome).collect())
}

/// The queues of messages. Those for one queue mostly come one after the other.
fn queues(messages: &[Message]) -> Vec<String> {
    let mut queues: Vec<_> = messages
        .iter()
        .map(|message| message.queue.clone())
        .collect();
    queues.dedup();
    queues
}

/// The parameters of [`postgres::SEND`].
fn sent(calls: Vec<Vec<Message>>, room: Room) -> Vec<Parameter> {
    let (mut queues, mut ids, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    let (mut heads, mut contents, mut delays) = (Vec::new(), Vec::new(), Vec::new());
    let mut parts = Vec::new();
    for (part, message) in (0..).zip(calls).flat_map(|(part, call)| {
        let messages = call.into_iter();
        messages.map(move |message| (part, message))
    }) {
        parts.push(part);
        ids.push(Some(digest(&message.queue, &message.id)));
        let key = message.key.as_deref();
        keys.push(key.map(|key| digest(&message.queue, key)));
        queues.push(message.queue);
        heads.push(message.contents.head);
        contents.push(Some(message.contents.data));
        delays.push(whole_milliseconds(message.delay));
    }
    let room = [room.messages, room.bytes].map(|most| Value::Integer(most.cast_signed()));
    let [most, most_bytes] = room.map(Parameter::One);
    vec![
        Parameter::Integers(parts),
        Parameter::Texts(queues),
        Parameter::Blobs(ids),
        Parameter::Blobs(keys),
        Parameter::Texts(heads),
        Parameter::Blobs(contents),
        Parameter::Integers(delays),
        most,
        most_bytes,
        Parameter::One(milliseconds(SAME_MESSAGE)),
    ]
}

/// Acknowledges messages. Returns of each whether the owner still had it.
async fn acknowledge(
    database: HostDatabase,
    numbers: Vec<i64>,
    owner: Owner,
    deadline: Instant,
) -> Result<Vec<bool>, Error> {
    let parameters = vec![
        Parameter::Integers(numbers.clone()),
        Parameter::One(name(&owner)),
    ];
    let rows = database.execute(postgres::ACKNOWLEDGE, parameters, deadline);
    let done = rows.await?.into_iter().map(|row| match row[..] {
        [Value::Integer(number)] => Ok(number),
        _ => Err(foreign_tables()),
    });
    let done: BTreeSet<_> = done.collect::<Result<_, _>>()?;
    let is_done = |number| done.contains(number);
    Ok(numbers.iter().map(is_done).collect())
}
