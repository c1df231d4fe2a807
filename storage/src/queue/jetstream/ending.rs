//! Ends the work on messages.

use std::time::{Duration, Instant};

use async_nats::jetstream::AckKind;

use super::forgotten::Fate;
use super::work::{Given, contents};
use super::{NUMBERS, Queues};
use crate::clock;
use crate::queue::DEAD;
use crate::queue::error::Error;
use crate::queue::limits::MAX_CONFIRMATION_WAIT;
use crate::queue::message::{End, Owner, Room};
use crate::queue::tables::Dead;

impl Queues {
    /// Ends the work on a message. Returns whether the owner still had it.
    pub(in crate::queue) async fn end(
        &self,
        owner: &Owner,
        number: i64,
        end: End<'_>,
        deadline: Instant,
    ) -> Result<bool, Error> {
        let ledger = &self.0.ledger;
        if number < NUMBERS {
            return ledger.end(owner, number, end, deadline).await;
        }
        let Some((queue, given)) = self.worked_on(owner, number) else {
            return Ok(false);
        };
        let is_last = matches!(end, End::Acknowledge | End::Bury(_));
        let place = given.place.cast_signed();
        if given.is_unconfirmed {
            let channel = self.channel(&queue, None, deadline).await?;
            let fate = self.fate(&channel, &given, deadline).await?;
            // It may have noted the end and failed to delete the message, and then it answers never.
            if fate != Fate::Gone && is_last {
                self.delete_at(&channel, given.place, deadline).await?;
            }
            if fate != Fate::Given || is_last {
                self.0.work.end(number);
                return Ok(is_last || fate == Fate::Forgotten);
            }
        }
        let reply = match end {
            End::Acknowledge => AckKind::Ack,
            End::Release(delay) => {
                ledger.note_release(&queue, place, deadline).await?;
                again_after(delay)
            }
            End::Retry(delay, failure) => {
                ledger
                    .note_failure(&queue, place, failure, deadline)
                    .await?;
                again_after(delay)
            }
            End::Bury(failure) => {
                self.keep_dead(&queue, &given, failure, deadline).await?;
                AckKind::Ack
            }
        };
        let by = deadline.min(clock::now() + MAX_CONFIRMATION_WAIT);
        let replied = self.reply(&given.message, reply, by).await;
        replied.inspect_err(|_| self.0.work.set_unconfirmed(number))?;
        self.0.work.end(number);
        if is_last && given.delivered > 1 {
            let forgotten = ledger.forget_note(&queue, place, deadline).await;
            // If that fails, they are there for nothing.
            if let Err(error) = forgotten {
                tracing::debug!(queue, "the failures of a message stay: {error}");
            }
        }
        Ok(true)
    }

    /// Has the ledger keep a message, with its failures.
    async fn keep_dead(
        &self,
        queue: &str,
        given: &Given,
        failure: &str,
        deadline: Instant,
    ) -> Result<(), Error> {
        let (ledger, place) = (&self.0.ledger, given.place.cast_signed());
        ledger.note_failure(queue, place, failure, deadline).await?;
        let note = ledger.note(queue, place, deadline).await?;
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
        if let Some(channel) = self.channels().get(queue) {
            let dead = channel.dead();
            channel.set_dead(Room {
                messages: dead.messages + 1,
                bytes: dead.bytes + bytes,
            });
        }
        Ok(())
    }

    /// The message on which an owner works, and its queue.
    fn worked_on(&self, owner: &Owner, number: i64) -> Option<(String, Given)> {
        if !self.has_lease(owner) {
            return None;
        }
        let given = self.0.work.get(owner, number)?;
        Some((self.queue_of(number)?, given))
    }
}

fn again_after(delay: Duration) -> AckKind {
    AckKind::Nak((!delay.is_zero()).then_some(delay))
}
