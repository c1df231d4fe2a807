//! A guest's response body on its way to the client.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use wasmtime_wasi_http::WasiBody;

use super::call::{self, CancelOnDrop};
use crate::failure::Failure;
use crate::limits::{SMALL_BODY_BYTES, SMALL_BODY_YIELDS};
use crate::server::ResponseBody;

/// Waits a moment for the end of the body, so that a small response leaves in one write, with its length known.
///
/// The moment is counted in turns of this worker, not in time: the guest's driver gets [`SMALL_BODY_YIELDS`] turns.
///
/// # Errors
/// The failure that ended the guest meanwhile; nothing has been sent, so it can still be reported.
pub(super) async fn collect_small(
    response: Response<WasiBody>,
    mut cancel: CancelOnDrop,
) -> Result<Response<ResponseBody>, Failure> {
    let (parts, mut body) = response.into_parts();
    let mut start = Bytes::new();
    let mut yields = 0;
    while yields < SMALL_BODY_YIELDS {
        match body.frame().now_or_never() {
            None => {
                yields += 1;
                tokio::task::yield_now().await;
            }
            Some(None) => {
                if let Some(failure) = cancel.state.ended_by() {
                    return Err(failure.clone());
                }
                cancel.disarm();
                return Ok(Response::from_parts(parts, ResponseBody::Full(start)));
            }
            Some(Some(Ok(frame))) if frame.is_data() && start.len() < SMALL_BODY_BYTES => {
                start = joined(start, frame.into_data().unwrap_or_default());
            }
            Some(Some(frame)) => {
                let next = Some(frame.map_err(|error| call::guest_failed(&error)));
                return Ok(Response::from_parts(
                    parts,
                    GuestBody {
                        start,
                        next,
                        body,
                        cancel,
                    }
                    .into(),
                ));
            }
        }
    }
    Ok(Response::from_parts(
        parts,
        GuestBody {
            start,
            next: None,
            body,
            cancel,
        }
        .into(),
    ))
}

fn joined(start: Bytes, more: Bytes) -> Bytes {
    if start.is_empty() {
        return more;
    }
    let mut both = BytesMut::from(start);
    both.extend_from_slice(&more);
    both.freeze()
}

/// A body that is streamed: what came already, then the rest. Dropped before its end, it cancels the guest.
pub(super) struct GuestBody {
    start: Bytes,
    next: Option<Result<Frame<Bytes>, Failure>>,
    body: WasiBody,
    cancel: CancelOnDrop,
}

impl From<GuestBody> for ResponseBody {
    fn from(body: GuestBody) -> Self {
        Self::Guest(body.boxed_unsync())
    }
}

impl Body for GuestBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if !self.start.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.start)))));
        }
        if let Some(next) = self.next.take() {
            return Poll::Ready(Some(next));
        }
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(match frame {
            Some(frame) => Some(frame.map_err(|error| call::guest_failed(&error))),
            // A guest that died has closed its stream as well: only the call's state tells that from a proper end.
            None => match self.cancel.state.ended_by() {
                Some(failure) => Some(Err(failure.clone())),
                None => {
                    self.cancel.disarm();
                    None
                }
            },
        })
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        if let Some(rest) = self.body.size_hint().exact()
            && self.next.is_none()
        {
            hint.set_exact(rest + self.start.len() as u64);
        }
        hint
    }
}
