//! Owns a stream that gives up a reader that is too slow: of the admin listener, and of HTTP/2.
//! How slow that is, is left to its pace.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::request::Pace;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The error of a write to a reader that has stopped.
pub(super) fn stopped_reading() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client stopped reading")
}

/// A stream that gives up a reader that is too slow.
#[derive(Debug)]
pub(super) struct ImpatientStream<S> {
    stream: S,
    pace: Pace,
}

impl<S> ImpatientStream<S> {
    /// Waits for the reader as [`Pace`] says: `timeout`, earned back at `min_rate` bytes per second.
    pub(super) fn new(stream: S, timeout: Duration, min_rate: u64) -> Self {
        Self {
            stream,
            pace: Pace::new(timeout, min_rate),
        }
    }

    /// Ends the wait for a reader that is too slow.
    fn poll_overdue<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let overdue = self.pace.poll_overdue(cx);
        overdue.map(|()| Err(stopped_reading()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ImpatientStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ImpatientStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(result) = &written {
            self.pace.moved(*result.as_ref().unwrap_or(&0));
            return written;
        }
        self.poll_overdue(cx)
    }

    /// With TLS, bytes that were written wait here for the reader.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => self.poll_overdue(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
