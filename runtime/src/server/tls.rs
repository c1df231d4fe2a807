//! Owns how the listener for `https` shakes hands, the look at renewed certificates while it listens, and what it tells of them.
//! The certificates themselves are left to `certificates`, a connection's handshake to `connection`.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::{Method, StatusCode};
use rustls::ServerConfig;
use rustls::crypto::ring;
use serde::Serialize;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use super::admin::AdminPage;
use super::answers::{json, not_allowed};
use super::connection::ALPN;
use super::limits::{CERTIFICATE_POLL_INTERVAL, EXPIRY_WARNING_INTERVAL};
use crate::certificates::{CHALLENGE_PROTOCOL, CertificateFigures, Certificates};
use crate::clock;
use crate::observe::{HandshakeMetrics, Metrics};
use crate::request::ResponseBody;

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
        if certificates.has_ordered() {
            config.alpn_protocols.push(CHALLENGE_PROTOCOL.into());
        }
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
        let (mut said, mut warned) = (Vec::new(), HashMap::new());
        loop {
            self.tell(metrics.handshakes(), &mut warned);
            sleep(CERTIFICATE_POLL_INTERVAL).await;
            let certificates = self.certificates.clone();
            // Reading blocks, on a network's file system for long.
            let Ok((taken, errors)) = spawn_blocking(move || certificates.renew()).await else {
                continue;
            };
            if taken > 0 {
                tracing::info!(count = taken, "renewed certificates are in use");
            }
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            for error in errors.iter().filter(|error| !said.contains(*error)) {
                tracing::error!("{error}; the certificate that was read before stays in use");
            }
            said = errors;
        }
    }

    /// Sets the metrics, and warns of certificates that should have been renewed.
    fn tell(&self, metrics: &HandshakeMetrics, warned: &mut HashMap<String, Instant>) {
        let (mut first, mut missing, mut near_end) = (None, 0, 0);
        let (now, time) = (clock::now(), clock::time_of_day());
        for figures in self.certificates.figures() {
            let Some(lifetime) = figures.lifetime else {
                missing += 1;
                continue;
            };
            first = Some(first.map_or(lifetime.until, |first: SystemTime| {
                first.min(lifetime.until)
            }));
            if !lifetime.is_near_end(time) {
                continue;
            }
            near_end += 1;
            let names = figures.names.join(", ");
            let last = warned.get(&names);
            if last
                .is_none_or(|last| now.saturating_duration_since(*last) >= EXPIRY_WARNING_INTERVAL)
            {
                let hours = lifetime.left(time).as_secs() / 3600;
                let advice = match (&figures.failure, figures.is_ordered) {
                    (Some(failure), _) => format!("its renewal fails: {failure}"),
                    (None, true) => "its renewal has not begun; is its store out?".to_owned(),
                    (None, false) => "have the tool that made it renew its files".to_owned(),
                };
                tracing::warn!("the certificate for {names} expires in {hours} hours: {advice}");
                warned.insert(names, now);
            }
        }
        let since = first.and_then(|first| first.duration_since(SystemTime::UNIX_EPOCH).ok());
        let seconds = since.and_then(|since| i64::try_from(since.as_secs()).ok());
        metrics.certificate_expiry.set(seconds.unwrap_or(0));
        metrics.certificates_missing.set(missing);
        metrics.certificates_near_end.set(near_end);
    }
}

/// The path of the page.
const CERTIFICATES_PATH: &str = "/certificates";

/// What the page shows of a certificate.
#[derive(Serialize)]
struct Shown {
    names: Vec<String>,
    source: &'static str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

/// The admin page about the certificates.
pub fn certificates_page(certificates: Certificates) -> AdminPage {
    AdminPage::new(CERTIFICATES_PATH, move |request| {
        let response = match *request.method() {
            Method::GET | Method::HEAD => {
                let now = clock::time_of_day();
                let figures = certificates.figures().into_iter();
                let shown: Vec<_> = figures.map(|figures| Shown::new(figures, now)).collect();
                json(StatusCode::OK, &shown)
            }
            _ => not_allowed("GET, HEAD"),
        };
        std::future::ready(response.map(ResponseBody::Full))
    })
}

impl Shown {
    fn new(figures: CertificateFigures, now: SystemTime) -> Self {
        let expires = figures.lifetime.map(|lifetime| lifetime.until);
        Self {
            source: if figures.is_ordered { "acme" } else { "files" },
            state: match figures.lifetime {
                None => "missing",
                Some(lifetime) if lifetime.left(now).is_zero() => "expired",
                Some(lifetime) if lifetime.is_near_end(now) => "near_end",
                Some(_) => "valid",
            },
            expires: expires
                .and_then(|time| jiff::Timestamp::try_from(time).ok())
                .map(|time| time.to_string()),
            names: figures.names,
            failure: figures.failure,
        }
    }
}
