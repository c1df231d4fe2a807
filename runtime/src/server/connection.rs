//! Owns the facts that all requests of a connection share, and the parts that serve all connections of a worker.
//! The state of a connection is left to its protocol (`h1`), answering requests to the pipeline.

mod h1;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use http::{Request, Version};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::drain::DrainSignal;
use super::limits::{DISCARD_BYTES, LINGER_TIMEOUT};
use super::{Pipeline, ServerConfig};
use crate::observe::Observer;
use crate::request::RequestContext;

/// Serves the connections of one worker.
pub(crate) struct Connections<P> {
    pipeline: P,
    config: Arc<ServerConfig>,
    observer: Arc<Observer>,
    protocol: http1::Builder,
    drain: DrainSignal,
}

/// The facts that all requests of one connection share.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(super) peer: SocketAddr,
    /// The address that the client has connected to.
    pub(super) local: SocketAddr,
    /// Whether the peer is a trusted proxy: decided once per connection.
    pub(super) peer_is_trusted: bool,
    h1: h1::State,
}

/// A request whose head was read.
#[derive(Debug)]
pub struct Arrival {
    pub(super) request: Request<Incoming>,
    pub(super) connection: Rc<Connection>,
    pub(super) received: Instant,
}

impl<P: Pipeline> Connections<P> {
    pub(crate) fn new(pipeline: P, config: Arc<ServerConfig>, observer: Arc<Observer>) -> Self {
        Self {
            pipeline,
            protocol: h1::protocol(&config.limits),
            config,
            observer,
            drain: DrainSignal::default(),
        }
    }

    /// Serves a connection until it is closed.
    pub(crate) async fn serve(self: Rc<Self>, stream: TcpStream, peer: SocketAddr) {
        h1::serve(self, stream, peer).await;
    }

    /// Tells every connection, present and future, that the server drains.
    pub(crate) fn drain(&self) {
        self.drain.begin();
    }
}

impl Connection {
    /// Tells the connection which request it answers now.
    pub(super) fn begin_request(&self, version: Version, request: &Arc<RequestContext>) {
        self.h1.begin_request(version, request);
    }
}

/// Sends `last_words` and closes so that the client can read everything that was sent to it.
///
/// Closing a socket with bytes unread makes the kernel send a reset, on which the client's kernel discards
/// what the client has not read yet; so our side is closed first, and theirs read to its end (RFC 9112 §9.6).
pub(super) async fn close(mut stream: TcpStream, last_words: &[u8]) {
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
