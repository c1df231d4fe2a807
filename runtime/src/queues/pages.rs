//! The queues of a server as pages of the admin listener: what they have, and what an operator does with dead letters.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde::{Deserialize, Serialize};
use storage::queue::{DEAD, Error, Figures, Listed};

use super::Queues;
use super::limits::ENGINE_TIMEOUT;
use crate::clock;
use crate::request::ResponseBody;
use crate::server::AdminPage;
use crate::server::answers::{json, not_allowed, posted, refuse};

/// The page with the figures of all queues.
pub(crate) const QUEUES_PATH: &str = "/queues";
/// The page with the messages of one queue.
pub(crate) const LIST_PATH: &str = "/queues/messages";
/// The page that moves dead letters back to their queue.
pub(crate) const REDRIVE_PATH: &str = "/queues/redrive";
/// The page that deletes messages.
pub(crate) const DELETE_PATH: &str = "/queues/drop";

/// What a queue tells of itself. Times are seconds.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct QueueFigures {
    /// Its name.
    pub(crate) queue: String,
    /// The messages that it has.
    pub(crate) messages: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// The messages on which consumers work.
    pub(crate) claimed: u64,
    /// For how long the first message that is due has waited.
    pub(crate) waiting_seconds: f64,
}

/// A message of a queue. Times are seconds.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ListedMessage {
    /// Identifies it.
    pub(crate) number: i64,
    /// `ready`, `delayed`, `blocked`, `claimed` or `dead`.
    pub(crate) state: String,
    /// How often it was delivered.
    pub(crate) attempts: u32,
    /// The time since it was accepted.
    pub(crate) age_seconds: f64,
    /// The time until it is due.
    pub(crate) due_in_seconds: f64,
    /// The attributes of the event.
    pub(crate) event: serde_json::Value,
    /// The length of its data.
    pub(crate) data_bytes: usize,
    /// The last failures.
    pub(crate) failures: serde_json::Value,
}

/// The messages to list or to change: those of a queue, or one of them.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeRequest {
    /// The name of the queue.
    pub(crate) queue: String,
    /// The number of the message; for a list, that of the one before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) number: Option<i64>,
}

/// How many messages were changed.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Changed {
    /// Their number.
    pub(crate) changed: u64,
}

/// The pages.
pub(crate) fn pages(queues: &Arc<Queues>) -> Vec<AdminPage> {
    let page = |path| {
        let queues = Arc::clone(queues);
        AdminPage::new(path, move |request| {
            let queues = Arc::clone(&queues);
            async move { answer(&queues, &request).await.map(ResponseBody::Full) }
        })
    };
    [QUEUES_PATH, LIST_PATH, REDRIVE_PATH, DELETE_PATH]
        .map(page)
        .into()
}

async fn answer(queues: &Queues, request: &Request<Bytes>) -> Response<Bytes> {
    let Some(engine) = queues.engine() else {
        let what = "no component of this server consumes a queue: `[[component.ID.tool.terrace.consumes]]` of spin.toml";
        return refuse(StatusCode::NOT_FOUND, what);
    };
    let deadline = clock::now() + ENGINE_TIMEOUT;
    let path = request.uri().path();
    if path == QUEUES_PATH {
        return match *request.method() {
            Method::GET | Method::HEAD => told(engine.figures(deadline).await.map(shown)),
            _ => not_allowed("GET, HEAD"),
        };
    }
    let wanted = match posted::<ChangeRequest>(request) {
        Ok(wanted) => wanted,
        Err(refused) => return *refused,
    };
    let (queue, number) = (&*wanted.queue, wanted.number);
    match path {
        LIST_PATH => {
            let listed = engine.list(queue, number.unwrap_or(0), deadline).await;
            told(listed.map(|messages| listed_of(queue, messages)))
        }
        REDRIVE_PATH if !queue.ends_with(DEAD) => {
            let what =
                format!("`{queue}` is no dead-letter queue: name one such as `{queue}{DEAD}`");
            refuse(StatusCode::BAD_REQUEST, &what)
        }
        REDRIVE_PATH => {
            let redriven = engine.redrive(queue, number, deadline).await;
            queues.wake(queue.trim_end_matches(DEAD));
            told(redriven.map(|changed| Changed { changed }))
        }
        _ => {
            let deleted = engine.delete(queue, number, deadline).await;
            told(deleted.map(|changed| Changed { changed }))
        }
    }
}

fn told<T: Serialize>(result: Result<T, Error>) -> Response<Bytes> {
    match result {
        Ok(content) => json(StatusCode::OK, &content),
        Err(error) => refuse(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

fn shown(figures: Vec<Figures>) -> Vec<QueueFigures> {
    let figures = figures.into_iter().map(|of| QueueFigures {
        queue: of.queue,
        messages: of.messages,
        bytes: of.bytes,
        claimed: of.claimed,
        waiting_seconds: of.waiting.as_secs_f64(),
    });
    figures.collect()
}

fn listed_of(queue: &str, messages: Vec<Listed>) -> Vec<ListedMessage> {
    let messages = messages.into_iter().map(|message| ListedMessage {
        state: state(queue, &message).to_owned(),
        number: message.number,
        attempts: message.attempts,
        age_seconds: message.age.as_secs_f64(),
        due_in_seconds: message.due_in.as_secs_f64(),
        event: serde_json::from_str(&message.contents.head).unwrap_or_default(),
        data_bytes: message.contents.data.len(),
        failures: serde_json::from_str(&message.failures).unwrap_or_default(),
    });
    messages.collect()
}

fn state(queue: &str, message: &Listed) -> &'static str {
    if message.is_claimed {
        "claimed"
    } else if queue.ends_with(DEAD) {
        "dead"
    } else if message.is_blocked {
        "blocked"
    } else if !message.due_in.is_zero() {
        "delayed"
    } else {
        "ready"
    }
}
