//! A body that many readers read while it still arrives: one writer, any number of readers, each at its own place.
//!
//! Once complete it is read without a lock. Until then it is bounded: content that grows beyond what may be stored turns
//! into a window, which takes no further readers. Its writer follows the fastest reader, and a reader that lags too far
//! behind loses its place, so that it does not hold up the others.

mod pieces;
mod reader;

use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::limits::{CONTENT_LAG_BYTES, CONTENT_WINDOW_BYTES, MAX_SLACK_DIVISOR};
use pieces::Pieces;

pub use reader::ContentReader;

/// Content that ended before it was complete: its writer or its origin gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentBroken;

impl std::fmt::Display for ContentBroken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the content ended before it was complete")
    }
}

impl std::error::Error for ContentBroken {}

/// A body, complete or still arriving.
#[derive(Debug)]
pub struct Content {
    /// Set once, when nothing more comes.
    end: OnceLock<Result<Pieces, ContentBroken>>,
    /// Empty after the end.
    growing: Mutex<Growing>,
}

#[derive(Debug)]
struct Growing {
    pieces: Pieces,
    /// The most bytes that are kept. Larger content becomes a window.
    capacity: u64,
    readers: Vec<Option<ReaderState>>,
    writer: Option<Waker>,
}

/// A reader as the writer sees it.
#[derive(Debug)]
struct ReaderState {
    position: u64,
    waker: Option<Waker>,
}

/// The writing end. Dropped before [`ContentWriter::finish`], it breaks the content for all readers.
#[derive(Debug)]
pub struct ContentWriter {
    content: Arc<Content>,
}

impl Content {
    /// Content that arrives piece by piece; at most `capacity` bytes of it are kept.
    #[must_use]
    pub fn growing(capacity: u64) -> (ContentWriter, Arc<Self>) {
        let content = Arc::new(Self {
            end: OnceLock::new(),
            growing: Mutex::new(Growing {
                pieces: Pieces::default(),
                capacity,
                readers: Vec::new(),
                writer: None,
            }),
        });
        let writer = ContentWriter {
            content: Arc::clone(&content),
        };
        (writer, content)
    }

    /// Complete content in one piece.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Arc<Self> {
        Self::of_pieces(std::iter::once(bytes))
    }

    /// Complete content in pieces.
    #[must_use]
    pub fn of_pieces(pieces: impl Iterator<Item = Bytes>) -> Arc<Self> {
        let (mut writer, content) = Self::growing(u64::MAX);
        pieces.for_each(|piece| writer.push(piece));
        writer.finish();
        content
    }

    /// Its length in bytes, once it is complete.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.end.get()?.as_ref().ok().map(|pieces| pieces.end)
    }

    /// The bytes that have arrived.
    #[must_use]
    pub fn received(&self) -> u64 {
        match self.end.get() {
            Some(Ok(pieces)) => pieces.end,
            Some(Err(ContentBroken)) => 0,
            None => self.growing.lock().pieces.end,
        }
    }

    /// Whether it ended before it was complete.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        matches!(self.end.get(), Some(Err(ContentBroken)))
    }

    /// Whether it can be read from its beginning.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        match self.end.get() {
            Some(end) => end.as_ref().is_ok_and(|pieces| pieces.start() == 0),
            None => self.growing.lock().pieces.start() == 0,
        }
    }

    /// All of it, if it is complete and in one piece.
    pub(crate) fn as_whole(&self) -> Option<&Bytes> {
        let pieces = self.end.get()?.as_ref().ok()?;
        match pieces.pieces.as_slice() {
            [(0, bytes)] => Some(bytes),
            _ => None,
        }
    }

    /// A reader of the bytes in `range`, where `u64::MAX` stands for the end.
    ///
    /// `None` if the first of them is gone: the content is larger than may be stored, or broken.
    #[must_use]
    pub fn reader(self: &Arc<Self>, range: Range<u64>) -> Option<ContentReader> {
        let mut slot = None;
        if self.end.get().is_none() {
            let mut growing = self.growing.lock();
            // It may have ended meanwhile.
            if self.end.get().is_none() {
                if growing.pieces.start() > range.start {
                    return None;
                }
                slot = Some(growing.admit(range.start));
            }
        }
        let from_start = |end: &Result<Pieces, _>| {
            end.as_ref()
                .is_ok_and(|pieces| pieces.start() <= range.start)
        };
        if !self.end.get().is_none_or(from_start) {
            return None;
        }
        Some(ContentReader {
            content: Arc::clone(self),
            position: range.start,
            end: range.end,
            slot,
            piece: 0,
        })
    }

    /// The pieces of complete content, without a copy.
    pub fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        let pieces = self.end.get().and_then(|end| end.as_ref().ok());
        pieces
            .into_iter()
            .flat_map(|pieces| pieces.pieces.iter().map(|(_, piece)| piece))
    }

    fn close(&self, complete: bool) {
        let mut growing = self.growing.lock();
        let pieces = std::mem::take(&mut growing.pieces);
        let end = if complete {
            Ok(pieces.compact())
        } else {
            Err(ContentBroken)
        };
        // Only the writer closes, and it does so once.
        let _ = self.end.set(end);
        for reader in growing.readers.drain(..).flatten() {
            reader.wake();
        }
    }
}

