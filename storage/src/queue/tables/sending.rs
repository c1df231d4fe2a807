//! Sends messages: the one call whose statement and parameters differ by engine.

use std::time::Instant;

use super::rows::{foreign_tables, milliseconds, whole_milliseconds};
use super::{Queues, Store, digest, postgres, sqlite};
use crate::queue::error::Error;
use crate::queue::limits::SAME_MESSAGE;
use crate::queue::message::{Contents, Message, Room};
use crate::sql::Value;
use crate::sql::postgres::Parameter;

impl Queues {
    pub(in crate::queue) async fn send(
        &self,
        messages: Vec<Message>,
        room: Room,
        deadline: Instant,
    ) -> Result<(), Error> {
        match &self.store {
            Store::Sqlite(_) => self.send_to_sqlite(messages, room, deadline).await,
            Store::Postgres(database) => {
                let parameters = sent(messages, room);
                let rows = database.execute(postgres::SEND, parameters, deadline);
                match rows.await?.pop().as_deref() {
                    Some([Value::Null]) => Ok(()),
                    Some([Value::Text(full)]) => {
                        let queue = full.clone();
                        Err(Error::Full { queue })
                    }
                    _ => Err(foreign_tables()),
                }
            }
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

/// The parameters of [`postgres::SEND`].
fn sent(messages: Vec<Message>, room: Room) -> Vec<Parameter> {
    let (mut queues, mut ids, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    let (mut heads, mut contents, mut delays) = (Vec::new(), Vec::new(), Vec::new());
    for message in messages {
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
