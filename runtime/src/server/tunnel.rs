//! Owns a connection that has switched to another protocol (RFC 9110 §7.8): bytes pass both ways between client and origin until one
//! of them ends, both are silent for too long, or the server drains. Agreeing on the switch is left to client and origin.

use std::any::Any;
use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::time::{sleep_until, timeout};

use crate::clock;

/// The other side of a client's connection. In the extensions of a response with status 101, it says that the switch is
/// agreed.
#[derive(Clone, Debug)]
pub(crate) struct Tunnel {
    origin: OnUpgrade,
    idle_timeout: Duration,
    /// Ends with the tunnel.
    _held: Arc<dyn Any + Send + Sync>,
}

/// A side of a tunnel. What it sends is noted.
struct Side<'a, S> {
    stream: S,
    moved: &'a Cell<Instant>,
}

impl Tunnel {
    /// A tunnel to the origin that agreed. It holds `held` to its end.
    pub(crate) fn new<H>(origin: OnUpgrade, idle_timeout: Duration, held: H) -> Self
    where
        H: Any + Send + Sync,
    {
        Self {
            origin,
            idle_timeout,
            _held: Arc::new(held),
        }
    }

    /// Passes bytes on until the end.
    pub(super) async fn run<C>(self, client: C, drained: impl Future<Output = ()>)
    where
        C: AsyncRead + AsyncWrite + Unpin,
    {
        // The origin has answered already, so its connection is there at once.
        let Ok(Ok(origin)) = timeout(self.idle_timeout, self.origin).await else {
            return;
        };
        let moved = Cell::new(clock::now());
        let mut origin = Side {
            stream: TokioIo::new(origin),
            moved: &moved,
        };
        let mut client = Side {
            stream: client,
            moved: &moved,
        };
        tokio::select! {
            // Whoever broke it off knows why.
            _ = copy_bidirectional(&mut client, &mut origin) => {}
            () = idle(&moved, self.idle_timeout) => {}
            () = drained => {}
        }
    }
}

/// Waits until nothing has moved for `timeout`.
async fn idle(moved: &Cell<Instant>, timeout: Duration) {
    loop {
        let due = moved.get() + timeout;
        sleep_until(due.into()).await;
        if moved.get() + timeout <= due {
            return;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Side<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.moved.set(clock::now());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Side<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
