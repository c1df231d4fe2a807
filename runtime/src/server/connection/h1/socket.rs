//! Owns the socket of one connection: the guard sees all bytes that arrive before hyper does, and a client that stops
//! reading is given up. Understanding the bytes is left to hyper.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::close;
use super::super::transport::Transport;
use super::guard::Guard;
use super::state::State;
use crate::clock;
use crate::failure::Failure;
use crate::request::Pace;
use crate::server::limits::JOINED_BYTES;
use crate::server::write_timeout::stopped_reading;
use crate::settings::ServerLimits;

/// The socket of one connection, with or without TLS.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: Transport,
    guard: Guard,
    state: Rc<State>,
    /// The rest of an interim response whose beginning has been written.
    interim_rest: Bytes,
    /// Waits while the client's receive window is full.
    pace: Pace,
    /// Whether the client is gone.
    ended: bool,
    /// Whether hyper has nothing half-sent.
    is_flushed: bool,
    /// Whether hyper has ended the connection because the guard refused the next request.
    refused: bool,
}

impl Socket {
    pub(crate) fn new(stream: Transport, state: Rc<State>, limits: &ServerLimits) -> Self {
        Self {
            stream,
            guard: Guard::new(limits),
            state,
            interim_rest: Bytes::new(),
            pace: Pace::new(limits.write_progress_timeout, limits.min_rate),
            ended: false,
            refused: false,
            is_flushed: true,
        }
    }

    /// Why the connection ended, if it did so for a request that the guard refused.
    pub(crate) fn refusal(&self) -> Option<&Failure> {
        self.guard.refusal().filter(|_| self.refused)
    }

    /// The bytes of the client after it has switched to another protocol.
    pub(crate) fn into_stream(self) -> Transport {
        self.stream
    }

    /// Closes unless the client has done so already; see [`close`].
    pub(crate) async fn close(self, last_words: &[u8]) {
        if !self.ended {
            close(self.stream, last_words).await;
        }
    }

    /// Once the guard has refused a request, hyper reads an end, so that it finishes. But as long as the request before it is
    /// being answered, hyper reads nothing: it would take an end for a client that left. It reads again after the response.
    fn poll_read_refused(&mut self) -> Poll<io::Result<()>> {
        if self.state.is_busy() {
            return Poll::Pending;
        }
        self.refused = true;
        Poll::Ready(Ok(()))
    }

    /// Judges the bytes of `buffer` behind `before`, and hides from hyper what it must not see.
    fn inspect(&mut self, buffer: &mut ReadBuf<'_>, before: usize) -> Poll<io::Result<()>> {
        let new = &buffer.filled()[before..];
        if new.is_empty() {
            self.ended = true;
            return Poll::Ready(Ok(()));
        }
        let passed = self.guard.inspect(new);
        if self.guard.has_partial_head() {
            self.state.begin_head(clock::now);
        }
        if passed == 0 {
            buffer.set_filled(before);
            return self.poll_read_refused();
        }
        buffer.set_filled(before + passed);
        Poll::Ready(Ok(()))
    }

    /// Writes the rest of interim responses that have begun.
    fn poll_interim_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.interim_rest.is_empty() {
            let written = Pin::new(&mut self.stream).poll_write(cx, &self.interim_rest);
            let written = ready!(self.poll_progress(cx, written))?;
            self.interim_rest.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Writes interim responses before hyper's next bytes. While a message of hyper is half-sent they have no place, and are
    /// left out.
    fn poll_interim(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_interim_rest(cx))?;
        if let Some(interim) = self.state.take_interim(cx.waker())
            && self.is_flushed
        {
            self.interim_rest = interim;
        }
        self.poll_interim_rest(cx)
    }

    /// Passes on the result of a write, and ends the wait for a client that is too slow.
    fn poll_progress(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = &written {
            let bytes = *result.as_ref().unwrap_or(&0);
            if let Some(now) = self.pace.moved(bytes) {
                self.state.progress(now);
            }
            return written;
        }
        self.poll_overdue(cx)
    }

    fn poll_overdue<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.pace.poll_overdue(cx).map(|()| {
            self.ended = true;
            self.state.stall();
            Err(stopped_reading())
        })
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.guard.refusal().is_some() {
            return self.poll_read_refused();
        }
        let before = buffer.filled().len();
        match ready!(Pin::new(&mut self.stream).poll_read(cx, buffer)) {
            Ok(()) => self.inspect(buffer, before),
            Err(error) => {
                self.ended = true;
                Poll::Ready(Err(error))
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_interim(cx))?;
        self.is_flushed = false;
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.poll_progress(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let total = slices.iter().map(|slice| slice.len()).sum();
        if slices.len() > 1 && total <= JOINED_BYTES {
            let mut joined = [0; JOINED_BYTES];
            let mut rest = &mut joined[..];
            for slice in slices {
                let (start, free) = rest.split_at_mut(slice.len());
                start.copy_from_slice(slice);
                rest = free;
            }
            return self.poll_write(cx, &joined[..total]);
        }
        ready!(self.poll_interim(cx))?;
        self.is_flushed = false;
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.poll_progress(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Called by hyper when its buffer is empty. With TLS, bytes that were written may still wait for the client.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_flushed = true;
        ready!(self.poll_interim(cx))?;
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Ready(flushed) => {
                self.state.flush();
                Poll::Ready(flushed)
            }
            Poll::Pending => self.poll_overdue(cx),
        }
    }

    /// Does nothing: there may be last words to say, so [`Self::close`] ends the sending.
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
