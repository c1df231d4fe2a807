//! Ends the work on messages.

use std::time::{Duration, Instant};

use async_nats::jetstream::AckKind;

use super::Queues;
use super::work::{Given, contents};
use crate::queue::DEAD;
use crate::queue::error::Error;
use crate::queue::message::{Owner, Room};
use crate::queue::tables::Dead;

impl Queues {
    pub(in crate::queue) async fn acknowledge(
        &self,
        owner: &Owner,
        number: i64,
        deadline: Instant,
    ) -> Result<bool, Error> {
        if number < super::NUMBERS {
            return self.0.ledger.acknowledge(owner, number, deadline).await;
        }
        let Some((queue, given)) = self.worked_on(owner, number) else {
            return Ok(false);
        };
        self.reply(&given.message, AckKind::Ack, deadline).await?;
        self.0.work.end(number);
        self.forget_note(&queue, &given, deadline).await;
        Ok(true)
    }

    pub(in crate::queue) async fn retry(
        &self,
        owner: &Owner,
        number: i64,
        delay: Duration,
        failure: &str,
        deadline: Instant,
    ) -> Result<bool, Error> {
        let ledger = &self.0.ledger;
        if number < super::NUMBERS {
            return ledger.retry(owner, number, delay, failure, deadline).await;
        }
        let Some((queue, given)) = self.worked_on(owner, number) else {
            return Ok(false);
        };
        let place = given.place.cast_signed();
        ledger
            .note_failure(&queue, place, failure, deadline)
            .await?;
        self.give_back(&given, delay, deadline).await
    }

    pub(in crate::queue) async fn release(
        &self,
        owner: &Owner,
        number: i64,
        delay: Duration,
        deadline: Instant,
    ) -> Result<bool, Error> {
        let ledger = &self.0.ledger;
        if number < super::NUMBERS {
            return ledger.release(owner, number, delay, deadline).await;
        }
        let Some((queue, given)) = self.worked_on(owner, number) else {
            return Ok(false);
        };
        let place = given.place.cast_signed();
        ledger.note_release(&queue, place, deadline).await?;
        self.give_back(&given, delay, deadline).await
    }

    pub(in crate::queue) async fn bury(
        &self,
        owner: &Owner,
        number: i64,
        failure: &str,
        deadline: Instant,
    ) -> Result<bool, Error> {
        let ledger = &self.0.ledger;
        if number < super::NUMBERS {
            return ledger.bury(owner, number, failure, deadline).await;
        }
        let Some((queue, given)) = self.worked_on(owner, number) else {
            return Ok(false);
        };
        let place = given.place.cast_signed();
        ledger
            .note_failure(&queue, place, failure, deadline)
            .await?;
        let note = ledger.note(&queue, place, deadline).await?;
        let contents = contents(&given.message);
        let bytes = (contents.head.len() + contents.data.len()) as u64;
        let dead = Dead {
            queue: format!("{queue}{DEAD}"),
            // The same if this process dies in between, and another one buries it again.
            id: format!("{} {place}", given.message.subject),
            key: given.key.clone(),
            contents,
            attempts: given.delivered,
            failures: note.failures,
        };
        ledger.keep(dead, deadline).await?;
        self.reply(&given.message, AckKind::Ack, deadline).await?;
        self.0.work.end(number);
        self.forget_note(&queue, &given, deadline).await;
        if let Some(channel) = self.channels().get(&queue) {
            let dead = channel.dead();
            channel.set_dead(Room {
                messages: dead.messages + 1,
                bytes: dead.bytes + bytes,
            });
        }
        Ok(true)
    }

    async fn give_back(
        &self,
        given: &Given,
        delay: Duration,
        deadline: Instant,
    ) -> Result<bool, Error> {
        let delay = (!delay.is_zero()).then_some(delay);
        self.reply(&given.message, AckKind::Nak(delay), deadline)
            .await?;
        self.0.work.end(given.number);
        Ok(true)
    }

    /// The message on which an owner works, and its queue.
    fn worked_on(&self, owner: &Owner, number: i64) -> Option<(String, Given)> {
        if !self.has_lease(owner) {
            return None;
        }
        let given = self.0.work.get(owner, number)?;
        Some((self.queue_of(number)?, given))
    }

    /// Forgets the failures of a message that is gone. If that fails, they are there for nothing.
    async fn forget_note(&self, queue: &str, given: &Given, deadline: Instant) {
        if given.delivered > 1 {
            let place = given.place.cast_signed();
            let forgotten = self.0.ledger.forget_note(queue, place, deadline).await;
            if let Err(error) = forgotten {
                tracing::debug!(queue, "the failures of a message stay: {error}");
            }
        }
    }
}
