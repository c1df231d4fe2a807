//! Owns the form of the lines for people. The parent chooses the facts in them.

use std::io::Write;

use super::{AccessLine, GuestLine, Line};

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const RED: &str = "\x1b[31m";

/// The time of day within a timestamp: `02:31:10.123`.
const TIME_OF_DAY: std::ops::Range<usize> = 11..23;

impl Line for AccessLine<'_> {
    const EVENT: &'static str = "request";

    /// `02:31:10.123 200 GET /hello 1.25 ms hello reused miss 0af7…`
    fn write_human(&self, text: &mut Vec<u8>, time: &str, colour: bool) {
        paint(text, colour, DIM, &time[TIME_OF_DAY]);
        let status = self
            .status
            .map_or_else(|| "---".to_owned(), |status| status.to_string());
        text.push(b' ');
        paint(text, colour, status_colour(self.status), &status);
        let (method, path) = (self.method.unwrap_or("-"), self.path.unwrap_or("-"));
        let milliseconds = self.duration_us as f64 / 1000.0;
        append(text, format_args!(" {method} {path} {milliseconds:.2} ms"));
        for word in [
            self.component,
            self.reused.and_then(|reused| reused.then_some("reused")),
            self.cache,
        ] {
            append(text, format_args!(" {}", word.unwrap_or("-")));
        }
        text.push(b' ');
        paint(text, colour, DIM, self.request_id.unwrap_or("-"));
        if let Some(storage) = self.storage {
            append(text, format_args!(" storage: {storage}"));
        }
        if let Some(detail) = &self.detail {
            text.push(b' ');
            paint(text, colour, RED, detail);
        }
    }
}

impl Line for GuestLine<'_> {
    const EVENT: &'static str = "guest";

    /// `02:31:10.123 stdout hello 0af7… the guest's words`
    fn write_human(&self, text: &mut Vec<u8>, time: &str, colour: bool) {
        paint(text, colour, DIM, &time[TIME_OF_DAY]);
        append(text, format_args!(" {} {} ", self.stream, self.component));
        paint(text, colour, DIM, self.request_id.unwrap_or("-"));
        text.push(b' ');
        write_without_controls(text, self.message);
    }
}

fn paint(text: &mut Vec<u8>, colour: bool, code: &str, words: &str) {
    if colour {
        append(text, format_args!("{code}{words}{RESET}"));
    } else {
        text.extend_from_slice(words.as_bytes());
    }
}

/// Escapes control characters: a guest must not move the cursor of the operator's terminal or forge log lines.
fn write_without_controls(text: &mut Vec<u8>, message: &str) {
    for character in message.chars() {
        if character.is_control() && character != '\t' {
            append(text, format_args!("{}", character.escape_default()));
        } else {
            append(text, format_args!("{character}"));
        }
    }
}

fn append(text: &mut Vec<u8>, words: std::fmt::Arguments<'_>) {
    text.write_fmt(words)
        .expect("writing to a vector does not fail");
}

fn status_colour(status: Option<u16>) -> &'static str {
    match status {
        Some(500..) => RED,
        Some(400..) | None => YELLOW,
        Some(_) => GREEN,
    }
}
