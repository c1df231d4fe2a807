//! What operators see and do: figures, lists, and what they deliver again or delete.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use async_nats::jetstream::message::StreamMessage;
use futures::TryStreamExt;

use super::channel::{self, Channel};
use super::sending::without_key_in_head;
use super::work::{HEAD, age};
use super::{Failed, NUMBERS, PLACE_BITS, Queues, unescaped};
use crate::queue::DEAD;
use crate::queue::error::Error;
use crate::queue::limits::MAX_LISTED;
use crate::queue::message::{Contents, Figures, Listed, Room};
use crate::queue::tables::hex_digest;

impl Queues {
    pub(in crate::queue) async fn figures(&self, deadline: Instant) -> Result<Vec<Figures>, Error> {
        let ledger = self.0.ledger.figures(deadline).await?;
        let ledger = ledger.into_iter().map(|of| (of.queue.clone(), of));
        let mut all: BTreeMap<String, Figures> = ledger.collect();
        for queue in self.names(deadline).await? {
            let channel = self.channel(&queue, None, deadline).await?;
            channel.set_dead(room_of(all.get(&format!("{queue}{DEAD}"))));
            let of_stream = self.until(deadline, of_stream(&channel)).await?;
            let of = all.entry(queue.clone()).or_insert(Figures {
                queue,
                messages: 0,
                bytes: 0,
                claimed: 0,
                waiting: Duration::ZERO,
            });
            of.messages += of_stream.messages;
            of.bytes += of_stream.bytes;
            of.claimed += of_stream.claimed;
            of.waiting = of.waiting.max(of_stream.waiting);
        }
        Ok(all.into_values().collect())
    }

    /// The queues that have a stream.
    async fn names(&self, deadline: Instant) -> Result<Vec<String>, Error> {
        let prefix = channel::names(&self.0.prefix);
        let reading = async {
            let names: Vec<String> = self.0.context.stream_names().try_collect().await?;
            Ok(names)
        };
        let names = self.until(deadline, reading).await?;
        let names = names.iter().filter_map(|name| name.strip_prefix(&prefix));
        Ok(names.map(unescaped).collect())
    }

    /// A page: first what the ledger has, and then what the stream has.
    pub(in crate::queue) async fn list(
        &self,
        queue: &str,
        after: i64,
        deadline: Instant,
    ) -> Result<Vec<Listed>, Error> {
        let mut page = Vec::new();
        if after < NUMBERS {
            page = self.0.ledger.list(queue, after, deadline).await?;
        }
        if !queue.ends_with(DEAD) {
            for listed in &mut page {
                (_, listed.contents) = without_key_in_head(listed.contents.clone());
            }
        }
        let is_full = page.len() >= MAX_LISTED;
        if is_full || queue.ends_with(DEAD) || !self.has_stream(queue, deadline).await? {
            return Ok(page);
        }
        let channel = self.channel(queue, None, deadline).await?;
        let asking = async { Ok(channel.consumer.get_info().await?.delivered.stream_sequence) };
        let delivered = self.until(deadline, asking).await?;
        let mut place = if after < NUMBERS { 0 } else { place_of(after) };
        while page.len() < MAX_LISTED {
            let Some(message) = self.next_message(&channel, place + 1, deadline).await? else {
                break;
            };
            place = message.sequence;
            let number = place.cast_signed();
            let note = self.0.ledger.note(queue, number, deadline).await?;
            let failures = match note.failures.is_empty() {
                true => "[]".to_owned(),
                false => note.failures,
            };
            page.push(Listed {
                number: channel.number(place),
                attempts: u32::from(place <= delivered),
                age: age(SystemTime::from(message.time)),
                due_in: Duration::ZERO,
                is_claimed: place <= delivered,
                is_blocked: false,
                failures,
                contents: contents(&message),
            });
        }
        Ok(page)
    }

    /// The first message of a stream from a place on.
    async fn next_message(
        &self,
        channel: &Channel,
        from: u64,
        deadline: Instant,
    ) -> Result<Option<StreamMessage>, Error> {
        use async_nats::jetstream::stream::DirectGetErrorKind;
        let subject = channel.subject_of(Some("*"));
        let asking = async {
            let next = channel
                .stream
                .direct_get_next_for_subject(subject, Some(from));
            match next.await {
                Ok(message) => Ok(Some(message)),
                Err(error) if matches!(error.kind(), DirectGetErrorKind::NotFound) => Ok(None),
                Err(error) => Err(Failed::from(error)),
            }
        };
        self.until(deadline, asking).await
    }

    async fn has_stream(&self, queue: &str, deadline: Instant) -> Result<bool, Error> {
        if self.channels().contains_key(queue) {
            return Ok(true);
        }
        Ok(self.names(deadline).await?.iter().any(|name| name == queue))
    }

