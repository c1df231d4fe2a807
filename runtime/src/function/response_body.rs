//! The content of a guest's response: collected if it is small, else streamed to the client.
//! The call's state ([`super::call`]) knows why a guest ended.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use http::{HeaderMap, Response, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, WasiBody};

use super::call::{self, CallState, CancelOnDrop};
use crate::failure::Failure;
use crate::limits::{SMALL_BODY_BYTES, SMALL_BODY_YIELDS};
use crate::request::ResponseBody;

/// Waits a moment for the end of the body, so that a small response leaves in one write with a known length.
///
/// The moment is no time span: the task yields up to [`SMALL_BODY_YIELDS`] times, so that the guest's driver can run.
///
/// If the body is not wanted (a response to `HEAD`), it gets the same moment and is then dropped without an end of the guest,
/// which may have announced a length that it does not send.
///
/// # Errors
/// The failure that ended the guest in that moment. Nothing has been sent, so the client can get it.
pub(super) async fn collect_small(
    response: Response<WasiBody>,
    mut cancel: CancelOnDrop,
    is_wanted: bool,
) -> Result<Response<ResponseBody>, Failure> {
    let (parts, mut body) = response.into_parts();
    let mut start = Bytes::new();
    let mut next = None;
    let mut yields = 0;
    while yields < SMALL_BODY_YIELDS {
        match body.frame().now_or_never() {
            None if cancel.state.has_exited() && is_wanted => {
                return Err(failure_of(&cancel.state, &Error::HttpResponseIncomplete));
            }
            None => {
                yields += 1;
                tokio::task::yield_now().await;
            }
            Some(None) => {
                if let Some(failure) = cancel.state.ended_by() {
                    return Err(failure.clone());
                }
                cancel.disarm();
                cancel.state.answered(start.len() as u64);
                return Ok(Response::from_parts(parts, ResponseBody::Full(start)));
            }
            Some(Some(Ok(frame))) if frame.is_data() && start.len() < SMALL_BODY_BYTES => {
                start = joined(start, frame.into_data().unwrap_or_default());
            }
            Some(Some(Ok(frame))) => {
                next = Some(frame);
                break;
            }
            Some(Some(Err(_))) if !is_wanted => break,
            Some(Some(Err(error))) => return Err(failure_of(&cancel.state, &error)),
        }
    }
    if !is_wanted {
        cancel.disarm();
        return Ok(Response::from_parts(parts, ResponseBody::Empty));
    }
    let body = GuestBody {
        announced: announced_length(&parts.headers),
        given: 0,
        start,
        next,
        body,
        cancel,
    };
    Ok(Response::from_parts(parts, body.into()))
}

/// Why the body broke off. If the guest was ended, that is the cause.
fn failure_of(state: &CallState, error: &Error) -> Failure {
    let cause = state.ended_by().cloned();
    cause.unwrap_or_else(|| call::guest_failed(error))
}

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

fn joined(start: Bytes, more: Bytes) -> Bytes {
    if start.is_empty() {
        return more;
    }
    let mut both = BytesMut::from(start);
    both.extend_from_slice(&more);
    both.freeze()
}

/// A streamed body: the part that has arrived, then the rest. Dropping it before its end cancels the guest.
pub(super) struct GuestBody {
    start: Bytes,
    next: Option<Frame<Bytes>>,
    body: WasiBody,
    /// Bytes that are still to come, if the guest has announced the length. The client reads no more than these, and does
    /// not ask for the end.
    announced: Option<u64>,
    /// Bytes that were given to the client's side.
    given: u64,
    cancel: CancelOnDrop,
}

impl From<GuestBody> for ResponseBody {
    fn from(body: GuestBody) -> Self {
        Self::Streamed(body.boxed_unsync())
    }
}

impl GuestBody {
    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if !self.start.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.start)))));
        }
        if let Some(next) = self.next.take() {
            return Poll::Ready(Some(Ok(next)));
        }
        self.cancel.state.wake_on_exit(context.waker());
        let frame = match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Pending if self.cancel.state.has_exited() => {
                Some(Err(Error::HttpResponseIncomplete))
            }
            poll => ready!(poll),
        };
        Poll::Ready(match frame {
            Some(frame) => Some(frame.map_err(|error| failure_of(&self.cancel.state, &error))),
            // An ended guest also closes its stream. Only the call's state distinguishes that from a proper end.
            None => self.cancel.state.ended_by().cloned().map(Err),
        })
    }

    fn account(&mut self, frame: &Frame<Bytes>) {
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.given += length;
        if let Some(announced) = &mut self.announced {
            *announced = announced.saturating_sub(length);
        }
    }
}

impl Body for GuestBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let frame = ready!(self.poll_next(context));
        if let Some(Ok(frame)) = &frame {
            self.account(frame);
        }
        // Hyper does not poll after a trailer section.
        let is_last = matches!(&frame, Some(Ok(frame)) if frame.is_trailers());
        if frame.is_none() || is_last || self.is_end_stream() {
            self.cancel.disarm();
            self.cancel.state.answered(self.given);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.announced == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.announced
            .map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests;
