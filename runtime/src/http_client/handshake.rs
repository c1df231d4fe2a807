//! Owns the way to a connection that takes requests: TCP, TLS, and the protocol on top.
//! Addresses are left to `connector`, the connection's use to `pool`.

use std::sync::{Arc, OnceLock};

use http::Uri;
use http::uri::Scheme;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::either::Either;
use tower_service::Service;

use super::connection::Connection;
use super::sending::SendingBody;
use super::{ClientError, Connector, Content, Protocols};
use crate::certificates::Authorities;
use crate::limits::{
    MAX_OUTBOUND_STREAMS, MAX_RESPONSE_HEADER_COUNT, OUTBOUND_PING_INTERVAL, OUTBOUND_PING_TIMEOUT,
    OUTBOUND_STREAM_WINDOW_BYTES,
};

/// Connects to the server of a URI.
pub(super) async fn connect<B: Content>(
    mut connector: Connector,
    server: Uri,
    protocols: Protocols,
    tls: Arc<ClientConfig>,
) -> Result<Connection<B>, ClientError> {
    let is_https = server.scheme() == Some(&Scheme::HTTPS);
    let host = server
        .host()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .to_owned();
    let stream = connector.call(server).await;
    let stream = stream.map_err(|error| ClientError::of_connecting(&*error))?;
    let patience = connector.timeout;
    let shaking = async {
        let (stream, is_http2) = if is_https {
            let (stream, is_http2) = secure(stream.into_inner(), host, tls).await?;
            (Either::Left(stream), is_http2)
        } else {
            (
                Either::Right(stream.into_inner()),
                protocols == Protocols::Http2,
            )
        };
        if is_http2 {
            http2(stream).await
        } else {
            http1(stream).await
        }
    };
    let shaken = timeout(patience, shaking).await;
    shaken.map_err(|_| ClientError::ConnectionTimeout)?
}

/// Agrees on TLS, and on whether the connection speaks HTTP/2 then.
async fn secure(
    stream: TcpStream,
    host: String,
    tls: Arc<ClientConfig>,
) -> Result<(impl AsyncRead + AsyncWrite + Send + Unpin + 'static, bool), ClientError> {
    let name = ServerName::try_from(host).map_err(|_| ClientError::DestinationUnavailable)?;
    let stream = Box::pin(TlsConnector::from(tls).connect(name, stream)).await;
    let stream = stream.map_err(|error| ClientError::of_connecting(&error))?;
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    Ok((stream, is_http2))
}

async fn http1<B, S>(stream: S) -> Result<Connection<B>, ClientError>
where
    B: Content,
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_headers(MAX_RESPONSE_HEADER_COUNT);
    let shaken = builder
        .handshake::<_, SendingBody<B>>(TokioIo::new(stream))
        .await;
    let (mut sender, connection) = shaken.map_err(|error| ClientError::of_exchange(&error))?;
    tokio::spawn(connection.with_upgrades());
    let ready = sender.ready().await;
    ready.map_err(|error| ClientError::of_exchange(&error))?;
    Ok(Connection::Http1(sender))
}

async fn http2<B, S>(stream: S) -> Result<Connection<B>, ClientError>
where
    B: Content,
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(OUTBOUND_STREAM_WINDOW_BYTES)
        // Responses that nobody reads leave room for all others.
        .initial_connection_window_size(OUTBOUND_STREAM_WINDOW_BYTES * MAX_OUTBOUND_STREAMS)
        .keep_alive_interval(OUTBOUND_PING_INTERVAL)
        .keep_alive_timeout(OUTBOUND_PING_TIMEOUT);
    let shaken = builder
        .handshake::<_, SendingBody<B>>(TokioIo::new(stream))
        .await;
    let (sender, connection) = shaken.map_err(|error| ClientError::of_exchange(&error))?;
    tokio::spawn(connection);
    Ok(Connection::Http2(sender, Arc::new(())))
}

/// The settings of TLS for a client that trusts these authorities, or else those that browsers do. The clients of the latter
/// share them, because their authorities take some 100 KiB.
pub(super) fn tls(authorities: Option<&Authorities>, protocols: Protocols) -> Arc<ClientConfig> {
    static OF_BROWSERS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let of_browsers = || Arc::new(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect());
    let roots = match authorities {
        Some(authorities) => authorities.roots(),
        None => Arc::clone(OF_BROWSERS.get_or_init(of_browsers)),
    };
    let config = ClientConfig::builder().with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    if protocols != Protocols::Http1 {
        config.alpn_protocols.insert(0, b"h2".to_vec());
    }
    Arc::new(config)
}
