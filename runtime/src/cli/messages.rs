//! Queues and their messages, as tables for people and as JSON.

use std::fmt;

use serde::Serialize;

use super::answer::{line, one_line};
use crate::queues::{ListedMessage, QueueFigures};

/// All queues.
#[derive(Debug, Serialize)]
pub(crate) struct Overview {
    pub(super) queues: Vec<QueueFigures>,
}

/// A page of the messages of a queue.
#[derive(Debug, Serialize)]
pub(crate) struct Messages {
    pub(super) messages: Vec<ListedMessage>,
}

impl fmt::Display for Overview {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["queue", "messages", "in work", "waiting", "bytes"];
        let rows = self.queues.iter().map(|of| {
            [
                one_line(&of.queue),
                of.messages.to_string(),
                of.claimed.to_string(),
                span(of.waiting_seconds),
                of.bytes.to_string(),
            ]
        });
        let rows: Vec<_> = rows.collect();
        table(formatter, head, &rows, [false, true, true, true, true])
    }
}

impl fmt::Display for Messages {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = [
            "number",
            "state",
            "attempts",
            "age",
            "due in",
            "event",
            "last failure",
        ];
        let rows = self.messages.iter().map(|message| {
            let text = |value: &serde_json::Value| one_line(value.as_str().unwrap_or_default());
            let event = &message.event;
            let last = message.failures.as_array().and_then(|all| all.last());
            [
                message.number.to_string(),
                message.state.clone(),
                message.attempts.to_string(),
                span(message.age_seconds),
                span(message.due_in_seconds),
                format!("{} {}", text(&event["type"]), text(&event["id"])),
                last.map(|failure| text(&failure["reason"]))
                    .unwrap_or_default(),
            ]
        });
        let right = [true, false, true, true, true, false, false];
        table(formatter, head, &rows.collect::<Vec<_>>(), right)
    }
}

/// A table with a head, or a word if it has no rows.
fn table<const COLUMNS: usize>(
    formatter: &mut fmt::Formatter<'_>,
    head: [&str; COLUMNS],
    rows: &[[String; COLUMNS]],
    right: [bool; COLUMNS],
) -> fmt::Result {
    if rows.is_empty() {
        return formatter.write_str("none");
    }
    let head = head.map(str::to_owned);
    let widths: Vec<_> = (0..COLUMNS)
        .map(|column| {
            let cells = rows
                .iter()
                .chain([&head])
                .map(|row| row[column].chars().count());
            cells.max().unwrap_or(0)
        })
        .collect();
    formatter.write_str(&line(&head, &widths, &[false; COLUMNS]))?;
    for row in rows {
        write!(formatter, "\n{}", line(row, &widths, &right))?;
    }
    Ok(())
}

/// A span of time in its largest whole unit.
fn span(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 60.0 => format!("{seconds:.1} s"),
        seconds if seconds < 3_600.0 => format!("{:.0} min", seconds / 60.0),
        seconds if seconds < 86_400.0 => format!("{:.1} h", seconds / 3_600.0),
        seconds => format!("{:.1} d", seconds / 86_400.0),
    }
}
