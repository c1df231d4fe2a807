//! Owns the stream to a reader of the admin listener, which gives up one that reads too slowly.
//! How slow that is, is left to its pace.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::request::Pace;
use crate::request::limits::DEFAULT_MIN_RATE;

/// The error of a write to a reader that has stopped.
pub(super) fn stopped_reading() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client stopped reading")
}

/// A socket that gives up a reader that is too slow.
#[derive(Debug)]
pub(super) struct ImpatientStream {
    stream: TcpStream,
    pace: Pace,
}

impl ImpatientStream {
    pub(super) fn new(stream: TcpStream, timeout: Duration) -> Self {
        Self {
            stream,
            pace: Pace::new(timeout, DEFAULT_MIN_RATE),
        }
    }
}

impl AsyncRead for ImpatientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for ImpatientStream {
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
        let overdue = self.pace.poll_overdue(cx);
        overdue.map(|()| Err(stopped_reading()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
