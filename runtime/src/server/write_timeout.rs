//! Owns the wait for a reader that takes nothing: how long a socket that cannot be written to is kept.
//! What ends with it is left to the socket.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use crate::clock;

/// Ends the wait for a write that makes no progress.
#[derive(Debug)]
pub(super) struct WriteTimeout {
    timeout: Duration,
    /// Runs while the receive window of the reader is full; made at the first time that it is.
    timer: Option<Pin<Box<Sleep>>>,
    is_blocked: bool,
}

/// What a write came to.
pub(super) enum Progress {
    /// The reader takes what it is sent.
    Steady,
    /// It does so again after a wait.
    Resumed,
    /// It has taken nothing for too long.
    Stalled,
}

impl WriteTimeout {
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            timer: None,
            is_blocked: false,
        }
    }

    /// Judges a write that `is_ready` or is not.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, is_ready: bool) -> Poll<Progress> {
        if is_ready {
            let resumed = std::mem::take(&mut self.is_blocked);
            return Poll::Ready(if resumed {
                Progress::Resumed
            } else {
                Progress::Steady
            });
        }
        let timeout = self.timeout;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        if !self.is_blocked {
            self.is_blocked = true;
            timer
                .as_mut()
                .reset(Instant::from_std(clock::now() + timeout));
        }
        timer.as_mut().poll(cx).map(|()| Progress::Stalled)
    }
}

/// The error of a write to a reader that has stopped.
pub(super) fn stopped_reading() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client stopped reading")
}

/// A socket that gives up a reader that has stopped.
#[derive(Debug)]
pub(super) struct ImpatientStream {
    stream: TcpStream,
    write_timeout: WriteTimeout,
}

impl ImpatientStream {
    pub(super) fn new(stream: TcpStream, timeout: Duration) -> Self {
        Self {
            stream,
            write_timeout: WriteTimeout::new(timeout),
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
        match self.write_timeout.poll(cx, written.is_ready()) {
            Poll::Ready(Progress::Stalled) => Poll::Ready(Err(stopped_reading())),
            Poll::Ready(Progress::Steady | Progress::Resumed) | Poll::Pending => written,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
