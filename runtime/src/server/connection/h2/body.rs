//! Owns the content of a response on its way into HTTP/2: in pieces, so that a client's window holds back the rest, and none
//! where HTTP forbids it.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Response, header};
use http_body::{Body, Frame, SizeHint};

use super::stream::Stream;
use crate::failure::Failure;
use crate::server::ExchangeBody;
use crate::server::limits::HTTP2_PIECE_BYTES;

/// The content of a response.
#[derive(Debug)]
pub(super) struct StreamBody {
    content: ExchangeBody,
    stream: Rc<Stream>,
    /// The bytes of the last piece, which the client has not taken yet as far as this knows.
    last_bytes: usize,
    /// Whether HTTP forbids content here (RFC 9110 §6.4.1). Hyper drops it in HTTP/1.1 only.
    is_forbidden: bool,
}

/// Makes the response for hyper.
pub(super) fn respond(
    mut response: Response<ExchangeBody>,
    stream: Rc<Stream>,
) -> Response<StreamBody> {
    let is_forbidden = response.body().is_forbidden();
    let length = response.body().length_for_head();
    if let Some(length) = length.filter(|_| is_forbidden) {
        let headers = response.headers_mut();
        headers
            .entry(header::CONTENT_LENGTH)
            .or_insert_with(|| length.into());
    }
    response.map(|content| StreamBody {
        content: content.in_pieces(HTTP2_PIECE_BYTES),
        stream,
        last_bytes: 0,
        is_forbidden,
    })
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        self.stream.progress(self.last_bytes);
        let frame = ready!(Pin::new(&mut self.content).poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            self.last_bytes = frame.data_ref().map_or(0, Bytes::len);
            self.stream.wait_for_client();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.is_forbidden || self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}
