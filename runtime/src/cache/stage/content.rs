//! The content of responses on its way through the cache.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Context, Poll};

use bytes::Bytes;
use edge_cache::CacheBody;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;

use crate::failure::Failure;
use crate::request::{RequestContext, ResponseBody};

/// The content for the server. Content that is not stored needs no wrapper: the server reports itself how it ends.
pub(super) fn content(body: CacheBody<ReportingBody>) -> ResponseBody {
    match body.into_forwarded().map_err(CacheBody::into_whole) {
        Ok(passing) => passing.content,
        Err(Ok(whole)) => ResponseBody::Full(whole),
        Err(Err(stored)) => ResponseBody::Streamed(stored.boxed_unsync()),
    }
}

pin_project_lite::pin_project! {
    /// The content of a response on its way into the cache. It reports why it broke off; readers of the cache learn only that
    /// it did.
    pub(super) struct ReportingBody {
        #[pin]
        content: ResponseBody,
        context: Arc<RequestContext>,
    }
}

impl ReportingBody {
    pub(super) fn new(content: ResponseBody, context: Arc<RequestContext>) -> Self {
        Self { content, context }
    }
}

impl Body for ReportingBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = self.project();
        let frame = task::ready!(this.content.poll_frame(context));
        if let Some(Err(failure)) = &frame {
            this.context.fail(failure.clone());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}
