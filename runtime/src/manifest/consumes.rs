//! Reads `[[component.ID.tool.terrace.consumes]]`: the messages that a component is called with.

use std::time::Duration;

use super::name::check_queue;
use super::{Consumes, Subscription};
use crate::document::{Table, Value};
use crate::fault::{Position, Reason};
use crate::limits::{
    DEFAULT_BACKOFF, DEFAULT_CONSUMER_CONCURRENCY, DEFAULT_MAX_BACKOFF, DEFAULT_RETRIES, MAX_BATCH,
    MAX_CONSUMER_CONCURRENCY, MAX_CONSUMER_TIMEOUT, MAX_RETRIES,
};
use crate::units::duration;

/// The queue of events, whose messages go to all that subscribe to them.
pub const EVENTS: &str = "events";

/// The beginning of the queues that have the messages of schedules.
const SCHEDULES: &str = "schedules";

/// A type of events, or the beginning of types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindPattern {
    text: String,
    is_prefix: bool,
}

/// What a component consumes, in the order of the manifest.
pub(super) fn consumes(id: &str, tool: &Table<'_>) -> Vec<Consumes> {
    let entries = tool.get("consumes").and_then(|value| value.list());
    let entries = entries.unwrap_or_default().into_iter();
    let read: Vec<_> = entries
        .filter_map(|entry| Some((entry.table(name(id))?, entry)))
        .filter_map(|(table, entry)| Some((one(id, &table, &entry)?, entry)))
        .collect();
    for (index, (consumes, entry)) in read.iter().enumerate() {
        let queue = consumes.queue();
        if read[..index]
            .iter()
            .any(|(earlier, _)| earlier.queue() == queue)
        {
            let help = "write one entry with all `types`, and with one `source` or none";
            entry.report(Reason::new("a component subscribes to events once").help(help));
        }
    }
    read.into_iter().map(|(consumes, _)| consumes).collect()
}

fn name(id: &str) -> String {
    format!("[[component.{id}.tool.terrace.consumes]]")
}

fn one(id: &str, table: &Table<'_>, entry: &Value<'_>) -> Option<Consumes> {
    let subscription = subscription(id, table, entry);
    let number = |key, least, most: u32| {
        let number = table.number(key, least, most.into());
        number.and_then(|number| u32::try_from(number).ok())
    };
    let concurrency = number("concurrency", 1, MAX_CONSUMER_CONCURRENCY);
    let retries = number("retries", 0, MAX_RETRIES);
    let batch = number("batch", 1, MAX_BATCH);
    let backoff = table.parsed("backoff", duration);
    let max_backoff = table.parsed("max_backoff", duration);
    let timeout = table.parsed("timeout", timeout);
    let ordered_by = table.parsed("ordered_by", attribute);
    table.finish();
    let defaults = Consumes::of(subscription?, entry.position());
    let backoff = backoff.unwrap_or(defaults.backoff);
    Some(Consumes {
        concurrency: concurrency.unwrap_or(defaults.concurrency),
        retries: retries.unwrap_or(defaults.retries),
        backoff,
        max_backoff: max_backoff.unwrap_or(defaults.max_backoff).max(backoff),
        timeout,
        ordered_by,
        batch: batch.unwrap_or(defaults.batch),
        ..defaults
    })
}

/// The queue, or the types of events, exactly one of them.
fn subscription(id: &str, table: &Table<'_>, entry: &Value<'_>) -> Option<Subscription> {
    let queue = table.get("queue");
    let types = table.get("types");
    let source = table.string("source").map(str::to_owned);
    match (queue, types) {
        (Some(queue), None) => {
            if source.is_some() {
                entry.report("`source` is for subscriptions: name `types` in place of `queue`");
            }
            queue.parsed(queue_name).map(Subscription::Queue)
        }
        (None, Some(types)) => {
            let kinds = types.strings().into_iter();
            let kinds = kinds.filter_map(|(place, _)| place.parsed(kind));
            let kinds: Vec<_> = kinds.collect();
            if types.list().is_some_and(|list| list.is_empty()) {
                types.report("no type is named");
            }
            Some(Subscription::Events {
                component: id.to_owned(),
                kinds,
                source,
            })
        }
        _ => {
            let help = "write `queue = \"mail\"`, or `types = [\"article.published\"]`";
            let what = "a consumer names either a queue or the types of events";
            entry.report(Reason::new(what).help(help));
            None
        }
    }
}

