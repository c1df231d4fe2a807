//! Owns the content of requests and responses: the limits on what a client sends, and the few shapes of what
//! a component answers. Choosing the limit is left to the stage that reads the content.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;

use super::limits::{DEFAULT_BODY_PROGRESS_TIMEOUT, DEFAULT_MAX_BODY_BYTES};
use super::{Pace, RequestContext};
use crate::failure::Failure;

/// The content of a request. Ends with a [`Failure`] when the client sends too much or too slowly.
#[derive(Debug)]
pub struct RequestBody {
    source: Source,
    context: Option<Arc<RequestContext>>,
    limit_bytes: u64,
    received_bytes: u64,
    pace: Pace,
}

/// The content of a response.
#[derive(Debug, Default)]
pub enum ResponseBody {
    /// No content.
    #[default]
    Empty,
    /// Content that is known as a whole.
    Full(Bytes),
    /// Content that is still being made or received.
    Streamed(UnsyncBoxBody<Bytes, Failure>),
}

#[derive(Debug)]
enum Source {
    Nothing,
    Client(Incoming),
    Inside(UnsyncBoxBody<Bytes, Failure>),
}

impl RequestBody {
    /// The content that the client of `context` sends.
    pub(crate) fn from_client(
        content: Incoming,
        context: Arc<RequestContext>,
        limit_bytes: u64,
        pace: Pace,
    ) -> Self {
        Self {
            source: Source::Client(content),
            context: Some(context),
            limit_bytes,
            received_bytes: 0,
            pace,
        }
    }

    /// Content from inside the process, such as that of a component that calls another one.
    pub fn from_inside<B>(content: B) -> Self
    where
        B: Body<Data = Bytes, Error = Failure> + Send + 'static,
    {
        Self::of(Source::Inside(content.boxed_unsync()))
    }

    fn of(source: Source) -> Self {
        Self {
            source,
            context: None,
            limit_bytes: DEFAULT_MAX_BODY_BYTES,
            received_bytes: 0,
            pace: Pace::new(DEFAULT_BODY_PROGRESS_TIMEOUT, 0),
        }
    }

    /// The request that it belongs to. Content from inside the process has none.
    #[must_use]
    pub fn context(&self) -> Option<&Arc<RequestContext>> {
        self.context.as_ref()
    }

    /// Counts it to a request.
    pub(crate) fn set_context(&mut self, context: Arc<RequestContext>) {
        self.context = Some(context);
    }

    /// Sets how many bytes the component accepts.
    ///
    /// # Errors
    ///
    /// [`Failure::BodyTooLarge`] when the announced length is already beyond it: return it before anything runs.
    pub fn set_limit(&mut self, limit_bytes: u64) -> Result<(), Failure> {
        self.limit_bytes = limit_bytes;
        if self.size_hint().lower() > limit_bytes {
            return Err(Failure::BodyTooLarge { limit_bytes });
        }
        Ok(())
    }

    fn fail(&self, failure: Failure) -> Failure {
        if let Some(context) = &self.context {
            context.fail_content(failure.clone());
        }
        failure
    }

    fn account(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Failure> {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        self.received_bytes += bytes as u64;
        if self.received_bytes > self.limit_bytes {
            return Err(self.fail(Failure::BodyTooLarge {
                limit_bytes: self.limit_bytes,
            }));
        }
        Ok(frame)
    }

    /// Ready once the client has kept the server waiting for as long as it may.
    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<Failure> {
        ready!(self.pace.poll_overdue(cx));
        Poll::Ready(self.fail(Failure::RequestTimeout))
    }
}

impl Default for RequestBody {
    /// No content.
    fn default() -> Self {
        Self::of(Source::Nothing)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let Poll::Ready(frame) = self.source.poll_frame(cx) else {
            return self.poll_overdue(cx).map(|failure| Some(Err(failure)));
        };
        let bytes = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
            _ => 0,
        };
        self.pace.moved(bytes);
        Poll::Ready(match frame {
            Some(Ok(frame)) => Some(self.account(frame)),
            Some(Err(failure)) => Some(Err(self.fail(failure))),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Nothing => true,
            Source::Client(content) => content.is_end_stream(),
            Source::Inside(content) => content.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Nothing => SizeHint::with_exact(0),
            Source::Client(content) => content.size_hint(),
            Source::Inside(content) => content.size_hint(),
        }
    }
}

impl Source {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        match self {
            Self::Nothing => Poll::Ready(None),
            Self::Client(content) => Pin::new(content)
                .poll_frame(cx)
                .map_err(|error| content_failure(&error)),
            Self::Inside(content) => Pin::new(content).poll_frame(cx),
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(content) => {
                let content = std::mem::take(content);
                *self = Self::Empty;
                Poll::Ready((!content.is_empty()).then(|| Ok(Frame::data(content))))
            }
            Self::Streamed(content) => Pin::new(content).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(content) => content.is_empty(),
            Self::Streamed(content) => content.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(content) => SizeHint::with_exact(content.len() as u64),
            Self::Streamed(content) => content.size_hint(),
        }
    }
}

/// Hyper reports content that ends too early as incomplete; any other error is a chunk it cannot read.
fn content_failure(error: &hyper::Error) -> Failure {
    let cause = std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<std::io::Error>())
        .map(std::io::Error::kind);
    match cause {
        Some(std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData) => {
            Failure::BadRequest {
                detail: "the chunked content is malformed",
            }
        }
        _ => Failure::ClientDisconnected,
    }
}
