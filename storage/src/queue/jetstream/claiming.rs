//! Claims messages: those that this process holds and that may be delivered now, and new ones from the server.

use std::time::{Duration, Instant};

use async_nats::jetstream::AckKind;
use futures::future::join_all;

use super::channel::{Channel, Look};
use super::sending::without_key_in_head;
use super::work::Given;
use super::{Failed, Queues};
use crate::clock;
use crate::queue::DEAD;
use crate::queue::error::Error;
use crate::queue::limits::{HELD_PAUSE, MAX_CLAIM, MAX_HELD, UNHELD_PAUSE};
use crate::queue::message::{Claim, Claimed, End, Owner};
use crate::queue::tables::{Note, hex_digest};

/// The longest time between two looks at the ledger: other processes put messages there too.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

impl Queues {
    pub(in crate::queue) async fn claim(
        &self,
        owner: &Owner,
        queue: &str,
        most: usize,
        deadline: Instant,
    ) -> Result<Claim, Error> {
        if queue.ends_with(DEAD) {
            return self.0.ledger.claim(owner, queue, most, deadline).await;
        }
        if !self.has_lease(owner) {
            return Ok(Claim::default());
        }
        let channel = self.channel(queue, None, deadline).await?;
        let next_due = self.send_due(owner, &channel, deadline).await?;
        let (from, to) = channel.numbers();
        let held = self.0.work.first_held(owner, (from, to), MAX_CLAIM);
        let mut messages = self.begin(&channel, held, most, deadline).await?;
        // However many are held: they may wait for one that is to come.
        if messages.len() < most {
            let fetched = self.fetch(owner, &channel, most - messages.len(), deadline);
            let begun = match fetched.await {
                Ok(fetched) => self.begin(&channel, fetched, most, deadline).await,
                Err(error) => Err(error),
            };
            match begun {
                Ok(begun) => messages.extend(begun),
                Err(error) if messages.is_empty() => return Err(error),
                // Those that were held are work already.
                Err(_) => {}
            }
        }
        let held = self.0.work.held((from, to)) > 0;
        let next_held = (held && messages.is_empty()).then_some(HELD_PAUSE);
        let next_in = if messages.is_empty() {
            next_due.into_iter().chain(next_held).min()
        } else {
            Some(Duration::ZERO)
        };
        Ok(Claim { messages, next_in })
    }

    /// Begins the work on those messages that are the first of their keys. The others are held.
    async fn begin(
        &self,
        channel: &Channel,
        given: Vec<Given>,
        most: usize,
        deadline: Instant,
    ) -> Result<Vec<Claimed>, Error> {
        // The server may have forgotten that this process has it.
        let new = given.into_iter().filter(|given| !self.0.work.renew(given));
        let looking = new.map(async |given| {
            let first = self.is_first(channel, &given, deadline).await;
            let note = match first {
                Ok(true) if given.delivered > 1 => {
                    let place = given.place.cast_signed();
                    self.0.ledger.note(&channel.queue, place, deadline).await
                }
                _ => Ok(Note::default()),
            };
            (given, first, note)
        });
        let looked = join_all(looking).await;
        let mut messages = Vec::new();
        let mut failed = None;
        for (given, first, note) in looked {
            match (first, note) {
                (Ok(true), Ok(note)) if messages.len() < most => {
                    let released = u32::try_from(note.released).unwrap_or(u32::MAX);
                    let attempts = given.delivered.saturating_sub(released).max(1);
                    messages.push(given.claimed(attempts));
                    self.0.work.begin(given);
                }
                (Err(error), _) | (_, Err(error)) => {
                    failed = Some(error);
                    self.0.work.hold(given);
                }
                _ => failed = self.hold(channel, given, deadline).await.err().or(failed),
            }
        }
        match failed {
            // Those that are held come later.
            Some(error) if messages.is_empty() => Err(error),
            _ => Ok(messages),
        }
    }

    /// Holds a message, or gives it back if too many are held.
    async fn hold(&self, channel: &Channel, given: Given, deadline: Instant) -> Result<(), Error> {
        let (from, to) = channel.numbers();
        if self.0.work.held((from, to)) < MAX_HELD {
            self.0.work.hold(given);
            return Ok(());
        }
        let place = given.place.cast_signed();
        self.0
            .ledger
            .note_release(&channel.queue, place, deadline)
            .await?;
        self.reply(&given.message, AckKind::Nak(Some(UNHELD_PAUSE)), deadline)
            .await
    }

    /// Whether no message of its key comes before it.
    async fn is_first(
        &self,
        channel: &Channel,
        given: &Given,
        deadline: Instant,
    ) -> Result<bool, Error> {
        let Some(key) = given.key.as_deref() else {
            return Ok(true);
        };
        let subject = channel.subject_of(Some(key));
        // A replica that is behind may still have one that is done, and then this one waits for a moment.
        let asking = async {
            let first = channel.stream.direct_get_next_for_subject(subject, Some(1));
            match first.await {
                Ok(first) => Ok(first.sequence == given.place),
                Err(error) if is_missing(&error) => Ok(false),
                Err(error) => Err(Failed::from(error)),
            }
        };
        self.until(deadline, asking).await
    }

    /// Sends the messages that the ledger has and that are due, and returns the time until the next one is.
    async fn send_due(
        &self,
        owner: &Owner,
        channel: &Channel,
        deadline: Instant,
    ) -> Result<Option<Duration>, Error> {
        let now = clock::now();
        let look = channel.look();
        if now < look.at {
            return Ok(look.due.map(|due| due.saturating_duration_since(now)));
        }
        let (ledger, queue) = (&self.0.ledger, &*channel.queue);
        loop {
            let claim = ledger.claim(owner, queue, MAX_CLAIM, deadline).await?;
            if claim.messages.is_empty() {
                let now = clock::now();
                let pause = claim.next_in.unwrap_or(LOOK_INTERVAL).min(LOOK_INTERVAL);
                channel.set_look(Look {
                    at: now + pause,
                    due: claim.next_in.map(|next| now + next),
                });
                return Ok(claim.next_in);
            }
            for message in claim.messages {
                // The same id if this process dies in between, and another one sends it again.
                let id = hex_digest(queue, &format!("delayed {}", message.number));
                let (key, contents) = without_key_in_head(message.contents);
                let published = self.publish(channel, &id, key.as_deref(), contents, deadline);
                let published = published.await?;
                self.until(deadline, published).await?;
                ledger
                    .end(owner, message.number, End::Acknowledge, deadline)
                    .await?;
            }
        }
    }
}

pub(super) fn is_missing(error: &async_nats::jetstream::stream::DirectGetError) -> bool {
    use async_nats::jetstream::stream::DirectGetErrorKind;
    matches!(error.kind(), DirectGetErrorKind::NotFound)
}
