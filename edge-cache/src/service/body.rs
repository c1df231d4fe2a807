//! The content of a response that comes out of the cache.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::content::{ContentBroken, ContentReader};

pin_project_lite::pin_project! {
    /// Content from the store, or from behind the cache as it stands.
    #[project = CacheBodyProjection]
    #[derive(Debug)]
    pub enum CacheBody<B> {
        /// No content.
        Empty,
        /// Content of a stored response.
        Stored {
            /// What reads it.
            reader: ContentReader,
        },
        /// Content that is not stored.
        Forwarded {
            /// The content as it came.
            #[pin]
            body: B,
        },
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
        match self.project() {
            CacheBodyProjection::Empty => Poll::Ready(None),
            CacheBodyProjection::Stored { reader } => reader
                .poll_next(context)
                .map(|next| next.map(|bytes| bytes.map(Frame::data).map_err(B::Error::from))),
            CacheBodyProjection::Forwarded { body } => body.poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Stored { reader } => reader.is_at_end(),
            Self::Forwarded { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Stored { reader } => reader.size_hint(),
            Self::Forwarded { body } => body.size_hint(),
        }
    }
}
