//! What is kept of messages that are elsewhere: their failures, and those that are dead.

use std::time::Instant;

use super::rows::{count, foreign_tables, milliseconds};
use super::{Queues, digest};
use crate::queue::error::Error;
use crate::queue::limits::{MAX_FAILURES, MAX_SWEPT, SAME_MESSAGE};
use crate::queue::message::Contents;
use crate::sql::Value;

/// What happened to a message.
#[derive(Clone, Debug, Default)]
pub(in crate::queue) struct Note {
    /// How often it was given back.
    pub(in crate::queue) released: u64,
    /// Its last failures, a JSON array; empty if there were none.
    pub(in crate::queue) failures: String,
}

/// A message that has failed for good.
pub(in crate::queue) struct Dead {
    /// The dead-letter queue.
    pub(in crate::queue) queue: String,
    /// Identifies it in its queue.
    pub(in crate::queue) id: String,
    /// It is not empty.
    pub(in crate::queue) key: Option<String>,
    pub(in crate::queue) contents: Contents,
    pub(in crate::queue) attempts: u32,
    /// A JSON array.
    pub(in crate::queue) failures: String,
}

/// A message that is kept.
pub(in crate::queue) struct Kept {
    pub(in crate::queue) number: i64,
    pub(in crate::queue) key: Option<String>,
    pub(in crate::queue) contents: Contents,
}

impl Queues {
    /// Notes a failure of the message with that number in a queue. `failure` is JSON.
    pub(in crate::queue) async fn note_failure(
        &self,
        queue: &str,
        number: i64,
        failure: &str,
        deadline: Instant,
    ) -> Result<(), Error> {
        let parameters = vec![
            queue.into(),
            number.into(),
            failure.into(),
            count(MAX_FAILURES),
        ];
        let statement = self.statements().note_failure;
        self.perform(statement, parameters, deadline).await
    }

    /// Notes that a message was given back.
    pub(in crate::queue) async fn note_release(
        &self,
        queue: &str,
        number: i64,
        deadline: Instant,
    ) -> Result<(), Error> {
        let parameters = vec![queue.into(), number.into()];
        let statement = self.statements().note_release;
        self.perform(statement, parameters, deadline).await
    }

    /// What was noted of a message.
    pub(in crate::queue) async fn note(
        &self,
        queue: &str,
        number: i64,
        deadline: Instant,
    ) -> Result<Note, Error> {
        let parameters = vec![queue.into(), number.into()];
        let rows = self.execute(self.statements().note, parameters, deadline);
        match rows.await?.pop().as_deref() {
            None => Ok(Note::default()),
            Some([Value::Integer(released), Value::Text(failures)]) => Ok(Note {
                released: released.cast_unsigned(),
                failures: failures.clone(),
            }),
            Some(_) => Err(foreign_tables()),
        }
    }

    /// Forgets what was noted of a message.
    pub(in crate::queue) async fn forget_note(
        &self,
        queue: &str,
        number: i64,
        deadline: Instant,
    ) -> Result<(), Error> {
        let parameters = vec![queue.into(), number.into()];
        let statement = self.statements().forget_note;
        self.perform(statement, parameters, deadline).await
    }

    /// Stores a dead letter, unless it was stored a moment ago.
    pub(in crate::queue) async fn keep(&self, dead: Dead, deadline: Instant) -> Result<(), Error> {
        let id = digest(&dead.queue, &dead.id);
        let parameters = vec![
            Value::Text(dead.queue),
            Value::Blob(id),
            Value::Text(dead.key.unwrap_or_default()),
            Value::Text(dead.contents.head),
            Value::Blob(dead.contents.data),
            Value::Integer(dead.attempts.into()),
            Value::Text(dead.failures),
            milliseconds(SAME_MESSAGE),
        ];
        self.perform(self.statements().keep, parameters, deadline)
            .await
    }

    /// A page of the dead letters of a queue, or one of them.
    pub(in crate::queue) async fn kept(
        &self,
        queue: &str,
        number: Option<i64>,
        deadline: Instant,
    ) -> Result<Vec<Kept>, Error> {
        let number = number.map_or(Value::Null, Value::Integer);
        let parameters = vec![queue.into(), number, count(MAX_SWEPT)];
        let rows = self.execute(self.statements().kept, parameters, deadline);
        rows.await?.into_iter().map(kept).collect()
    }
}

fn kept(row: Vec<Value>) -> Result<Kept, Error> {
    match <[Value; 4]>::try_from(row) {
        Ok(
            [
                Value::Integer(number),
                key,
                Value::Text(head),
                Value::Blob(data),
            ],
        ) => Ok(Kept {
            number,
            key: match key {
                Value::Text(key) => Some(key),
                _ => None,
            },
            contents: Contents { head, data },
        }),
        _ => Err(foreign_tables()),
    }
}
