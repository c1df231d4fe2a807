//! Messages whose end the server does not confirm. A server that could not write, or lost its last writes, does not know that it gave
//! them to this process, and answers to nothing that concerns them.

use std::time::Instant;

use super::channel::Channel;
use super::claiming::is_missing;
use super::work::Given;
use super::{Failed, Queues};
use crate::queue::error::Error;

/// What the server knows of a message that it gave to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// That it gave it away.
    Given,
    /// Only that it has it: it gives it away again.
    Forgotten,
    /// Nothing: the work on it has ended.
    Gone,
}

impl Queues {
    /// What the server knows of a message that it gave to this process.
    pub(super) async fn fate(
        &self,
        channel: &Channel,
        given: &Given,
        deadline: Instant,
    ) -> Result<Fate, Error> {
        let asking = async {
            let there = match channel.stream.direct_get(given.place).await {
                Ok(there) => there,
                Err(error) if is_missing(&error) => return Ok(Fate::Gone),
                Err(error) => return Err(Failed::from(error)),
            };
            if given.published() != Some(there.time) {
                return Ok(Fate::Gone);
            }
            let info = channel.consumer.get_info().await?;
            let is_given = info.delivered.stream_sequence >= given.place;
            Ok(if is_given {
                Fate::Given
            } else {
                Fate::Forgotten
            })
        };
        self.until(deadline, asking).await
    }
}
