//! Connections with TLS, and HTTP/2 on connections of any kind.

use std::io;
use std::sync::Arc;

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::authority::Authority;
use crate::client::{Answer, Content};
use crate::wait::within;

/// Connects with TLS, and trusts one authority.
#[derive(Clone)]
pub struct Secure(Arc<ClientConfig>);

impl Secure {
    /// Trusts `authority`, and offers these protocols (RFC 7301), the preferred one first.
    ///
    /// # Panics
    /// If the authority has no certificate.
    #[must_use]
    pub fn new(authority: &Authority, protocols: &[&str]) -> Self {
        let certificate = std::fs::read(authority.file());
        Self::trusting(
            &certificate.expect("the authority has a certificate"),
            protocols,
        )
    }

    /// The same for the authorities of these certificates in PEM.
    ///
    /// # Panics
    /// If they are none.
    #[must_use]
    pub fn trusting(authorities: &[u8], protocols: &[&str]) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authorities) {
            let certificate = certificate.expect("it is in PEM");
            roots.add(certificate).expect("it is a certificate");
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has the cipher suites of TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        Self(Arc::new(config))
    }

    /// The same for clients that shake hands in full each time, and so see the certificate that is in use.
    #[must_use]
    pub fn without_resumption(&self) -> Self {
        let mut config = ClientConfig::clone(&self.0);
        config.resumption = rustls::client::Resumption::disabled();
        Self(Arc::new(config))
    }

    /// The same for clients that choose the protocols themselves.
    pub(crate) fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::clone(&self.0);
        config.alpn_protocols.clear();
        config
    }

    /// Connects to `https://ADDRESS` and asks for the certificate of `name`.
    ///
    /// # Errors
    /// The handshake failed, such as for a certificate that is not trusted.
    ///
    /// # Panics
    /// If nobody listens.
    pub async fn connect(&self, url: &str, name: &str) -> io::Result<TlsStream<TcpStream>> {
        self.shake_hands(connect(url).await, name).await
    }

    /// The same where nobody may listen yet.
    ///
    /// # Errors
    /// Nobody listens, or the handshake failed.
    ///
    /// # Panics
    /// If `name` is none of a host.
    pub async fn try_connect(&self, url: &str, name: &str) -> io::Result<TlsStream<TcpStream>> {
        let address = url.split_once("://").map_or(url, |(_, address)| address);
        let stream = within("a connection", TcpStream::connect(address)).await?;
        self.shake_hands(stream, name).await
    }

    /// Shakes hands on a connection, and asks for the certificate of `name`.
    ///
    /// # Errors
    /// The handshake failed.
    ///
    /// # Panics
    /// If `name` is none of a host.
    pub async fn shake_hands(
        &self,
        stream: TcpStream,
        name: &str,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(name.to_owned()).expect("it is the name of a host");
        let connector = TlsConnector::from(Arc::clone(&self.0));
        within("a handshake", connector.connect(name, stream)).await
    }
}

/// A connection to `http://ADDRESS` or `https://ADDRESS`.
///
/// # Panics
/// If nobody listens.
pub async fn connect(url: &str) -> TcpStream {
    let address = url.split_once("://").map_or(url, |(_, address)| address);
    let stream = within("a connection", TcpStream::connect(address)).await;
    stream.unwrap_or_else(|error| panic!("nobody listens at {url}: {error}"))
}

/// Speaks HTTP/2 on a connection.
///
/// # Panics
/// If the connection fails.
pub async fn http2<S>(stream: S) -> http2::SendRequest<Content>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = within("the preface", handshake)
        .await
        .expect("the server speaks HTTP/2");
    tokio::spawn(connection);
    sender
}

/// Speaks HTTP/1.1 on a connection.
///
/// # Panics
/// If the connection fails.
pub async fn http1<S>(stream: S) -> http1::SendRequest<Content>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let handshake = http1::handshake(TokioIo::new(stream));
    let (sender, connection) = handshake.await.expect("nothing is sent yet");
    tokio::spawn(connection);
    sender
}

/// Sends a request over HTTP/2 and reads the answer to its end.
///
/// # Panics
/// If there is no whole answer.
pub async fn ask(sender: &mut http2::SendRequest<Content>, request: Request<Content>) -> Answer {
    let response = within("a response", sender.send_request(request)).await;
    whole(response.expect("there is a response")).await
}

/// Reads an answer to its end.
///
/// # Panics
/// If the connection breaks.
pub async fn whole(response: Response<Incoming>) -> Answer {
    let (head, content) = response.into_parts();
    let content = within("the content", content.collect()).await;
    Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body: content.expect("the content is whole").to_bytes(),
    }
}
