//! Owns the parts that serve all connections of a worker.
//! The state of a connection is left to its protocol (`h1`, `h2`), its bytes to `transport`, answering requests to the
//! pipeline.

mod h1;
mod h2;
mod handshake;
mod proxy_header;
mod transport;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use http::{Request, Version};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

pub(super) use self::handshake::ALPN;

use self::handshake::Protocol;
use self::proxy_header::Complaints;
use super::drain::{DrainSignal, Ending};
use super::facts::Connection;
use super::limits::{DISCARD_BYTES, LINGER_TIMEOUT};
use super::{Pipeline, ServerConfig};
use crate::observe::Observer;
use crate::request::RequestContext;

/// Serves the connections of one worker.
pub(crate) struct Connections<P> {
    pipeline: P,
    config: Arc<ServerConfig>,
    observer: Arc<Observer>,
    http1: http1::Builder,
    drain: DrainSignal,
    complaints: Complaints,
}

/// A request whose head was read.
#[derive(Debug)]
pub struct Arrival {
    pub(super) request: Request<Incoming>,
    pub(super) connection: Connection,
    pub(super) received: Instant,
    pub(super) exchange: ExchangeState,
}

/// What the protocol knows of one exchange.
#[derive(Debug)]
pub(super) enum ExchangeState {
    /// A connection of HTTP/1.1 has one exchange at a time.
    Http1(Rc<h1::State>),
    /// A connection of HTTP/2 has a stream for each.
    Http2(Rc<h2::Stream>),
}

impl<P: Pipeline> Connections<P> {
    pub(crate) fn new(pipeline: P, config: Arc<ServerConfig>, observer: Arc<Observer>) -> Self {
        Self {
            pipeline,
            http1: h1::protocol(&config.limits),
            config,
            observer,
            drain: DrainSignal::default(),
            complaints: Complaints::default(),
        }
    }

    /// Serves a connection until it is closed.
    pub(crate) async fn serve(
        self: Rc<Self>,
        mut stream: TcpStream,
        peer: SocketAddr,
        has_tls: bool,
    ) {
        let mut connection = Connection {
            peer,
            // A socket without an address of its own has been closed meanwhile, and no request of it needs one.
            local: stream.local_addr().unwrap_or(self.config.address),
            peer_is_trusted: self.config.trusted_proxies.contains(peer.ip()),
            has_tls,
        };
        if self.config.proxy_protocol {
            let Some(introduced) = handshake::introduce(&self, &mut stream, connection).await
            else {
                return;
            };
            connection = introduced;
        }
        match handshake::begin(&self, stream, connection).await {
            Some((transport, Protocol::Http1)) => h1::serve(self, transport, connection).await,
            Some((transport, Protocol::Http2)) => h2::serve(self, transport, connection).await,
            None => {}
        }
    }

    /// Tells every connection, present and future, that the server drains.
    pub(crate) fn drain(&self, ending: Ending) {
        self.drain.begin(ending);
    }
}

impl ExchangeState {
    /// Tells the protocol which request it answers now.
    pub(super) fn begin_request(&self, version: Version, request: &Arc<RequestContext>) {
        match self {
            Self::Http1(state) => state.begin_request(version, request),
            Self::Http2(stream) => stream.begin_request(request),
        }
    }
}

/// Sends `last_words` and closes so that the client can read everything that was sent to it.
///
/// Closing a socket with bytes unread makes the kernel send a reset, on which the client's kernel discards
/// what the client has not read yet; so our side is closed first, and theirs read to its end (RFC 9112 §9.6).
pub(super) async fn close(mut stream: impl AsyncRead + AsyncWrite + Unpin, last_words: &[u8]) {
    let lingering = async {
        stream.write_all(last_words).await?;
        stream.shutdown().await?;
        let mut discarded = [0; DISCARD_BYTES];
        while stream.read(&mut discarded).await? > 0 {}
        io::Result::Ok(())
    };
    // On an error the client is gone.
    let _ = tokio::time::timeout(LINGER_TIMEOUT, lingering).await;
}
