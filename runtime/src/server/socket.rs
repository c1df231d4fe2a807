//! Owns the socket of one connection: notices when bytes arrive, and gives up on a client that stops reading.
//! Understanding the bytes is left to hyper.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::limits::LINGER_TIMEOUT;
use super::phase::ConnectionPhase;
use crate::clock;

/// Bytes read at a time from a connection whose content nobody wants.
const DISCARD_BYTES: usize = 4096;

/// The socket of one connection.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    phase: Rc<ConnectionPhase>,
    write_timeout: Duration,
    /// Runs while the client's receive window is full; made at the first time that it is.
    blocked: Option<Pin<Box<Sleep>>>,
    is_blocked: bool,
    ended: bool,
}

impl Socket {
    pub(crate) fn new(
        stream: TcpStream,
        phase: Rc<ConnectionPhase>,
        write_timeout: Duration,
    ) -> Self {
        Self {
            stream,
            phase,
            write_timeout,
            blocked: None,
            is_blocked: false,
            ended: false,
        }
    }

    /// Closes unless the client has done so already; see [`close`].
    pub(crate) async fn close(self, last_words: &[u8]) {
        if !self.ended {
            close(self.stream, last_words).await;
        }
    }

    /// Passes on the result of a write, and ends the wait for one that makes no progress.
    fn poll_progress(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.is_blocked = false;
            return written;
        }
        let timeout = self.write_timeout;
        let blocked = self
            .blocked
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        if !self.is_blocked {
            self.is_blocked = true;
            blocked
                .as_mut()
                .reset(tokio::time::Instant::now() + timeout);
        }
        blocked.as_mut().poll(cx).map(|()| {
            self.ended = true;
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the client stopped reading",
            ))
        })
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        match &read {
            Poll::Pending => {}
            Poll::Ready(Ok(())) if buffer.filled().len() > before => self.phase.receive(clock::now),
            Poll::Ready(_) => self.ended = true,
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.poll_progress(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.poll_progress(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Sends `last_words` and closes so that the client can read everything that was sent to it.
///
/// Closing a socket with bytes unread makes the kernel send a reset, on which the client's kernel discards
/// what the client has not read yet; so our side is closed first, and theirs read to its end (RFC 9112 §9.6).
pub(crate) async fn close(mut stream: TcpStream, last_words: &[u8]) {
    let lingering = async {
        stream.write_all(last_words).await?;
        stream.shutdown().await?;
        let mut discarded = [0; DISCARD_BYTES];
        while stream.read(&mut discarded).await? > 0 {}
        io::Result::Ok(())
    };
    // Whatever goes wrong now, the client is gone and nothing is left to do for it.
    let _ = tokio::time::timeout(LINGER_TIMEOUT, lingering).await;
}