impl Growing {
    fn admit(&mut self, position: u64) -> usize {
        let state = Some(ReaderState {
            position,
            waker: None,
        });
        if let Some(free) = self.readers.iter().position(Option::is_none) {
            self.readers[free] = state;
            return free;
        }
        self.readers.push(state);
        self.readers.len() - 1
    }

    /// Where the slowest reader is; without readers, the end.
    fn slowest(&self) -> u64 {
        let positions = self.readers.iter().flatten().map(|reader| reader.position);
        positions.min().unwrap_or(self.pieces.end)
    }

    fn is_window(&self) -> bool {
        self.pieces.end > self.capacity
    }

    fn wake_readers(&mut self) {
        for reader in self.readers.iter_mut().flatten() {
            if let Some(waker) = reader.waker.take() {
                waker.wake();
            }
        }
    }

    /// Where the fastest reader is; without readers, the end.
    fn fastest(&self) -> u64 {
        let positions = self.readers.iter().flatten().map(|reader| reader.position);
        positions.max().unwrap_or(self.pieces.end)
    }

    /// Drops the bytes that all readers have read, or that are too far behind the writer.
    fn move_window(&mut self) {
        if self.is_window() {
            let lag = self.pieces.end.saturating_sub(CONTENT_LAG_BYTES);
            let kept_from = self.slowest().max(lag.min(self.fastest()));
            self.pieces.forget_before(kept_from);
        }
    }

    /// To be called when a reader has read, or has left.
    fn advance(&mut self) {
        self.move_window();
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }
}

impl ReaderState {
    fn wake(self) {
        if let Some(waker) = self.waker {
            waker.wake();
        }
    }
}

impl ContentWriter {
    /// Appends bytes, after [`Self::poll_ready`].
    pub fn push(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        let bytes = without_slack(bytes);
        let mut growing = self.content.growing.lock();
        growing.pieces.push(bytes);
        growing.move_window();
        growing.wake_readers();
    }

    /// Whether it is larger than may be stored. It can then only be passed on.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.content.growing.lock().is_window()
    }

    /// Keeps only what its readers have still to read.
    pub fn keep_no_more(&mut self) {
        self.content.growing.lock().capacity = 0;
    }

    /// Ready when more may be appended. Content that is stored is always ready.
    pub fn poll_ready(&mut self, context: &Context<'_>) -> Poll<()> {
        let mut growing = self.content.growing.lock();
        let ahead = growing.pieces.end.saturating_sub(growing.fastest());
        if !growing.is_window() || ahead < CONTENT_WINDOW_BYTES {
            return Poll::Ready(());
        }
        growing.writer = Some(context.waker().clone());
        Poll::Pending
    }

    /// Whether there is no reader. If there is one, the writer is woken when the last one leaves.
    pub fn is_abandoned(&mut self, context: &Context<'_>) -> bool {
        let mut growing = self.content.growing.lock();
        growing.writer = Some(context.waker().clone());
        growing.readers.iter().all(Option::is_none)
    }

    /// Marks the content complete.
    pub fn finish(self) {
        self.content.close(true);
    }
}

impl Drop for ContentWriter {
    fn drop(&mut self) {
        if self.content.end.get().is_none() {
            self.content.close(false);
        }
    }
}

/// The same bytes, in memory that is not much larger.
fn without_slack(bytes: Bytes) -> Bytes {
    match bytes.try_into_mut() {
        Ok(owned) if owned.capacity() - owned.len() <= owned.len() / MAX_SLACK_DIVISOR => {
            owned.freeze()
        }
        Ok(owned) => Bytes::copy_from_slice(&owned),
        // Others share the memory, and its size is unknown.
        Err(shared) => Bytes::copy_from_slice(&shared),
    }
}

#[cfg(test)]
mod tests;
