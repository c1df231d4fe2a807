//! The HTTP client behind every request that this process sends: a pool of connections, and a deadline for each wait.
//! Whose request it is, and what its sender is told of a failure, is left to the callers.

mod connector;
mod content;
mod counted;
mod error;
mod framing;

use std::time::{Duration, Instant};

use http::request::Parts;
use http::{Request, Response, Version};
use http_body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, Error as LegacyError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
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

/// How long each wait of an exchange may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// Until there is a connection.
    pub(crate) connect: Duration,
    /// From then, or from the last piece of the request's content, until the head of the response.
    pub(crate) first_byte: Duration,
    /// Between two pieces of the response's content.
    pub(crate) between_bytes: Duration,
    /// When the response must have ended, whatever moves.
    pub(crate) deadline: Option<Instant>,
}

/// What a client may speak with servers that it reaches by TLS, which choose. With others it speaks HTTP/1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocols {
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 where the other server has it.
    Http1AndHttp2,
}

/// Sends requests over connections that it keeps. Its connections belong to the runtime of the thread that uses it.
/// Clones share them.
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
    /// A client that makes its connections with `connector`.
    pub(crate) fn new(connector: Connector, protocols: Protocols) -> Self {
        let https = HttpsConnectorBuilder::new()
            .with_webpki_roots()
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

    /// Sends a request to the authority of its target URI, and returns the response as soon as its head is there.
    ///
    /// Dropping the future, or the response's body before its end, closes the connection.
    ///
    /// A kept connection may have been closed by the other side while the request was on its way. Then the request is
    /// sent once more on another one, if none of it was sent, or if it is idempotent (RFC 9110 §9.2.2) and nothing of its
    /// content was taken.
    pub(crate) async fn send(
        &self,
        mut request: Request<B>,
        timeouts: Timeouts,
    ) -> Result<Response<ReceivedBody>, ClientError> {
        *request.version_mut() = Version::HTTP_11;
        let again = repeatable(&request).map(|head| (head, GivenBack::new()));
        let given_back = again.as_ref().map(|(_, given_back)| given_back);
        let mut sent = self.attempt(request, given_back, timeouts).await;
        if sent.as_ref().is_err_and(|failed| failed.may_repeat)
            && let Some((head, given_back)) = again
            && let Some(content) = given_back.take()
        {
            let request = Request::from_parts(head, content);
            sent = self.attempt(request, None, timeouts).await;
        }
        let mut response = sent.map_err(|failed| failed.error)?;
        framing::settle(&mut response)?;
        Ok(response
            .map(|content| ReceivedBody::new(content, timeouts.between_bytes, timeouts.deadline)))
    }

    async fn attempt(
        &self,
        request: Request<B>,
        given_back: Option<&GivenBack<B>>,
        timeouts: Timeouts,
    ) -> Result<Response<hyper::body::Incoming>, Failed> {
        let progress = SendingProgress::begin(clock::now());
        let request =
            request.map(|content| SendingBody::new(content, progress.clone(), given_back));
        let response = self.pool.request(request);
        // The pool may connect on behalf of another request, so a connection is bounded by the client's own time; a
        // shorter bound of this request adds to the wait for its first byte.
        let patience = timeouts.connect.saturating_add(timeouts.first_byte);
        tokio::select! {
            outcome = response => outcome.inspect(|response| Uses::count(response.extensions())).map_err(Failed::from),
            () = overdue(&progress, patience) => Err(Failed { error: ClientError::ResponseTimeout, may_repeat: false }),
            () = passed(timeouts.deadline) => {
                // Whoever was waited for is late.
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

/// An attempt that came to nothing.
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

/// The head to send again, if the request may be.
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

/// Waits until nothing was sent for as long as `patience`.
async fn overdue(progress: &SendingProgress, patience: Duration) {
    loop {
        let due = progress.last() + patience;
        sleep_until(due.into()).await;
        if progress.last() + patience <= due {
            return;
        }
    }
}

/// Waits for a deadline, if there is one.
async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
