//! Owns how the listener for `https` shakes hands, and the look at renewed certificates while it listens.
//! The certificates themselves are left to `certificates`, a connection's handshake to `connection`.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::ring;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use super::connection::ALPN;
use super::limits::CERTIFICATE_POLL_INTERVAL;
use crate::certificates::Certificates;
use crate::observe::Metrics;

/// The listener for `https`.
#[derive(Clone)]
pub struct Tls {
    pub(super) address: SocketAddr,
    pub(super) acceptor: TlsAcceptor,
    certificates: Certificates,
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = &self.address;
        formatter
            .debug_struct("Tls")
            .field("address", address)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// A listener at `address`; port 0 takes a free one. It speaks TLS 1.2 and 1.3, and over them HTTP/2 and HTTP/1.1.
    #[must_use]
    pub fn new(address: SocketAddr, certificates: Certificates) -> Self {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the cipher suites of TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(certificates.clone()));
        config.alpn_protocols = ALPN.map(Vec::from).into();
        // Without tickets a client shakes hands in full each time, and nothing else changes.
        if let Ok(ticketer) = ring::Ticketer::new() {
            config.ticketer = ticketer;
        }
        Self {
            address,
            acceptor: TlsAcceptor::from(Arc::new(config)),
            certificates,
        }
    }

    /// Takes renewed certificates for ever, and says so. Each reason why one is not taken is said once.
    pub(super) async fn watch(&self, metrics: &Metrics) {
        let mut said = Vec::new();
        self.tell_expiry(metrics);
        loop {
            sleep(CERTIFICATE_POLL_INTERVAL).await;
            let certificates = self.certificates.clone();
            // Reading blocks, on a network's file system for long.
            let Ok((taken, errors)) = spawn_blocking(move || certificates.renew()).await else {
                continue;
            };
            if taken > 0 {
                tracing::info!(count = taken, "renewed certificates are in use");
                self.tell_expiry(metrics);
            }
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            for error in errors.iter().filter(|error| !said.contains(*error)) {
                tracing::error!("{error}; the certificate that was read before stays in use");
            }
            said = errors;
        }
    }

    fn tell_expiry(&self, metrics: &Metrics) {
        let expires = self.certificates.expires();
        let seconds = expires.and_then(|expires| {
            let since = expires.duration_since(SystemTime::UNIX_EPOCH).ok()?;
            i64::try_from(since.as_secs()).ok()
        });
        metrics.certificate_expiry().set(seconds.unwrap_or(0));
    }
}
