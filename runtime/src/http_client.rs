//! The HTTP client for all requests of this process: a pool of connections, and a timeout for each wait.
//! The callers (guests' requests, the edge, the command line) choose the timeouts and translate the errors.

mod connector;
mod content;
mod counted;
mod error;
mod framing;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use http::request::Parts;
use http::{Request, Response, Version};
use http_body::Body;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, Error as LegacyError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use tokio::time::sleep_until;

use crate::clock;
use crate::limits::{
    MAX_IDLE_CONNECTIONS_PER_HOST, MAX_RESPONSE_HEADER_COUNT, OUTBOUND_IDLE_TIMEOUT,
};

pub(crate) use connector::{ConnectError, Connector};
pub(crate) use content::ReceivedBody;
pub(crate) use error::ClientError;

use content::{GivenBack, SendingBody, SendingProgress};
use counted::{Counted, Uses};

/// The limit of each wait during an exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// Until the connection is there.
    pub(crate) connect: Duration,
    /// From then, or from the last piece of the request's content, until the response's head.
    pub(crate) first_byte: Duration,
    /// Between two pieces of the response's content.
    pub(crate) between_bytes: Duration,
    /// The time by which the response must end, even if data still flows.
    pub(crate) deadline: Option<Instant>,
}

/// The protocols that a client offers over TLS. Without TLS it speaks HTTP/1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocols {
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 if the server offers it.
    Http1AndHttp2,
}

/// Sends requests over a pool of connections, which clones share. The connections belong to the Tokio runtime of the thread
/// that uses the client.
pub(crate) struct Client<B> {
    pool: Pool<B>,
}

type Pool<B> = legacy::Client<Counted<HttpsConnector<Connector>>, SendingBody<B>>;

impl<B> Clone for Client<B> {
    fn clone(&self) -> Self {
        let pool = self.pool.clone();
        Self { pool }
    }
}

impl<B> Client<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// A client that connects with `connector`.
    pub(crate) fn new(connector: Connector, protocols: Protocols) -> Self {
        Self::with_tls(tls(), connector, protocols)
    }

    /// The same for servers whose certificates come from these authorities, in the place of those that browsers trust.
    pub(crate) fn trusting(
        authorities: &[CertificateDer<'static>],
        connector: Connector,
        protocols: Protocols,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities.iter().cloned());
        let config = rustls::ClientConfig::builder().with_root_certificates(roots);
        Self::with_tls(config.with_no_client_auth(), connector, protocols)
    }

    fn with_tls(tls: rustls::ClientConfig, connector: Connector, protocols: Protocols) -> Self {
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1();
        let https = match protocols {
            Protocols::Http1 => https.wrap_connector(connector),
            Protocols::Http1AndHttp2 => https.enable_http2().wrap_connector(connector),
        };
        let pool = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(OUTBOUND_IDLE_TIMEOUT)
            .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS_PER_HOST)
            .http1_max_headers(MAX_RESPONSE_HEADER_COUNT)
            .build(Counted::new(https));
        Self { pool }
    }

    /// Sends a request to the authority of its target URI. Returns when the response's head has arrived.
    ///
    /// Dropping the future, or the response's body before its end, closes the connection.
    ///
    /// The other side may close a pooled connection just when a request is sent on it. Then the client sends the request
    /// once more on another connection: if nothing of it was sent, or if it is idempotent (RFC 9110 §9.2.2) and its content
    /// was not read.
    pub(crate) async fn send(
        &self,
        request: Request<B>,
        timeouts: Timeouts,
    ) -> Result<Response<ReceivedBody>, ClientError> {
        let sent = self.send_or_return(request, timeouts).await;
        sent.map_err(|unanswered| unanswered.error)
    }

    /// The same for a caller that may send the content elsewhere: a failure returns it if none of it was read.
    pub(crate) async fn send_or_return(
        &self,
        mut request: Request<B>,
        timeouts: Timeouts,
    ) -> Result<Response<ReceivedBody>, Unanswered<B>> {
        *request.version_mut() = Version::HTTP_11;
        let head = repeatable(&request);
        let given_back = GivenBack::new();
        let mut sent = self.attempt(request, &given_back, timeouts).await;
        if sent.as_ref().is_err_and(|failed| failed.may_repeat)
            && let Some(head) = head
            && let Some(content) = given_back.take()
        {
            let request = Request::from_parts(head, content);
            sent = self.attempt(request, &given_back, timeouts).await;
        }
        let unanswered = |error| Unanswered {
            error,
            content: given_back.take(),
        };
        let mut response = sent.map_err(|failed| unanswered(failed.error))?;
        framing::settle(&mut response).map_err(unanswered)?;
        Ok(response
            .map(|content| ReceivedBody::new(content, timeouts.between_bytes, timeouts.deadline)))
    }

    async fn attempt(
        &self,
        request: Request<B>,
        given_back: &GivenBack<B>,
        timeouts: Timeouts,
    ) -> Result<Response<hyper::body::Incoming>, Failed> {
        let progress = SendingProgress::begin(clock::now());
        let request =
            request.map(|content| SendingBody::new(content, progress.clone(), given_back));
        let response = self.pool.request(request);
        // The pool may share an attempt to connect between requests, so the connector has its own timeout. The timeout of
        // this request counts towards the wait for the first byte.
        let patience = timeouts.connect.saturating_add(timeouts.first_byte);
        tokio::select! {
            outcome = response => outcome.inspect(|response| Uses::count(response.extensions())).map_err(Failed::from),
            () = overdue(&progress, patience) => Err(Failed { error: ClientError::ResponseTimeout, may_repeat: false }),
            () = passed(timeouts.deadline) => {
                // The side that the exchange waited for is late.
                let error = if progress.waits_for_content() {
                    ClientError::RequestTimeout
                } else {
                    ClientError::ResponseTimeout
                };
                Err(Failed { error, may_repeat: false })
            }
        }
    }
}

/// A request without a response.
pub(crate) struct Unanswered<B> {
    /// The reason.
    pub(crate) error: ClientError,
    /// The request's content, if none of it was read.
    pub(crate) content: Option<B>,
}

/// A failed attempt.
struct Failed {
    error: ClientError,
    may_repeat: bool,
}

impl From<LegacyError> for Failed {
    fn from(failure: LegacyError) -> Self {
        let error = ClientError::from(&failure);
        let was_used = failure.connect_info().is_some_and(Uses::any);
        Self {
            may_repeat: was_used && error == ClientError::ConnectionTerminated,
            error,
        }
    }
}

/// The settings of TLS, which all clients share: the authorities that they trust take some 100 KiB.
fn tls() -> rustls::ClientConfig {
    static TLS: OnceLock<rustls::ClientConfig> = OnceLock::new();
    let make = || {
        let config = rustls::ClientConfig::builder().with_webpki_roots();
        config.with_no_client_auth()
    };
    TLS.get_or_init(make).clone()
}

/// A copy of the head, if the request may be sent again.
fn repeatable<B>(request: &Request<B>) -> Option<Parts> {
    request.method().is_idempotent().then(|| {
        let mut head = Request::new(()).into_parts().0;
        head.method = request.method().clone();
        head.uri = request.uri().clone();
        head.version = request.version();
        head.headers = request.headers().clone();
        head
    })
}

/// Waits until nothing has been sent for `patience`.
async fn overdue(progress: &SendingProgress, patience: Duration) {
    loop {
        let due = progress.last() + patience;
        sleep_until(due.into()).await;
        if progress.last() + patience <= due {
            return;
        }
    }
}

/// Waits for the deadline; for ever without one.
async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
