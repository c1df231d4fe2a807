//! Fetches messages from the server. A consumer with replicas gives a message when others know of that, and says before it that it has
//! given all: so this counts, and does not stop there.

use std::time::Instant;

use async_nats::jetstream;
use async_nats::{Message, StatusCode, Subscriber};
use futures::StreamExt;
use tokio::time::timeout_at;

use super::channel::{Channel, NO_KEY};
use super::work::Given;
use super::{Queues, unavailable};
use crate::clock;
use crate::queue::error::Error;
use crate::queue::limits::{MAX_CLAIM_BYTES, MAX_CONFIRMATION_WAIT};
use crate::queue::message::Owner;

/// The field of a status with the number of messages that were asked for and do not come.
const NOT_COMING: &str = "Nats-Pending-Messages";

impl Queues {
    /// New messages from the server: those that it has now.
    pub(super) async fn fetch(
        &self,
        owner: &Owner,
        channel: &Channel,
        most: usize,
        deadline: Instant,
    ) -> Result<Vec<Given>, Error> {
        let request = format!(r#"{{"batch":{most},"max_bytes":{MAX_CLAIM_BYTES},"no_wait":true}}"#);
        let client = &self.0.client;
        let asking = async {
            let inbox = client.new_inbox();
            let answers = client.subscribe(inbox.clone()).await?;
            client
                .publish_with_reply(channel.next_subject(), inbox, request.into())
                .await?;
            Ok(answers)
        };
        let mut answers = self.until(deadline, asking).await?;
        let messages = receive(&mut answers, most, deadline).await?;
        let given = messages.into_iter().filter_map(|message| {
            let context = self.0.context.clone();
            new(owner, channel, jetstream::Message { message, context })
        });
        Ok(given.collect())
    }
}

/// The messages that answer a request for so many. Those that have come are this process's, whatever goes wrong then.
async fn receive(
    answers: &mut Subscriber,
    most: usize,
    mut deadline: Instant,
) -> Result<Vec<Message>, Error> {
    let mut messages = Vec::new();
    let mut coming = most;
    while messages.len() < coming {
        let Ok(Some(answer)) = timeout_at(deadline.into(), answers.next()).await else {
            return match messages.is_empty() {
                true => Err(unavailable("it does not answer in time".to_owned())),
                false => Ok(messages),
            };
        };
        match answer.status {
            None | Some(StatusCode::OK) => messages.push(answer),
            Some(StatusCode::IDLE_HEARTBEAT) => {}
            Some(status) => {
                let Some(not_coming) = not_coming(&answer) else {
                    // There are none, or requests of others come first.
                    let is_none = [StatusCode::NOT_FOUND, StatusCode::TIMEOUT].contains(&status);
                    let why = answer.description.unwrap_or_default();
                    return match is_none || !messages.is_empty() {
                        true => Ok(messages),
                        false => Err(unavailable(format!("it gives no messages: {status} {why}"))),
                    };
                };
                coming = most.saturating_sub(not_coming);
                // A server that has just lost the lead gives what it has promised no more.
                deadline = deadline.min(clock::now() + MAX_CONFIRMATION_WAIT);
            }
        }
    }
    Ok(messages)
}

fn not_coming(answer: &Message) -> Option<usize> {
    let field = answer.headers.as_ref()?.get(NOT_COMING)?;
    field.as_str().parse().ok()
}

/// A message as it comes from the server.
fn new(owner: &Owner, channel: &Channel, message: jetstream::Message) -> Option<Given> {
    let info = message.info().ok()?;
    let (place, delivered) = (info.stream_sequence, info.delivered);
    let key = message.subject.rsplit('.').next();
    let key = key.filter(|key| *key != NO_KEY).map(str::to_owned);
    Some(Given {
        owner: owner.clone(),
        number: channel.number(place),
        place,
        delivered: u32::try_from(delivered).unwrap_or(u32::MAX),
        key,
        is_unconfirmed: false,
        message,
    })
}
