//! Sends messages: those that are due to their streams, others to the ledger.

use std::time::Instant;

use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use bytes::Bytes;
use futures::future::try_join_all;

use super::channel::{Channel, Look, NO_KEY};
use super::work::HEAD;
use super::{Failed, Queues};
use crate::clock;
use crate::queue::DEAD;
use crate::queue::error::Error;
use crate::queue::message::{Contents, Message, Room};
use crate::queue::tables::{Dead, hex_digest};

impl Queues {
    /// Accepts messages. If one is refused, others of the same call may have been accepted: sending them again makes each one message.
    pub(in crate::queue) async fn send(
        &self,
        messages: Vec<Message>,
        room: Room,
        deadline: Instant,
    ) -> Result<(), Error> {
        let (dead, messages): (Vec<_>, Vec<_>) = messages
            .into_iter()
            .partition(|message| message.queue.ends_with(DEAD));
        let (now, later): (Vec<_>, Vec<_>) = messages
            .into_iter()
            .partition(|message| message.delay.is_zero());
        for message in dead {
            self.keep(message, deadline).await?;
        }
        if !later.is_empty() {
            let names: Vec<_> = later.iter().map(|message| message.queue.clone()).collect();
            let later = later.into_iter().map(with_key_in_head).collect();
            self.0.ledger.send(later, room, deadline).await?;
            for name in names {
                let channel = self.channel(&name, Some(room), deadline).await?;
                let due = channel.look().due;
                let at = clock::now();
                channel.set_look(Look { at, due });
            }
        }
        let mut acknowledgements = Vec::with_capacity(now.len());
        let mut told: Vec<String> = Vec::new();
        for message in now {
            let channel = self.channel(&message.queue, Some(room), deadline).await?;
            if told.last() != Some(&message.queue) {
                self.check_room(&channel, room, deadline).await?;
                told.push(message.queue.clone());
            }
            let key = message
                .key
                .as_deref()
                .map(|key| hex_digest(&message.queue, key));
            let id = hex_digest(&message.queue, &message.id);
            let published = self
                .publish(&channel, &id, key.as_deref(), message.contents, deadline)
                .await?;
            let full = message.queue;
            acknowledgements.push(async move {
                let acknowledged = published.await;
                acknowledged.map_err(|error| unless_full(error, full))
            });
        }
        // Those that were published earlier are acknowledged earlier.
        self.until(deadline, async { Ok(try_join_all(acknowledgements).await) })
            .await??;
        for queue in told {
            self.tell(&queue).await;
        }
        Ok(())
    }

    /// Publishes a message to a stream. What is returned ends when the server has it.
    pub(super) async fn publish(
        &self,
        channel: &Channel,
        id: &str,
        key: Option<&str>,
        contents: Contents,
        deadline: Instant,
    ) -> Result<impl Future<Output = Result<(), Failed>> + use<>, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, id);
        headers.insert(HEAD, contents.head);
        let subject = channel.subject_of(key);
        let content = Bytes::from(contents.data);
        let publishing = async {
            let publishing = self
                .0
                .context
                .publish_with_headers(subject, headers, content);
            Ok(publishing.await?)
        };
        let published = self.until(deadline, publishing).await?;
        Ok(async move { Ok(published.await.map(drop)?) })
    }

    /// Tells other processes that a queue has messages. Whoever does not hear it looks after a while.
    pub(super) async fn tell(&self, queue: &str) {
        let subject = format!("{}.told.{}", self.0.prefix, super::escaped(queue));
        // Without a connection nobody is told.
        let _ = self.0.client.publish(subject, Bytes::new()).await;
    }

    async fn keep(&self, message: Message, deadline: Instant) -> Result<(), Error> {
        let dead = Dead {
            key: message.key.map(|key| hex_digest(&message.queue, &key)),
            id: message.id,
            queue: message.queue,
            contents: message.contents,
            attempts: 0,
            failures: "[]".to_owned(),
        };
        self.0.ledger.keep(dead, deadline).await
    }

    /// Checks that a queue with dead letters has room: its stream does not count them.
    async fn check_room(
        &self,
        channel: &Channel,
        room: Room,
        deadline: Instant,
    ) -> Result<(), Error> {
        let dead = channel.dead();
        if dead.messages == 0 {
            return Ok(());
        }
        let asking = async { Ok(channel.stream.get_info().await?) };
        let state = self.until(deadline, asking).await?.state;
        if state.messages + dead.messages >= room.messages || state.bytes + dead.bytes >= room.bytes
        {
            let queue = channel.queue.clone();
            return Err(Error::Full { queue });
        }
        Ok(())
    }
}

/// A message for the ledger, where its key has no meaning until it is due.
fn with_key_in_head(mut message: Message) -> Message {
    let key = message.key.take();
    let key = key.map(|key| hex_digest(&message.queue, &key));
    let head = &mut message.contents.head;
    *head = format!("{} {head}", key.as_deref().unwrap_or(NO_KEY));
    message
}

/// The key and the contents of a message that the ledger had.
pub(super) fn without_key_in_head(mut contents: Contents) -> (Option<String>, Contents) {
    let Some((key, head)) = contents.head.split_once(' ') else {
        return (None, contents);
    };
    let key = (key != NO_KEY).then(|| key.to_owned());
    contents.head = head.to_owned();
    (key, contents)
}

/// A stream that has all that it may have says so in words only: its code stands for any failure of its store.
fn unless_full(failed: Failed, queue: String) -> Error {
    let text = failed.0.to_string();
    let is_full = ["maximum messages exceeded", "maximum bytes exceeded"];
    if is_full.iter().any(|words| text.contains(words)) {
        return Error::Full { queue };
    }
    failed.0
}
