//! A body that is read by many while it still arrives: one writer, any number of readers, each at its own place.
//!
//! Once complete it is read without a lock. Until then it is bounded: content that grows beyond what may be stored turns
//! into a window, which holds only what its readers have still to read, and takes no further readers.

use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;

/// How far the writer of content that is not stored may be ahead of its slowest reader, in bytes: as much as keeps a
/// connection of 1 Gbit/s busy for 2 ms. The writer waits when it is reached.
pub const CONTENT_WINDOW_BYTES: u64 = 256 * 1024;

/// Complete content up to this length is kept in one piece, so that it leaves in one write.
const MAX_SINGLE_PIECE_BYTES: u64 = 64 * 1024;

/// How much larger than its bytes the memory behind a piece may be, as a fraction of them: else it is copied, because
/// the store counts bytes and would hold more than it counts.
const MAX_SLACK_DIVISOR: usize = 8;

/// Content that ended before it was complete: its writer gave up, or its origin did.
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

/// Bytes in order, with the offset of each piece.
#[derive(Clone, Debug, Default)]
struct Pieces {
    pieces: Vec<(u64, Bytes)>,
    end: u64,
}

#[derive(Debug)]
struct Growing {
    pieces: Pieces,
    /// The most bytes that are kept; beyond it only a window is.
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

/// A reading end, which hands out the bytes of one range in order.
#[derive(Debug)]
pub struct ContentReader {
    content: Arc<Content>,
    position: u64,
    /// The offset behind the last byte to read; `u64::MAX` reads to the end.
    end: u64,
    /// Its place among the readers of content that is growing.
    slot: Option<usize>,
    /// Where in the pieces it was last.
    piece: usize,
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

    /// Content that is there as a whole.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Arc<Self> {
        Self::of_pieces(std::iter::once(bytes))
    }

    /// Content that is there in pieces.
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

    /// Bytes that have come so far.
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

    /// A reader of the bytes in `range`, where `u64::MAX` stands for the end.
    ///
    /// `None` when the content no longer has the first of them: it is larger than may be stored, or broken.
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

    /// The bytes of complete content as they are kept, without copying them.
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

impl Pieces {
    /// The offset of the first byte that is still there.
    fn start(&self) -> u64 {
        self.pieces.first().map_or(self.end, |(start, _)| *start)
    }

    fn push(&mut self, bytes: Bytes) {
        let start = self.end;
        self.end += bytes.len() as u64;
        self.pieces.push((start, bytes));
    }

    /// Lets go of what lies wholly before `position`.
    fn forget_before(&mut self, position: u64) {
        let behind = self
            .pieces
            .partition_point(|(start, piece)| start + piece.len() as u64 <= position);
        self.pieces.drain(..behind);
    }

    /// The bytes from `position` on that lie in one piece, looked for from the piece `hint` on.
    fn at(&self, position: u64, hint: &mut usize) -> Option<Bytes> {
        let holds = |index: &usize| {
            self.pieces.get(*index).is_some_and(|(start, piece)| {
                (*start..start + piece.len() as u64).contains(&position)
            })
        };
        let index = [*hint, *hint + 1].into_iter().find(holds).or_else(|| {
            let after = self.pieces.partition_point(|(start, _)| *start <= position);
            after.checked_sub(1).filter(holds)
        })?;
        *hint = index;
        let (start, piece) = &self.pieces[index];
        let offset = usize::try_from(position - start).expect("it lies within the piece");
        Some(piece.slice(offset..))
    }

    /// Short content in one piece; long content as it is, without room to spare.
    fn compact(mut self) -> Self {
        if self.pieces.len() > 1 && self.end - self.start() <= MAX_SINGLE_PIECE_BYTES {
            let start = self.start();
            let bytes: Vec<Bytes> = self.pieces.drain(..).map(|(_, piece)| piece).collect();
            self.pieces.push((start, Bytes::from(bytes.concat())));
        }
        self.pieces.shrink_to_fit();
        self
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

    /// Moves on what the slowest reader has been waited for.
    fn advance(&mut self) {
        if self.is_window() {
            self.pieces.forget_before(self.slowest());
        }
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
        if growing.is_window() {
            let slowest = growing.slowest();
            growing.pieces.forget_before(slowest);
        }
        growing.wake_readers();
    }

    /// Whether it is larger than may be stored, so that it can only be passed through.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.content.growing.lock().is_window()
    }

    /// Keeps no more than its readers have still to read, whatever its capacity.
    pub fn keep_no_more(&mut self) {
        self.content.growing.lock().capacity = 0;
    }