fn queue_name(text: &str) -> Result<String, Reason> {
    check_queue(text)?;
    if text == EVENTS {
        let help = "name the `types` of events in place of `queue`";
        return Err(
            Reason::new("the queue `events` goes to those that subscribe to it").help(help),
        );
    }
    Ok(text.to_owned())
}

/// A type, or the beginning of types and `*`.
fn kind(text: &str) -> Result<KindPattern, Reason> {
    let (beginning, is_prefix) = match text.strip_suffix('*') {
        Some(beginning) => (beginning, true),
        None => (text, false),
    };
    if beginning.contains('*') || (beginning.is_empty() && !is_prefix) {
        let help = "write a whole type, `article.published`, or a beginning, `article.*`";
        return Err(Reason::new(format!("`{text}` is not a type of events")).help(help));
    }
    let text = beginning.to_owned();
    Ok(KindPattern { text, is_prefix })
}

fn attribute(text: &str) -> Result<String, Reason> {
    let is_valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if !text.is_empty() && text.bytes().all(is_valid) {
        return Ok(text.to_owned());
    }
    let help = "write the name of an attribute of CloudEvents: `subject`, `source`, `partitionkey`";
    Err(Reason::new(format!("`{text}` is not an attribute")).help(help))
}

fn timeout(text: &str) -> Result<Duration, Reason> {
    let timeout = duration(text)?;
    if timeout <= MAX_CONSUMER_TIMEOUT {
        return Ok(timeout);
    }
    let help = format!("write at most `{}h`", MAX_CONSUMER_TIMEOUT.as_secs() / 3600);
    Err(Reason::new(format!("`{text}` is too long for a message")).help(help))
}

impl Consumes {
    /// A consumer that says no more than what it consumes.
    pub(super) fn of(subscription: Subscription, position: Position) -> Self {
        Self {
            subscription,
            concurrency: DEFAULT_CONSUMER_CONCURRENCY,
            retries: DEFAULT_RETRIES,
            backoff: DEFAULT_BACKOFF,
            max_backoff: DEFAULT_MAX_BACKOFF,
            timeout: None,
            ordered_by: None,
            batch: 1,
            position,
        }
    }

    /// The name of the queue that has its messages.
    #[must_use]
    pub fn queue(&self) -> String {
        self.subscription.queue()
    }

    /// Whether it gets an event of this type and source that was sent to the queue `name`.
    #[must_use]
    pub fn takes(&self, name: &str, kind: &str, source: &str) -> bool {
        match &self.subscription {
            Subscription::Queue(queue) => queue == name,
            // Nobody else sends them.
            Subscription::Schedules(_) => false,
            Subscription::Events {
                kinds,
                source: wanted,
                ..
            } => {
                let is_wanted = wanted.as_ref().is_none_or(|wanted| wanted == source);
                name == EVENTS && is_wanted && kinds.iter().any(|pattern| pattern.matches(kind))
            }
        }
    }
}

impl Subscription {
    /// The name of the queue that has the messages.
    #[must_use]
    pub fn queue(&self) -> String {
        match self {
            Self::Queue(queue) => queue.clone(),
            Self::Events { component, .. } => format!("{EVENTS}.{component}"),
            Self::Schedules(component) => format!("{SCHEDULES}.{component}"),
        }
    }
}

impl KindPattern {
    fn matches(&self, kind: &str) -> bool {
        match self.is_prefix {
            true => kind.starts_with(&self.text),
            false => kind == self.text,
        }
    }
}
