//! The content of a response of the cache.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::content::{ContentBroken, ContentReader};

pin_project_lite::pin_project! {
    /// Content of the store, or of a forwarded response.
    #[derive(Debug)]
    pub struct CacheBody<B> {
        #[pin]
        source: Source<B>,
    }
}

pin_project_lite::pin_project! {
    #[project = SourceProjection]
    #[derive(Debug)]
    enum Source<B> {
        Nothing,
        Broken,
        Whole { bytes: Bytes },
        Store { reader: ContentReader },
        Origin { #[pin] body: B },
    }
}

impl<B> CacheBody<B> {
    /// No content.
    pub(super) fn empty() -> Self {
        let source = Source::Nothing;
        Self { source }
    }

    /// Content that can no longer be read.
    pub(super) fn broken() -> Self {
        let source = Source::Broken;
        Self { source }
    }

    /// Complete content in one piece.
    pub(super) fn whole(bytes: Bytes) -> Self {
        let source = Source::Whole { bytes };
        Self { source }
    }

    /// Content of a stored response.
    pub(super) fn stored(reader: ContentReader) -> Self {
        let source = Source::Store { reader };
        Self { source }
    }

    /// The content of a forwarded response that is not stored.
    pub fn forwarded(body: B) -> Self {
        let source = Source::Origin { body };
        Self { source }
    }
}

impl<B> CacheBody<B> {
    /// The body of a forwarded response, if it is passed on.
    ///
    /// # Errors
    /// The body as it was, if it comes from the store.
    pub fn into_forwarded(self) -> Result<B, Self> {
        match self.source {
            Source::Origin { body } => Ok(body),
            source => Err(Self { source }),
        }
    }

    /// The content, if it is complete and in one piece: a server sends it in one write with the head.
    ///
    /// # Errors
    /// The body as it was, if it is not.
    pub fn into_whole(self) -> Result<Bytes, Self> {
        match self.source {
            Source::Nothing => Ok(Bytes::new()),
            Source::Whole { bytes } => Ok(bytes),
            Source::Store { reader } => reader.into_whole().map_err(Self::stored),
            source @ (Source::Broken | Source::Origin { .. }) => Err(Self { source }),
        }
    }
}

impl<B> Body for CacheBody<B>
where
    B: Body<Data = Bytes, Error: From<ContentBroken>>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().source.project() {
            SourceProjection::Nothing => Poll::Ready(None),
            SourceProjection::Broken => Poll::Ready(Some(Err(B::Error::from(ContentBroken)))),
            SourceProjection::Whole { bytes } => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            SourceProjection::Store { reader } => reader
                .poll_next(context)
                .map(|next| next.map(|bytes| bytes.map(Frame::data).map_err(B::Error::from))),
            SourceProjection::Origin { body } => body.poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Nothing => true,
            Source::Broken => false,
            Source::Whole { bytes } => bytes.is_empty(),
            Source::Store { reader } => reader.is_at_end(),
            Source::Origin { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Nothing => SizeHint::with_exact(0),
            Source::Broken => SizeHint::new(),
            Source::Whole { bytes } => SizeHint::with_exact(bytes.len() as u64),
            Source::Store { reader } => reader.size_hint(),
            Source::Origin { body } => body.size_hint(),
        }
    }
}
