//! The outbox of a database: events that a function inserts in the transaction of its other changes, and that are sent once that is
//! committed. They are sent in the order of their numbers under their own ids, so that those sent twice are one message each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use storage::queue::{
    Contents, Error as QueueError, MAX_MESSAGE_BYTES, MAX_SENT, MAX_SENT_BYTES, Message,
};
use storage::sql::{self, Value};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::AppQueues;
use super::limits::{ENGINE_TIMEOUT, MAX_RELAYED, POLL_INTERVAL};
use crate::clock;
use crate::event::{self, Event};
use crate::limits::{MAX_EVENT_ATTRIBUTE_BYTES, MAX_QUEUE_NAME_BYTES};
use crate::manifest::EVENTS;

/// The name of the table, in any case of letters.
const TABLE: &[u8] = b"outbox";

/// The columns that the table has in any case: the number, the queue, and the attributes and the data of an event. Those beyond them are
/// further attributes.
const COLUMNS: &str = "number, queue, id, source, type, subject, time, datacontenttype, data";

/// The columns among them that are no attributes.
const NO_ATTRIBUTES: [&str; 3] = ["number", "queue", "data"];

/// Where events go that no queue takes.
const UNDELIVERABLE: &str = "outbox.dead";

/// A database with an outbox.
pub(crate) struct Outbox {
    /// Its label.
    pub(crate) label: String,
    /// The database.
    pub(crate) database: sql::Database,
    /// Tells that it may have rows.
    pub(crate) news: Arc<Notify>,
}

/// Watches the statements of one connection for events that are committed.
pub(crate) struct OutboxNews {
    news: Arc<Notify>,
    is_touched: AtomicBool,
}

