//! The content of a request or response: bytes in memory, or a stream that arrives piece by piece.
//!
//! The modules of the targets pass content to and from the host.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};

type Stream = Pin<Box<dyn http_body::Body<Data = Bytes, Error = BodyError>>>;

/// Why content could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The content is longer than the caller's limit.
    #[error("the content is longer than {limit} bytes")]
    TooLarge {
        /// The caller's limit, in bytes.
        limit: usize,
    },
    /// The sender or the connection failed before the end.
    #[error("the content ended early: {0}")]
    Incomplete(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The content of a message.
///
/// A stream produces a piece only when the other side asks for it, so a slow reader slows the writer instead of filling
/// memory.
pub struct Body(Content);

enum Content {
    Full(Bytes),
    Stream(Stream),
}

impl Body {
    /// No content.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Content::Full(Bytes::new()))
    }

    /// Content that is produced as it is read.
    pub fn stream<B>(source: B) -> Self
    where
        B: http_body::Body<Data = Bytes, Error = BodyError> + 'static,
    {
        Self(Content::Stream(Box::pin(source)))
    }

    /// The whole content, if it is in memory; `None` for a stream.
    #[must_use]
    pub const fn as_full(&self) -> Option<&Bytes> {
        match &self.0 {
            Content::Full(bytes) => Some(bytes),
            Content::Stream(_) => None,
        }
    }

    /// The next piece of content, or `None` at its end. Trailers are skipped.
    ///
    /// # Errors
    ///
    /// [`BodyError::Incomplete`] if the sender failed; nothing follows it.
    pub async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            let frame =
                poll_fn(|context| http_body::Body::poll_frame(Pin::new(self), context)).await;
            let Some(frame) = frame.transpose()? else {
                return Ok(None);
            };
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
    }

    /// Reads the whole content, of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// [`BodyError::TooLarge`] as soon as the content exceeds `limit`; the rest is not read.
    /// [`BodyError::Incomplete`] if the sender failed.
    pub async fn read(mut self, limit: usize) -> Result<Bytes, BodyError> {
        let Some(first) = within(limit, 0, self.next().await?)? else {
            return Ok(Bytes::new());
        };
        // Content almost always arrives in one piece, which needs no copy.
        let Some(second) = within(limit, first.len(), self.next().await?)? else {
            return Ok(first);
        };
        let mut all = BytesMut::from(first);
        all.extend_from_slice(&second);
        while let Some(piece) = within(limit, all.len(), self.next().await?)? {
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }
}

/// Returns a piece if it still fits within the limit.
fn within(limit: usize, read: usize, piece: Option<Bytes>) -> Result<Option<Bytes>, BodyError> {
    let length = read + piece.as_ref().map_or(0, Bytes::len);
    if length > limit {
        Err(BodyError::TooLarge { limit })
    } else {
        Ok(piece)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.0 {
            Content::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Stream(stream) => stream.as_mut().poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Content::Full(bytes) => bytes.is_empty(),
            Content::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream(stream) => stream.size_hint(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Content::Full(bytes) => write!(formatter, "Body({} bytes)", bytes.len()),
            Content::Stream(_) => formatter.write_str("Body(stream)"),
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Content::Full(bytes))
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;

    /// A body of the given pieces, one per poll.
    struct Pieces(Vec<&'static str>);

    impl http_body::Body for Pieces {
        type Data = Bytes;
        type Error = BodyError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
            if self.0.is_empty() {
                return Poll::Ready(None);
            }
            Poll::Ready(Some(Ok(Frame::data(Bytes::from(self.0.remove(0))))))
        }
    }

    fn read(pieces: &[&'static str], limit: usize) -> Result<Bytes, BodyError> {
        pollster::block_on(Body::stream(Pieces(pieces.to_vec())).read(limit))
    }

    #[test]
    fn a_stream_is_read_whole_whatever_its_pieces() {
        for pieces in [&["abcdef"][..], &["abc", "def"], &["a", "bc", "def"]] {
            assert_eq!(read(pieces, 6).unwrap(), "abcdef");
        }
        assert_eq!(read(&[], 0).unwrap(), "");
    }

    #[test]
    fn content_longer_than_the_limit_is_refused() {
        for pieces in [&["abcdef"][..], &["abc", "def"], &["a", "bc", "def"]] {
            assert!(matches!(
                read(pieces, 5),
                Err(BodyError::TooLarge { limit: 5 })
            ));
        }
    }

    #[test]
    fn full_content_can_be_looked_at_without_reading_it() {
        assert_eq!(Body::from("abc").as_full().unwrap(), "abc");
        assert!(Body::stream(Pieces(vec![])).as_full().is_none());
    }
}