    /// Ready when more may be appended, which content that is stored always is.
    pub fn poll_ready(&mut self, context: &Context<'_>) -> Poll<()> {
        let mut growing = self.content.growing.lock();
        let ahead = growing.pieces.end.saturating_sub(growing.slowest());
        if !growing.is_window() || ahead < CONTENT_WINDOW_BYTES {
            return Poll::Ready(());
        }
        growing.writer = Some(context.waker().clone());
        Poll::Pending
    }

    /// Whether nobody reads; has the writer woken when the last reader leaves.
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

impl ContentReader {
    /// The next bytes; `None` at the end of the range or of the content.
    ///
    /// # Errors
    /// [`ContentBroken`] when no more bytes come although the content is not complete.
    pub fn poll_next(
        &mut self,
        context: &Context<'_>,
    ) -> Poll<Option<Result<Bytes, ContentBroken>>> {
        if self.position >= self.end {
            return Poll::Ready(None);
        }
        let content = Arc::clone(&self.content);
        if let Some(end) = content.end.get() {
            return Poll::Ready(self.next_of(end));
        }
        let mut growing = content.growing.lock();
        // It may have ended before the lock was there.
        if let Some(end) = content.end.get() {
            return Poll::Ready(self.next_of(end));
        }
        let next = growing.pieces.at(self.position, &mut self.piece);
        let next = next.map(|bytes| self.take(bytes));
        let state = self.slot.and_then(|slot| growing.readers[slot].as_mut());
        let state = state.expect("a reader of growing content has a place");
        state.position = self.position;
        match next {
            Some(bytes) => {
                growing.advance();
                // Pieces before it may be gone.
                self.piece = 0;
                Poll::Ready(Some(Ok(bytes)))
            }
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// All that is still to be read, if the content is complete and that lies in one piece.
    ///
    /// # Errors
    /// The reader as it was, if not.
    pub fn into_whole(mut self) -> Result<Bytes, Self> {
        let content = Arc::clone(&self.content);
        let Some(Ok(pieces)) = content.end.get() else {
            return Err(self);
        };
        let end = self.end.min(pieces.end);
        match pieces.at(self.position, &mut self.piece) {
            Some(bytes) if self.position + bytes.len() as u64 >= end => Ok(self.take(bytes)),
            None if self.position >= end => Ok(Bytes::new()),
            _ => Err(self),
        }
    }

    /// Whether [`Self::poll_next`] has no more to give, as far as is known.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.position >= self.end
            || self
                .content
                .length()
                .is_some_and(|end| self.position >= end)
    }

    /// How many bytes are still to come, where that is known.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        let end = match self.content.length() {
            Some(length) => self.end.min(length),
            None if self.end < u64::MAX => self.end,
            None => return None,
        };
        Some(end.saturating_sub(self.position))
    }

    fn next_of(
        &mut self,
        end: &Result<Pieces, ContentBroken>,
    ) -> Option<Result<Bytes, ContentBroken>> {
        match end {
            Ok(pieces) => {
                let bytes = pieces.at(self.position, &mut self.piece)?;
                Some(Ok(self.take(bytes)))
            }
            Err(ContentBroken) => Some(Err(ContentBroken)),
        }
    }

    /// Moves past `bytes`, or as much of them as lies in the range.
    fn take(&mut self, mut bytes: Bytes) -> Bytes {
        let left = self.end - self.position;
        if (bytes.len() as u64) > left {
            bytes.truncate(usize::try_from(left).expect("it is less than the length"));
        }
        self.position += bytes.len() as u64;
        bytes
    }
}

impl Drop for ContentReader {
    fn drop(&mut self) {
        let Some(slot) = self.slot else { return };
        let mut growing = self.content.growing.lock();
        // The places are gone when the content has ended.
        if let Some(reader) = growing.readers.get_mut(slot) {
            *reader = None;
            growing.advance();
        }
    }
}

impl http_body::Body for ContentReader {
    type Data = Bytes;
    type Error = ContentBroken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, ContentBroken>>> {
        self.poll_next(context)
            .map(|next| next.map(|bytes| bytes.map(http_body::Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.is_at_end()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.remaining()
            .map_or_else(http_body::SizeHint::new, http_body::SizeHint::with_exact)
    }
}

/// The same bytes, in memory that is not much larger than they are.
fn without_slack(bytes: Bytes) -> Bytes {
    match bytes.try_into_mut() {
        Ok(owned) if owned.capacity() - owned.len() <= owned.len() / MAX_SLACK_DIVISOR => {
            owned.freeze()
        }
        Ok(owned) => Bytes::copy_from_slice(&owned),
        // Others hold the same memory, of which nobody knows how much it is.
        Err(shared) => Bytes::copy_from_slice(&shared),
    }
}

#[cfg(test)]
mod tests;
