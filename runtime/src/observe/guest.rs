//! Owns the output of guests on its way to the log: cut into lines, bounded per line and per request.
//! Connecting it to WASI's streams is left to `guest_output`.

use std::sync::Arc;

use super::limits::{MAX_GUEST_LINE_BYTES, MAX_GUEST_OUTPUT_BYTES};
use super::log::{GuestLine, Log};

/// Which of a guest's streams a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One stream of one guest. An unfinished last line is written when it is dropped.
#[derive(Debug)]
pub struct GuestLog {
    log: Log,
    component: Arc<str>,
    stream: GuestStream,
    /// Of the request that is being served; empty while there is none.
    request_id: String,
    line: Vec<u8>,
    /// `None` once it was said that the rest is lost.
    remaining_bytes: Option<usize>,
}

impl GuestLog {
    /// The `stream` of a guest of `component`, at first without a request, as during its start.
    #[must_use]
    pub fn new(log: Log, component: Arc<str>, stream: GuestStream) -> Self {
        Self {
            log,
            component,
            stream,
            request_id: String::new(),
            line: Vec::new(),
            remaining_bytes: Some(MAX_GUEST_OUTPUT_BYTES),
        }
    }

    /// Counts what follows as the output of `request_id`, with bounds of its own.
    pub fn begin_request(&mut self, request_id: &str) {
        self.end_line();
        self.request_id.clear();
        self.request_id.push_str(request_id);
        self.remaining_bytes = Some(MAX_GUEST_OUTPUT_BYTES);
    }

    /// Takes output of the guest. Bytes beyond the bounds are lost.
    pub fn write(&mut self, bytes: &[u8]) {
        let Some(remaining) = self.remaining_bytes else {
            return;
        };
        let taken = bytes.len().min(remaining);
        self.take(&bytes[..taken]);
        self.remaining_bytes = Some(remaining - taken);
        if taken < bytes.len() {
            self.remaining_bytes = None;
            self.end_line();
            self.emit(&format!(
                "[output beyond {MAX_GUEST_OUTPUT_BYTES} bytes is not logged]"
            ));
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let room = MAX_GUEST_LINE_BYTES - self.line.len();
            let (text, ends) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            if ends {
                self.emit_line();
            }
        }
    }

    fn end_line(&mut self) {
        if !self.line.is_empty() {
            self.emit_line();
        }
    }

    fn emit_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.emit(&String::from_utf8_lossy(&line));
        self.line = line;
        self.line.clear();
    }

    fn emit(&self, message: &str) {
        self.log.guest(&GuestLine {
            request_id: (!self.request_id.is_empty()).then_some(self.request_id.as_str()),
            component: &self.component,
            stream: self.stream.name(),
            message,
        });
    }
}

impl Drop for GuestLog {
    fn drop(&mut self) {
        self.end_line();
    }
}

impl GuestStream {
    fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}
