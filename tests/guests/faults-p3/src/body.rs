//! Contents that are sent piece by piece.

use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use guest_support::faults;
use http_body_util::{BodyExt, StreamBody};
use spin_sdk::http::BoxBody;
use spin_sdk::http::body::IncomingBodyExt;
use spin_sdk::wasip3;
use spin_sdk::wasip3::http::types::{ErrorCode, Fields, Response};
use spin_sdk::wasip3::http_compat::{BodyWriter, IncomingRequestBody};

type Piece = Result<Bytes, ErrorCode>;

const PIECE: &[u8] = &[b'x'; 16 << 10];
/// How many pieces go out before the trap, so that the client has seen the head and some content.
const PIECES_BEFORE_TRAP: u32 = 4;

/// Content without an end.
pub(crate) fn endless() -> BoxBody {
    streamed(stream::repeat_with(|| Ok(Bytes::from_static(PIECE))))
}

/// A few pieces, then a trap.
pub(crate) fn trapping() -> BoxBody {
    streamed(stream::iter(0..=PIECES_BEFORE_TRAP).map(|piece| {
        if piece == PIECES_BEFORE_TRAP {
            faults::trap();
        }
        Ok(Bytes::from_static(PIECE))
    }))
}

/// This many bytes.
pub(crate) fn of_length(length: u64) -> BoxBody {
    streamed(stream::unfold(length, |left| async move {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE.len());
        (size > 0).then(|| (Ok(Bytes::from_static(&PIECE[..size])), left - size as u64))
    }))
}

/// A response that is not made known before the host has taken its content.
pub(crate) async fn written_first() -> Response {
    let (mut writer, content, trailers) = BodyWriter::new();
    let (response, _transmitted) = Response::new(Fields::new(), Some(content), trailers);
    let written = writer.stream_writer.write_all(b"written first".to_vec());
    assert!(written.await.is_empty(), "the host takes all");
    drop(writer.stream_writer);
    wasip3::spawn(async move {
        let _ = writer.result_writer.write(Ok(None)).await;
    });
    response
}

/// The content of the request, with a pause before each piece.
pub(crate) fn echo(request: IncomingRequestBody, pause: Duration) -> BoxBody {
    let pieces = request.stream();
    streamed(pieces.then(move |piece| async move {
        if !pause.is_zero() {
            spin_sdk::time::sleep(pause).await;
        }
        piece
    }))
}

fn streamed(pieces: impl Stream<Item = Piece> + Send + 'static) -> BoxBody {
    let frames = pieces.map(|piece| piece.map(http_body::Frame::data));
    StreamBody::new(frames).map_err(Into::into).boxed_unsync()
}
