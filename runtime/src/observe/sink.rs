//! Owns the way of log lines to their file: threads append to one bounded buffer, and a thread of its own
//! writes it out. The form of a line is left to `log`.

use std::convert::Infallible;
use std::io::Write;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::counter::Counter;

use super::limits::{LOG_COLLECT_TIME, LOG_END_TIMEOUT, MAX_PENDING_LOG_BYTES};

/// Where threads leave their lines.
#[derive(Clone, Debug)]
pub(crate) struct Sink(Arc<Shared>);

/// The thread that writes. Dropping it writes what is still there, as far as that is taken in time: who holds the other
/// end and reads nothing does not keep the process from ending.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    /// Closed when the thread ends, be it by a panic.
    ended: Receiver<Infallible>,
}

#[derive(Debug)]
struct Shared {
    pending: Mutex<Pending>,
    /// Told when the first line arrives, when the buffer gets full, and when the sink is closed.
    changed: Condvar,
    dropped: Counter,
}

#[derive(Debug, Default)]
struct Pending {
    text: Vec<u8>,
    lines: u64,
    closed: bool,
}

impl Sink {
    /// Starts a thread that writes lines to `target`; lines that are lost are counted in `dropped`.
    pub(crate) fn start<W>(target: W, dropped: Counter) -> std::io::Result<(Self, Writer)>
    where
        W: Write + Send + 'static,
    {
        let shared = Arc::new(Shared {
            pending: Mutex::default(),
            changed: Condvar::new(),
            dropped,
        });
        let writing = Arc::clone(&shared);
        let (ending, ended) = channel();
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || {
                writing.write_all(target);
                drop(ending);
            })?;
        Ok((Self(Arc::clone(&shared)), Writer { shared, ended }))
    }

    /// Leaves `line`, which ends with a newline, or loses it when the buffer is full. Never waits for the file.
    pub(crate) fn push(&self, line: &[u8]) {
        let mut pending = self.0.lock();
        if pending.text.len() + line.len() > MAX_PENDING_LOG_BYTES {
            self.0.dropped.inc();
            return;
        }
        let first = pending.text.is_empty();
        pending.text.extend_from_slice(line);
        pending.lines += 1;
        let full = is_half_full(&pending);
        drop(pending);
        if first || full {
            self.0.changed.notify_one();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_one();
        // Nothing is ever received.
        let _ = self.ended.recv_timeout(LOG_END_TIMEOUT);
    }
}

impl Shared {
    /// A thread that panicked while it held the lock left whole lines behind, since it only appends.
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self, mut target: impl Write) {
        let mut batch = Pending::default();
        while !batch.closed {
            self.take(&mut batch);
            if target
                .write_all(&batch.text)
                .and_then(|()| target.flush())
                .is_err()
            {
                self.dropped.inc_by(batch.lines);
            }
        }
    }

    /// Waits for lines and takes all there are, giving the emptied buffer back for the next ones.
    fn take(&self, batch: &mut Pending) {
        let wait = |pending: &mut Pending| pending.text.is_empty() && !pending.closed;
        let pending = self
            .changed
            .wait_while(self.lock(), wait)
            .unwrap_or_else(PoisonError::into_inner);
        let collect = |pending: &mut Pending| !is_half_full(pending) && !pending.closed;
        let waited = self
            .changed
            .wait_timeout_while(pending, LOG_COLLECT_TIME, collect);
        let (mut pending, _) = waited.unwrap_or_else(PoisonError::into_inner);
        batch.text.clear();
        std::mem::swap(&mut batch.text, &mut pending.text);
        batch.lines = std::mem::take(&mut pending.lines);
        batch.closed = pending.closed;
    }
}

fn is_half_full(pending: &Pending) -> bool {
    pending.text.len() > MAX_PENDING_LOG_BYTES / 2
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::mpsc::{Receiver, Sender, channel};

    use prometheus_client::metrics::counter::Counter;

    use super::super::limits::MAX_PENDING_LOG_BYTES;
    use super::Sink;

    /// A file whose every write waits to be let through.
    struct Gate {
        begun: Sender<()>,
        open: Receiver<()>,
        text: Sender<Vec<u8>>,
    }

    impl Write for Gate {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.begun.send(()).unwrap();
            self.open.recv().map_err(io::Error::other)?;
            self.text.send(text.to_vec()).unwrap();
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gate() -> (Gate, Receiver<()>, Sender<()>, Receiver<Vec<u8>>) {
        let (begun, has_begun) = channel();
        let (opener, open) = channel();
        let (text, written) = channel();
        (Gate { begun, open, text }, has_begun, opener, written)
    }

    #[test]
    fn a_full_buffer_loses_lines_and_counts_them_without_waiting() {
        let (target, has_begun, opener, written) = gate();
        let dropped = Counter::default();
        let (sink, writer) = Sink::start(target, dropped.clone()).unwrap();
        sink.push(b"first\n");
        has_begun.recv().unwrap();
        let line = vec![b'a'; MAX_PENDING_LOG_BYTES / 4];
        for _ in 0..5 {
            sink.push(&line);
        }
        assert_eq!(dropped.get(), 1);
        opener.send(()).unwrap();
        opener.send(()).unwrap();
        drop(writer);
        assert_eq!(
            written.iter().map(|text| text.len()).sum::<usize>(),
            6 + MAX_PENDING_LOG_BYTES
        );
    }

    #[test]
    fn closing_writes_what_is_left() {
        let (target, _has_begun, opener, written) = gate();
        let (sink, writer) = Sink::start(target, Counter::default()).unwrap();
        opener.send(()).unwrap();
        opener.send(()).unwrap();
        sink.push(b"one\n");
        sink.push(b"two\n");
        drop(writer);
        assert_eq!(written.iter().flatten().collect::<Vec<u8>>(), b"one\ntwo\n");
    }

    #[test]
    fn lines_that_the_file_refuses_are_counted() {
        let (target, has_begun, opener, _written) = gate();
        let dropped = Counter::default();
        let (sink, writer) = Sink::start(target, dropped.clone()).unwrap();
        sink.push(b"lost\n");
        has_begun.recv().unwrap();
        drop(opener);
        drop(writer);
        assert_eq!(dropped.get(), 1);
    }
}
