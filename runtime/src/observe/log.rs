//! Owns the lines of the log: one per request, one per line of a guest's output, for people or as JSON.
//! Getting them to a file is left to `sink`.

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

/// How lines are spelt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// Short lines for people.
    Human {
        /// Whether to mark what matters with colours: only on a terminal.
        colour: bool,
    },
}

/// Writes the log. Never waits: lines that cannot be written in time are lost and counted.
#[derive(Clone, Debug)]
pub struct Log {
    sink: Sink,
    format: LogFormat,
}

/// Keeps the thread that writes the log. Dropping it writes the lines that are left, so let it outlive the
/// server.
#[derive(Debug)]
pub struct LogWriter(#[expect(dead_code, reason = "held for its drop")] Writer);

/// The line of a request that has ended; as JSON, with the fields in this order.
#[derive(Debug, Serialize)]
pub(crate) struct AccessLine<'a> {
    pub(crate) request_id: Option<&'a str>,
    pub(crate) trace_id: Option<&'a str>,
    pub(crate) client: IpAddr,
    pub(crate) method: Option<&'a str>,
    pub(crate) path: Option<&'a str>,
    pub(crate) route: Option<&'a str>,
    pub(crate) component: Option<&'a str>,
    /// `None` when the client left before there was a response.
    pub(crate) status: Option<u16>,
    pub(crate) bytes: u64,
    pub(crate) duration_us: u64,
    /// `None` when no head could be read.
    pub(crate) stages_us: Option<StageDurations>,
    pub(crate) cpu_us: u64,
    /// `None` when no instance took part.
    pub(crate) reused: Option<bool>,
    /// How the cache took part; `None` where there is no cache.
    pub(crate) cache: Option<&'static str>,
    /// How a database or a store failed that the guest used; `None` if none did.
    pub(crate) storage: Option<&'static str>,
    /// Who has to change something; `None` if neither the request nor a database or store failed.
    pub(crate) blame: Option<&'static str>,
    /// Whether the request may be sent again; `None` as before.
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

/// A kind of line.
trait Line: Serialize {
    /// The kind's name in JSON.
    const EVENT: &'static str;

    fn write_human(&self, text: &mut Vec<u8>, time: &str, colour: bool);
}

thread_local! {
    /// The line in the making, kept so that a line allocates nothing.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

#[derive(Default)]
struct Scratch {
    time: Vec<u8>,
    line: Vec<u8>,
}

impl Log {
    /// Starts a thread that writes lines in `format` to `target`. Lines that are lost are counted in `metrics`.
    ///
    /// # Errors
    ///
    /// When the thread cannot be started.
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

    /// Writes the line of a request.
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

/// When, what kind, and the fields of the kind, as one object.
fn write_json<L: Line>(text: &mut Vec<u8>, time: &str, line: &L) {
    for part in ["{\"ts\":\"", time, "\",\"event\":\"", L::EVENT, "\""] {
        text.extend_from_slice(part.as_bytes());
    }
    let fields = text.len();
    serde_json::to_writer(&mut *text, line)
        .expect("plain fields serialise, and a vector takes them");
    // The brace that opens the fields' object; joining by hand takes half the time of serde's `flatten`.
    text[fields] = b',';
}

#[cfg(test)]
mod tests;