/// Why rows were not relayed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RelayError {
    #[error("the outbox cannot be read: {0}")]
    Database(#[from] sql::Error),
    #[error("the queues do not take its events: {0}")]
    Queue(#[from] QueueError),
}

/// A row: what tells it from others, and the messages that it becomes.
struct Row {
    /// Its number, id and source. SQLite gives the number of a row that is gone to another one.
    key: [Value; 3],
    messages: Vec<Message>,
}

impl OutboxNews {
    pub(crate) fn new(news: Arc<Notify>) -> Self {
        let is_touched = AtomicBool::new(false);
        Self { news, is_touched }
    }

    /// Notes a statement, and whether its connection is in a transaction after it.
    pub(crate) fn executed(&self, statement: &str, is_in_transaction: bool) {
        let mut windows = statement.as_bytes().windows(TABLE.len());
        if windows.any(|window| window.eq_ignore_ascii_case(TABLE)) {
            self.is_touched.store(true, Ordering::Relaxed);
        }
        if !is_in_transaction && self.is_touched.swap(false, Ordering::Relaxed) {
            self.news.notify_one();
        }
    }
}

impl Outbox {
    /// Checks that the table is there and has its columns.
    ///
    /// # Errors
    /// What the database says.
    pub(crate) async fn check(
        database: &sql::Database,
        deadline: Instant,
    ) -> Result<(), sql::Error> {
        let read = format!("SELECT {COLUMNS} FROM outbox LIMIT 0");
        let checked = database
            .session()
            .execute(&read, Vec::new(), deadline)
            .await;
        checked.map(drop)
    }

    /// Relays the rows of the outbox, for as long as it is polled.
    pub(crate) async fn relay(&self, app: &AppQueues) {
        let mut has_failed = false;
        loop {
            match self.relay_some(app).await {
                Ok(0) => {
                    has_failed = false;
                    // Another process may have committed a row.
                    let _ = timeout(POLL_INTERVAL, self.news.notified()).await;
                }
                Ok(_) => has_failed = false,
                Err(error) => {
                    if !has_failed {
                        tracing::warn!(database = self.label, "{error}; it is tried again");
                    }
                    has_failed = true;
                    sleep(POLL_INTERVAL).await;
                }
            }
        }
    }

    /// Relays the first rows, and returns how many.
    async fn relay_some(&self, app: &AppQueues) -> Result<usize, RelayError> {
        let deadline = clock::now() + ENGINE_TIMEOUT;
        let mut session = self.database.session();
        let read = format!("SELECT * FROM outbox ORDER BY number LIMIT {MAX_RELAYED}");
        let read = session.execute(&read, Vec::new(), deadline).await?;
        let columns = &read.columns;
        let rows = read.rows.into_iter();
        let rows: Vec<Row> = rows.map(|row| self.row(app, columns, row)).collect();
        if rows.is_empty() {
            return Ok(0);
        }
        let keys: Vec<Value> = rows.iter().flat_map(|row| row.key.clone()).collect();
        let relayed = rows.len();
        let messages = rows.into_iter().flat_map(|row| row.messages);
        for part in parts(messages) {
            app.store(part, clock::now() + ENGINE_TIMEOUT).await?;
        }
        let which = vec!["number IS ? AND id IS ? AND source IS ?"; relayed].join(" OR ");
        let delete = format!("DELETE FROM outbox WHERE {which}");
        let deadline = clock::now() + ENGINE_TIMEOUT;
        session.execute(&delete, keys, deadline).await?;
        Ok(relayed)
    }

    /// The messages of a row. One that no queue takes is a dead letter, and not in the way of others.
    fn row(&self, app: &AppQueues, columns: &[String], values: Vec<Value>) -> Row {
        let mut values: BTreeMap<&str, Value> =
            columns.iter().map(String::as_str).zip(values).collect();
        let key = ["number", "id", "source"];
        let key = key.map(|name| values.get(name).cloned().unwrap_or(Value::Null));
        let queue = text(values.remove("queue")).unwrap_or_default();
        let mut event = Event::default();
        event.data = match values.remove("data") {
            Some(Value::Blob(data)) => data.into(),
            value => text(value).unwrap_or_default().into(),
        };
        for (name, value) in values {
            if let Some(value) = text(Some(value))
                && !NO_ATTRIBUTES.contains(&name)
                && event::is_name(name)
            {
                event.or_attribute(name, || value);
            }
        }
        let checked = event.clone().completed();
        let messages = match &checked {
            Ok(event) => app.messages(&queue, event, Duration::ZERO),
            Err(_) => Vec::new(),
        };
        let fault = match checked {
            Err(error) => Some(error.to_string()),
            Ok(event) if size(&event) > MAX_MESSAGE_BYTES => {
                Some(format!("the event has {} bytes", size(&event)))
            }
            Ok(_) if messages.is_empty() && queue != EVENTS => {
                Some(format!("no component consumes the queue `{queue}`"))
            }
            Ok(_) => None,
        };
        let messages = match fault {
            Some(fault) => vec![self.undeliverable(&queue, event, &fault)],
            None => messages,
        };
        Row { key, messages }
    }

    /// The dead letter of a row that no queue takes. Data that would be too large for it is left out.
    fn undeliverable(&self, queue: &str, mut event: Event, fault: &str) -> Message {
        let database = &*self.label;
        tracing::warn!(
            database,
            "a row of the outbox goes to `{UNDELIVERABLE}`: {fault}"
        );
        if size(&event) > MAX_MESSAGE_BYTES - MAX_EVENT_ATTRIBUTE_BYTES {
            event.data = Bytes::new();
        }
        if size(&event) > MAX_EVENT_ATTRIBUTE_BYTES {
            event = Event::default();
        }
        event.or_attribute("outboxqueue", || {
            queue.chars().take(MAX_QUEUE_NAME_BYTES).collect()
        });
        event.or_attribute("outboxfault", || fault.to_owned());
        Message {
            queue: UNDELIVERABLE.to_owned(),
            // Of two that are alike, one is enough.
            id: format!("{database} {}", event.head()),
            key: None,
            delay: Duration::ZERO,
            contents: Contents {
                head: event.head(),
                data: event.data.to_vec(),
            },
        }
    }
}

/// What an event takes of a message.
fn size(event: &Event) -> usize {
    event.head().len() + event.data.len()
}

/// A value as text; `None` if there is none.
fn text(value: Option<Value>) -> Option<String> {
    match value? {
        Value::Text(text) => Some(text),
        Value::Integer(number) => Some(number.to_string()),
        Value::Real(number) => Some(number.to_string()),
        Value::Blob(bytes) => String::from_utf8(bytes).ok(),
        Value::Null => None,
    }
}

/// Messages in as many calls as the engine wants.
fn parts(messages: impl Iterator<Item = Message>) -> Vec<Vec<Message>> {
    let mut parts = vec![Vec::new()];
    let mut bytes = 0;
    for message in messages {
        let size = message.contents.head.len() + message.contents.data.len();
        let last = parts.last_mut().expect("there is one from the start");
        if !last.is_empty() && (last.len() == MAX_SENT || bytes + size > MAX_SENT_BYTES) {
            parts.push(vec![message]);
            bytes = size;
        } else {
            last.push(message);
            bytes += size;
        }
    }
    parts
}
