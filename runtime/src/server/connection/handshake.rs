//! Owns the time between a connection and its first request: the client's address from a load balancer, the handshake of TLS, and the
//! choice of the protocol.
//! Serving the protocol is left to `h1` and `h2`, the certificates to `certificates`.

use std::io;
use std::rc::Rc;

use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use super::proxy_header::{self, Header, HeaderError};
use super::transport::Transport;
use super::{Connections, close};
use crate::certificates::CHALLENGE_PROTOCOL;
use crate::failure::Failure;
use crate::server::Pipeline;
use crate::server::facts::Connection;
use crate::server::limits::DRAIN_FIRST_BYTE_TIMEOUT;
use crate::server::refusal::Refusal;

/// The first byte of a connection with TLS: the type of a record with a handshake (RFC 8446 §5.1).
const HANDSHAKE_RECORD: u8 = 22;

/// The protocols of the public listener, by ALPN (RFC 7301): the preferred one first.
pub(in crate::server) const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    fn of(is_http2: bool) -> Self {
        if is_http2 { Self::Http2 } else { Self::Http1 }
    }
}

/// Why a connection ends before its first request.
enum Unserved {
    /// The client speaks HTTP without TLS at the port of `https`.
    PlainHttp(TcpStream),
    /// The handshake failed, or the client is gone.
    Failed(io::Error),
    /// An authority has seen that this server has a name.
    Shown,
}

/// Gives a connection its protocol; nothing if it ended before.
pub(super) async fn begin<P: Pipeline>(
    worker: &Rc<Connections<P>>,
    stream: TcpStream,
    connection: Connection,
) -> Option<(Transport, Protocol)> {
    if !connection.has_tls && !worker.config.h2c {
        return Some((Transport::plain(stream), Protocol::Http1));
    }
    let begun = async {
        match &worker.config.tls {
            Some(tls) if connection.has_tls => with_tls(&tls.acceptor, stream).await,
            _ => without_tls(stream).await,
        }
    };
    match in_time(worker, begun).await? {
        Ok(begun) => return Some(begun),
        Err(Unserved::PlainHttp(stream)) => refuse(worker, stream, connection).await,
        Err(Unserved::Failed(error)) => {
            worker.observer.metrics().handshakes().failed.inc();
            tracing::debug!(peer = %connection.peer, %error, "a handshake failed");
        }
        Err(Unserved::Shown) => {}
    }
    None
}

/// Takes the client's address from the header that a load balancer sends first; nothing if the connection ends for lack of it.
pub(super) async fn introduce<P>(
    worker: &Rc<Connections<P>>,
    stream: &mut TcpStream,
    connection: Connection,
) -> Option<Connection> {
    let header = if connection.peer_is_trusted {
        in_time(worker, proxy_header::read(stream)).await?
    } else {
        Err(HeaderError::Stranger)
    };
    match header {
        Ok(Header::Client {
            source,
            destination,
        }) => Some(Connection {
            peer: source,
            local: destination,
            peer_is_trusted: worker.config.trusted_proxies.contains(source.ip()),
            ..connection
        }),
        // A client whose address nobody knows may write anything into its fields.
        Ok(Header::Unknown) => Some(Connection {
            peer_is_trusted: false,
            ..connection
        }),
        Err(error) => {
            worker
                .observer
                .metrics()
                .handshakes()
                .proxy_headers_refused
                .inc();
            worker.complaints.say(connection.peer, &error);
            None
        }
    }
}

/// Waits for a client that has something to send before its first request; nothing if it is too slow, or the server drains.
async fn in_time<P, T>(worker: &Rc<Connections<P>>, step: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = step => Some(done),
        () = sleep(worker.config.limits.header_timeout) => None,
        () = async {
            worker.drain.begun().await;
            sleep(DRAIN_FIRST_BYTE_TIMEOUT).await;
        } => None,
    }
}

async fn with_tls(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
) -> Result<(Transport, Protocol), Unserved> {
    let mut first = [0];
    let length = stream.peek(&mut first).await.map_err(Unserved::Failed)?;
    if length == 1 && first[0] != HANDSHAKE_RECORD {
        return Err(Unserved::PlainHttp(stream));
    }
    let stream = acceptor.accept(stream).await.map_err(Unserved::Failed)?;
    let protocol = stream.get_ref().1.alpn_protocol();
    if protocol == Some(CHALLENGE_PROTOCOL) {
        return Err(Unserved::Shown);
    }
    let is_http2 = protocol == Some(ALPN[0]);
    Ok((Transport::tls(stream), Protocol::of(is_http2)))
}

/// HTTP/2 by prior knowledge (RFC 9113 §3.3), else HTTP/1.1.
async fn without_tls(stream: TcpStream) -> Result<(Transport, Protocol), Unserved> {
    let mut transport = Transport::plain(stream);
    let is_http2 = transport.begins_with_http2().await;
    let is_http2 = is_http2.map_err(Unserved::Failed)?;
    Ok((transport, Protocol::of(is_http2)))
}

/// Tells a client that it has to use TLS, in the words of the protocol that it speaks.
async fn refuse<P>(worker: &Rc<Connections<P>>, stream: TcpStream, connection: Connection) {
    let refusal = Refusal::new(Failure::BadRequest {
        detail: "this port speaks https; the request has no TLS",
    });
    let id = refusal.id.as_str();
    worker
        .observer
        .refuse(connection.peer, id, &refusal.failure);
    close(stream, &refusal.to_bytes()).await;
}