    /// Sends dead letters to the stream of their queue, behind its messages.
    pub(in crate::queue) async fn redrive(
        &self,
        queue: &str,
        number: Option<i64>,
        deadline: Instant,
    ) -> Result<u64, Error> {
        let Some(target) = queue.strip_suffix(DEAD) else {
            return Ok(0);
        };
        let channel = self.channel(target, None, deadline).await?;
        let mut redriven = 0;
        loop {
            let page = self.0.ledger.kept(queue, number, deadline).await?;
            if page.is_empty() {
                self.tell(target).await;
                return Ok(redriven);
            }
            for kept in page {
                // The same if this process dies in between, and somebody delivers it again.
                let id = hex_digest(queue, &kept.number.to_string());
                let published =
                    self.publish(&channel, &id, kept.key.as_deref(), kept.contents, deadline);
                let published = published.await?;
                self.until(deadline, published).await?;
                redriven += self
                    .0
                    .ledger
                    .delete(queue, Some(kept.number), deadline)
                    .await?;
            }
            self.note_dead(target, deadline).await?;
        }
    }

    /// Deletes messages. One that another process works on is deleted too, and its work has no effect on the queue.
    pub(in crate::queue) async fn delete(
        &self,
        queue: &str,
        number: Option<i64>,
        deadline: Instant,
    ) -> Result<u64, Error> {
        let of_ledger = number.is_none_or(|number| number < NUMBERS);
        let mut deleted = 0;
        if of_ledger {
            deleted += self.0.ledger.delete(queue, number, deadline).await?;
        }
        if let Some(target) = queue.strip_suffix(DEAD) {
            self.note_dead(target, deadline).await?;
        }
        let of_stream = number.is_none_or(|number| number >= NUMBERS);
        if queue.ends_with(DEAD) || !of_stream || !self.has_stream(queue, deadline).await? {
            return Ok(deleted);
        }
        let channel = self.channel(queue, None, deadline).await?;
        match number {
            Some(number) => {
                let is_deleted = self
                    .delete_one(&channel, place_of(number), deadline)
                    .await?;
                deleted += u64::from(is_deleted);
            }
            None => {
                let mut place = 0;
                while let Some(message) = self.next_message(&channel, place + 1, deadline).await? {
                    place = message.sequence;
                    let is_deleted = self.delete_one(&channel, place, deadline).await?;
                    deleted += u64::from(is_deleted);
                }
            }
        }
        Ok(deleted)
    }

    /// Deletes a message of a stream, unless this process works on it.
    async fn delete_one(
        &self,
        channel: &Channel,
        place: u64,
        deadline: Instant,
    ) -> Result<bool, Error> {
        if self.0.work.has(channel.number(place)) {
            return Ok(false);
        }
        self.delete_at(channel, place, deadline).await
    }

    /// Deletes the message at a place of a stream, and returns whether there was one.
    pub(super) async fn delete_at(
        &self,
        channel: &Channel,
        place: u64,
        deadline: Instant,
    ) -> Result<bool, Error> {
        let deleting = async {
            match channel.stream.delete_message(place).await {
                Ok(is_deleted) => Ok(is_deleted),
                Err(error) if error.to_string().contains("no message found") => Ok(false),
                Err(error) => Err(Failed::from(error)),
            }
        };
        self.until(deadline, deleting).await
    }

    /// Notes how many dead letters a queue has.
    async fn note_dead(&self, queue: &str, deadline: Instant) -> Result<(), Error> {
        let channel = self.channels().get(queue).cloned();
        let Some(channel) = channel else {
            return Ok(());
        };
        let figures = self.0.ledger.figures(deadline).await?;
        let name = format!("{queue}{DEAD}");
        channel.set_dead(room_of(figures.iter().find(|of| of.queue == name)));
        Ok(())
    }
}

async fn of_stream(channel: &Channel) -> Result<Figures, Failed> {
    let state = channel.stream.get_info().await?.state;
    let consumer = channel.consumer.get_info().await?;
    let next = consumer.delivered.stream_sequence + 1;
    let waiting = match consumer.num_pending {
        0 => Duration::ZERO,
        _ => {
            let subject = channel.subject_of(Some("*"));
            let first = channel
                .stream
                .direct_get_next_for_subject(subject, Some(next));
            first
                .await
                .map_or(Duration::ZERO, |first| age(SystemTime::from(first.time)))
        }
    };
    Ok(Figures {
        queue: channel.queue.clone(),
        messages: state.messages,
        bytes: state.bytes,
        claimed: consumer.num_ack_pending as u64,
        waiting,
    })
}

/// The room that a queue takes.
fn room_of(figures: Option<&Figures>) -> Room {
    figures.map_or_else(Room::default, |of| Room {
        messages: of.messages,
        bytes: of.bytes,
    })
}

/// The place of a message in its stream.
fn place_of(number: i64) -> u64 {
    (number & ((1 << PLACE_BITS) - 1)).cast_unsigned()
}

fn contents(message: &StreamMessage) -> Contents {
    let head = message.headers.get(HEAD);
    Contents {
        head: head.map_or_else(String::new, |head| head.as_str().to_owned()),
        data: message.payload.to_vec(),
    }
}
