//! Owns the bytes that one connection of HTTP/2 sends: it collects the frames of a turn of the connection, and writes them at once.
//! Each write is a record of TLS and a call of the kernel, of which hyper would make two for each response.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::server::limits::MAX_COLLECTED_BYTES;

/// The room that a connection keeps between its turns, in bytes: for the frames of a small response.
const KEPT_BYTES: usize = 2 * 1024;

/// A stream that writes when it is told to, or has much to write. Clones are the same stream.
#[derive(Debug)]
pub(super) struct Collected<S>(Rc<RefCell<State<S>>>);

#[derive(Debug)]
struct State<S> {
    stream: S,
    bytes: Vec<u8>,
    /// How many of `bytes` were written.
    written: usize,
    /// Whether somebody waits for room.
    is_awaited: bool,
}

impl<S> Clone for Collected<S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<S: AsyncWrite + Unpin> Collected<S> {
    pub(super) fn new(stream: S) -> Self {
        Self(Rc::new(RefCell::new(State {
            stream,
            bytes: Vec::new(),
            written: 0,
            is_awaited: false,
        })))
    }

    /// Polls `connection`, which writes here, and writes what it has sent. Ready when it is ready, or when the stream fails.
    pub(super) fn poll_turn<F: Future + Unpin>(
        &self,
        connection: &mut F,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        loop {
            if Pin::new(&mut *connection).poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let mut state = self.0.borrow_mut();
            if ready!(state.poll_write_out(cx)).is_err() {
                return Poll::Ready(());
            }
            // There is room again, and nobody else would say so.
            if !std::mem::take(&mut state.is_awaited) {
                return Poll::Pending;
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> State<S> {
    /// Writes all that was collected.
    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.bytes.len() {
            let rest = &self.bytes[self.written..];
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        self.written = 0;
        if self.bytes.capacity() > KEPT_BYTES {
            self.bytes = Vec::new();
        } else {
            self.bytes.clear();
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Collected<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Collected<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.borrow_mut();
        if state.bytes.len() >= MAX_COLLECTED_BYTES {
            let written_out = state.poll_write_out(cx);
            state.is_awaited = written_out.is_pending();
            ready!(written_out)?;
        }
        let taken = bytes.len().min(MAX_COLLECTED_BYTES - state.bytes.len());
        state.bytes.extend_from_slice(&bytes[..taken]);
        Poll::Ready(Ok(taken))
    }

    /// Does nothing: hyper asks for it after each frame with content, and [`Self::poll_turn`] writes at the end of its turn.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.borrow_mut();
        ready!(state.poll_write_out(cx))?;
        Pin::new(&mut state.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// A stream that notes the length of each write.
    struct Noted(Rc<RefCell<Vec<usize>>>);

    impl AsyncWrite for Noted {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.0.borrow_mut().push(bytes.len());
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn what_a_turn_sends_is_one_write() {
        let writes = Rc::default();
        let collected = Collected::new(Noted(Rc::clone(&writes)));
        let mut stream = collected.clone();
        let mut connection = Box::pin(async move {
            for turn in 0..2 {
                for _ in 0..4 {
                    stream.write_all(&[0; 1_000]).await.unwrap();
                    stream.flush().await.unwrap();
                }
                if turn == 0 {
                    tokio::task::yield_now().await;
                }
            }
            stream.shutdown().await.unwrap();
        });
        poll_fn(|cx| collected.poll_turn(&mut connection, cx)).await;
        assert_eq!(*writes.borrow(), [4_000, 4_000]);
    }

    /// A reader that is slower than the connection sees all of it, and the connection does not get stuck.
    #[tokio::test]
    async fn much_goes_through_little_room() {
        let (ours, mut theirs) = duplex(1_000);
        let sent: Vec<u8> = (0..200_000_u32)
            .map(|index| index.to_be_bytes()[3])
            .collect();
        let collected = Collected::new(ours);
        let (mut stream, to_send) = (collected.clone(), sent.clone());
        let mut connection = Box::pin(async move {
            stream.write_all(&to_send).await.unwrap();
            stream.shutdown().await.unwrap();
        });
        let turns = pin!(poll_fn(move |cx| collected.poll_turn(&mut connection, cx)));
        let mut received = Vec::new();
        let (_, read) = tokio::join!(turns, theirs.read_to_end(&mut received));
        assert_eq!(read.unwrap(), sent.len());
        assert!(received == sent, "it arrived in another order");
    }

    #[tokio::test]
    async fn a_stream_that_fails_ends_the_connection() {
        let (ours, theirs) = duplex(10);
        drop(theirs);
        let collected = Collected::new(ours);
        let mut stream = collected.clone();
        let mut connection = Box::pin(async move {
            let _ = stream.write_all(b"to nobody").await;
            std::future::pending::<()>().await;
        });
        poll_fn(|cx| collected.poll_turn(&mut connection, cx)).await;
    }
}
