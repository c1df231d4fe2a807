//! Owns the lines of the log: one for each request and one for each line of a guest's output, in a form for people or
//! as JSON. `sink` writes them to a file.

mod human;

use std::cell::RefCell;
use std::io::Write;
use std::net::IpAddr;

use serde::Serialize;

use super::metrics::Metrics;
use super::sink::{Sink, Writer};
use super::stage::StageDurations;
use super::timestamp;
use crate::clock;

/// The format of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// Short lines for people.
    Human {
        /// Whether to use colours. For terminals only.
        colour: bool,
    },
}

/// Writes the log without waiting. Lines that cannot be written in time are lost and counted.
#[derive(Clone, Debug)]
pub struct Log {
    sink: Sink,
    format: LogFormat,
}

/// Keeps the writer's thread. Dropping it writes the remaining lines, so it must outlive the server.
#[derive(Debug)]
pub struct LogWriter(#[expect(dead_code, reason = "held for its drop")] Writer);

/// The line of a request that has ended. The JSON has the fields in this order.
#[derive(Debug, Serialize)]
pub(crate) struct AccessLine<'a> {
    pub(crate) request_id: Option<&'a str>,
    pub(crate) trace_id: Option<&'a str>,
    pub(crate) client: IpAddr,
    pub(crate) method: Option<&'a str>,
    pub(crate) path: Option<&'a str>,
    pub(crate) route: Option<&'a str>,
    pub(crate) component: Option<&'a str>,
    /// `None` if the client left before the response began.
    pub(crate) status: Option<u16>,
    pub(crate) bytes: u64,
    pub(crate) duration_us: u64,
    /// `None` if no head could be read.
    pub(crate) stages_us: Option<StageDurations>,
    pub(crate) cpu_us: u64,
    /// `None` if no instance took part.
    pub(crate) reused: Option<bool>,
    /// How the cache took part. `None` without a cache.
    pub(crate) cache: Option<&'static str>,
    /// The failure of a database or store that the guest used. `None` if none failed.
    pub(crate) storage: Option<&'static str>,
    /// The party that has to fix it. `None` if neither the request nor a database or store failed.
    pub(crate) blame: Option<&'static str>,
    /// Whether the request may be sent again. `None` in the same case as `blame`.
    pub(crate) retry: Option<&'static str>,
    pub(crate) failure: Option<&'static str>,
    /// The cause of the failure, for the operator only.
    pub(crate) detail: Option<String>,
}

/// One line of a guest's output.
#[derive(Debug, Serialize)]
pub(crate) struct GuestLine<'a> {
    pub(crate) request_id: Option<&'a str>,
    pub(crate) component: &'a str,
    pub(crate) stream: &'static str,
    pub(crate) message: &'a str,
}

/// A kind of log line.
trait Line: Serialize {
    /// The kind's name in JSON.
    const EVENT: &'static str;

    fn write_human(&self, text: &mut Vec<u8>, time: &str, colour: bool);
}

thread_local! {
    /// The buffers for a line, kept so that writing a line allocates nothing.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

#[derive(Default)]
struct Scratch {
    time: Vec<u8>,
    line: Vec<u8>,
}

impl Log {
    /// Starts a thread that writes lines in `format` to `target`. `metrics` counts lost lines.
    ///
    /// # Errors
    ///
    /// The thread cannot be started.
    pub fn start<W>(
        target: W,
        format: LogFormat,
        metrics: &Metrics,
    ) -> std::io::Result<(Self, LogWriter)>
    where
        W: Write + Send + 'static,
    {
        let (sink, writer) = Sink::start(target, metrics.log_lines_dropped().clone())?;
        Ok((Self { sink, format }, LogWriter(writer)))
    }

    /// Writes a request's line.
    pub(crate) fn access(&self, line: &AccessLine<'_>) {
        self.write(line);
    }

    /// Writes a line of a guest's output.
    pub(crate) fn guest(&self, line: &GuestLine<'_>) {
        self.write(line);
    }

    fn write<L: Line>(&self, line: &L) {
        SCRATCH.with_borrow_mut(|scratch| {
            let Scratch { time, line: text } = scratch;
            time.clear();
            text.clear();
            timestamp::write(time, clock::time_of_day());
            let time = std::str::from_utf8(time).expect("a timestamp is ASCII");
            match self.format {
                LogFormat::Json => write_json(text, time, line),
                LogFormat::Human { colour } => line.write_human(text, time, colour),
            }
            text.push(b'\n');
            self.sink.push(text);
        });
    }
}

/// Writes the time, the kind and the fields of the kind as one object.
fn write_json<L: Line>(text: &mut Vec<u8>, time: &str, line: &L) {
    for part in ["{\"ts\":\"", time, "\",\"event\":\"", L::EVENT, "\""] {
        text.extend_from_slice(part.as_bytes());
    }
    let fields = text.len();
    serde_json::to_writer(&mut *text, line)
        .expect("plain fields serialise, and a vector takes them");
    // Replaces the brace that opens the object of the fields. Joining by hand takes half the time of serde's `flatten`.
    text[fields] = b',';
}

#[cfg(test)]
mod tests;
