//! Cancels the statement that runs on a connection. When to do that is left to [`super::connection`].

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::{CancelToken, Config};

use super::tls::Connector;
use crate::limits::CONNECT_TIMEOUT;

/// The port that Postgres' own tools take for granted.
const PORT: u16 = 5432;

/// How to cancel the statement that runs on a connection.
#[derive(Clone)]
pub(super) struct Cancel {
    token: CancelToken,
    connector: Connector,
    /// Where a pooler listens, if one may be in between.
    pooler: Option<Place>,
}

#[derive(Clone)]
enum Place {
    Socket(PathBuf),
    Host(String, u16),
}

impl std::fmt::Debug for Cancel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Cancel")
    }
}

impl Cancel {
    /// `config` is that of the connection if a pooler may be in between.
    pub(super) fn new(token: CancelToken, connector: Connector, config: Option<&Config>) -> Self {
        Self {
            token,
            connector,
            pooler: config.and_then(place),
        }
    }

    /// Asks the server to cancel. That it fails, the statement shows.
    pub(super) async fn send(&self) {
        let _ = timeout(CONNECT_TIMEOUT, self.ask()).await;
    }

    async fn ask(&self) -> io::Result<()> {
        match &self.pooler {
            None => {
                let asked = self.token.cancel_query(self.connector.clone()).await;
                asked.map_err(io::Error::other)
            }
            Some(Place::Socket(path)) => {
                self.ask_through(UnixStream::connect(path).await?, "").await
            }
            Some(Place::Host(host, port)) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                self.ask_through(stream, host).await
            }
        }
    }

    /// Asks, and waits until the other side closes the connection: pgbouncer 1.18 crashes if its client is faster.
    async fn ask_through<S>(&self, stream: S, host: &str) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (back, kept) = oneshot::channel();
        let stream = Kept {
            stream: Some(stream),
            back: Some(back),
        };
        let handshake = self.connector.staying_open(host);
        let asked = self.token.cancel_query_raw(stream, handshake).await;
        asked.map_err(io::Error::other)?;
        let mut stream = kept.await.map_err(io::Error::other)?;
        let mut space = [0];
        let mut buffer = ReadBuf::new(&mut space);
        std::future::poll_fn(|context| Pin::new(&mut stream).poll_read(context, &mut buffer)).await
    }
}

/// The place of a connection's server, if there is only one.
fn place(config: &Config) -> Option<Place> {
    let port = config.get_ports().first().copied();
    let port = port.unwrap_or(PORT);
    match (config.get_hosts(), config.get_hostaddrs()) {
        ([Host::Tcp(host)], []) => Some(Place::Host(host.clone(), port)),
        ([Host::Unix(folder)], []) => Some(Place::Socket(folder.join(format!(".s.PGSQL.{port}")))),
        _ => None,
    }
}

/// A stream that is handed back, and not closed, by whoever is through with it.
struct Kept<S> {
    stream: Option<S>,
    back: Option<oneshot::Sender<S>>,
}

impl<S> Kept<S> {
    fn stream(&mut self) -> &mut S {
        self.stream.as_mut().expect("it is handed back by the drop")
    }
}

impl<S> Drop for Kept<S> {
    fn drop(&mut self) {
        if let (Some(stream), Some(back)) = (self.stream.take(), self.back.take()) {
            // Nobody waits for it after a failure.
            let _ = back.send(stream);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Kept<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(self.stream()).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Kept<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.stream()).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream()).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
