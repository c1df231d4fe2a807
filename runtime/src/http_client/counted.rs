//! Connections that count their responses. Only a connection that was used before can be closed by the other side just when
//! a request is sent on it; [`super::Client`] decides about the second attempt.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use http::{Extensions, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use tower_service::Service;

/// The number of responses on one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Uses(Arc<AtomicU32>);

impl Uses {
    /// Counts the response with these extensions.
    pub(super) fn count(extensions: &Extensions) {
        if let Some(uses) = extensions.get::<Self>() {
            uses.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether the connection has had a response.
    pub(super) fn any(connection: &Connected) -> bool {
        let mut extensions = Extensions::new();
        connection.get_extras(&mut extensions);
        extensions
            .get::<Self>()
            .is_some_and(|uses| uses.0.load(Ordering::Relaxed) > 0)
    }
}

/// Connects, and wraps each connection in a [`CountedStream`].
#[derive(Clone, Debug)]
pub(super) struct Counted<C>(C);

impl<C> Counted<C> {
    pub(super) fn new(connector: C) -> Self {
        Self(connector)
    }
}

impl<C> Service<Uri> for Counted<C>
where
    C: Service<Uri>,
    C::Future: Send + 'static,
{
    type Response = CountedStream<C::Response>;
    type Error = C::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let connecting = self.0.call(target);
        Box::pin(async move {
            let stream = connecting.await?;
            let uses = Uses::default();
            Ok(CountedStream { stream, uses })
        })
    }
}

/// A connection that counts its responses.
pub(super) struct CountedStream<S> {
    stream: S,
    uses: Uses,
}

impl<S: Connection> Connection for CountedStream<S> {
    fn connected(&self) -> Connected {
        self.stream.connected().extra(self.uses.clone())
    }
}

impl<S: Read + Unpin> Read for CountedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: Write + Unpin> Write for CountedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
}
