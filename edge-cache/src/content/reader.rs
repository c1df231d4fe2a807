//! The reading end of content: the bytes of one range in order, without a lock once the content is complete.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::pieces::Pieces;
use super::{Content, ContentBroken};

/// A reading end of content: the bytes of one range in order.
#[derive(Debug)]
pub struct ContentReader {
    pub(super) content: Arc<Content>,
    pub(super) position: u64,
    /// The offset behind the last byte to read; `u64::MAX` reads to the end.
    pub(super) end: u64,
    /// Its place among the readers of content that is growing.
    pub(super) slot: Option<usize>,
    /// Where in the pieces it was last.
    pub(super) piece: usize,
}

impl ContentReader {
    /// The next bytes; `None` at the end of the range or of the content.
    ///
    /// # Errors
    /// [`ContentBroken`] if the content ended before it was complete, or if the reader was so slow that its next bytes are
    /// gone.
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
        // It may have ended before the lock was taken.
        if let Some(end) = content.end.get() {
            return Poll::Ready(self.next_of(end));
        }
        if self.position < growing.pieces.start() {
            return Poll::Ready(Some(Err(ContentBroken)));
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

    /// All that is still to be read, if the content is complete and the rest lies in one piece.
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

    /// Whether [`Self::poll_next`] is known to give no more.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.position >= self.end
            || self
                .content
                .length()
                .is_some_and(|end| self.position >= end)
    }

    /// The bytes that are still to come, if known.
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
                if self.position < pieces.start() {
                    return Some(Err(ContentBroken));
                }
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
