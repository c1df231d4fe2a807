//! Sends messages: the one call whose statement and parameters differ by engine.

use std::time::Instant;

use super::rows::{foreign_tables, milliseconds};
use super::{Queues, Store, digest, sqlite};
use crate::queue::error::Error;
use crate::queue::message::{Contents, Message, Room};
use crate::sql::Value;

impl Queues {
    pub(in crate::queue) async fn send(
        &self,
        messages: Vec<Message>,
        room: Room,
        deadline: Instant,
    ) -> Result<(), Error> {
        match &self.store {
            Store::Sqlite(_) => self.send_to_sqlite(messages, room, deadline).await,
            Store::Postgres(server) => server.send(messages, room, deadline).await,
        }
    }

    async fn send_to_sqlite(
        &self,
        messages: Vec<Message>,
        room: Room,
        deadline: Instant,
    ) -> Result<(), Error> {
        self.check_room(&messages, room, deadline).await?;
        let sql = sqlite::insert(messages.len());
        let parameters = messages.into_iter().flat_map(|message| {
            let id = digest(&message.queue, &message.id);
            let Contents { head, data } = message.contents;
            [
                Value::Text(message.queue),
                Value::Blob(id),
                message.key.map_or(Value::Null, Value::Text),
                Value::Text(head),
                Value::Blob(data),
                milliseconds(message.delay),
            ]
        });
        self.perform(&sql, parameters.collect(), deadline).await
    }

    /// Checks that each queue has room for what it is to get.
    async fn check_room(
        &self,
        messages: &[Message],
        room: Room,
        deadline: Instant,
    ) -> Result<(), Error> {
        let mut checked: Option<&str> = None;
        for message in messages {
            // Those for one queue mostly come one after the other.
            if checked == Some(&message.queue) {
                continue;
            }
            checked = Some(&message.queue);
            let rows = self.execute(sqlite::ROOM, vec![(&*message.queue).into()], deadline);
            let rows = rows.await?;
            let [Value::Integer(count), Value::Integer(bytes)] = rows[0][..] else {
                return Err(foreign_tables());
            };
            if count.cast_unsigned() >= room.messages || bytes.cast_unsigned() >= room.bytes {
                let queue = message.queue.clone();
                return Err(Error::Full { queue });
            }
        }
        Ok(())
    }
}
