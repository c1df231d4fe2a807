//! Requests whose content a test sends piece by piece.

use bytes::Bytes;
use futures::channel::mpsc;
use futures::{SinkExt, StreamExt};
use http::Request;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;

use crate::client::Content;

/// Far more than the buffers between a client and who answers it can hold, in bytes.
pub const MUCH: usize = 64 << 20;

/// What is sent at a time, in bytes.
pub const PIECE: usize = 64 << 10;

/// A request whose content the test sends piece by piece.
///
/// # Panics
/// When the URL is none.
#[must_use]
pub fn streamed(url: &str) -> (Request<Content>, mpsc::Sender<Bytes>) {
    let (pieces, receiver) = mpsc::channel(0);
    let frames = receiver.map(|piece| Ok(Frame::data(piece)));
    let request = Request::post(url).body(StreamBody::new(frames).boxed_unsync());
    (request.expect("a valid request"), pieces)
}

/// Sends until a piece was not taken for a second, or until far too much was taken.
pub async fn send_until_stopped(pieces: &mut mpsc::Sender<Bytes>) -> usize {
    let mut sent = 0;
    let pause = std::time::Duration::from_secs(1);
    while sent < MUCH {
        let taken = tokio::time::timeout(pause, pieces.send(vec![b'x'; PIECE].into())).await;
        match taken {
            Ok(Ok(())) => sent += PIECE,
            Ok(Err(_)) | Err(_) => break,
        }
    }
    sent
}
