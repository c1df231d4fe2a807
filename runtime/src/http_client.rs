//! The HTTP client for all requests of this process: a pool of connections for each server, and a timeout for each wait.
//! The callers (guests' requests, the edge, the command line) choose the timeouts and translate the errors.

mod connection;
mod connector;
mod error;
mod framing;
mod handshake;
mod pool;
mod received;
mod sending;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri};
use http_body::Body;
use hyper::body::Incoming;
use parking_lot::Mutex;
use rustls::ClientConfig;
use tokio::time::sleep_until;

use crate::clock;
use crate::limits::MIN_POOLS_SWEPT;

pub(crate) use connector::{ConnectError, Connector};
pub(crate) use error::ClientError;
pub(crate) use received::ReceivedBody;

use pool::{Held, Pool};
use sending::{Sending, SendingBody};

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

/// The protocols that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocols {
    /// HTTP/1.1 only.
    Http1,
    /// With TLS, HTTP/2 if the server offers it. Without TLS, HTTP/1.1.
    Http2OverTls,
    /// The same, but HTTP/2 without TLS too, by prior knowledge (RFC 9113 §3.3).
    Http2,
}

/// Sends requests over pools of connections, which clones share. The connections belong to the Tokio runtime of the thread
/// that uses the client.
pub(crate) struct Client<B: Send + 'static> {
    servers: Arc<Servers<B>>,
}

struct Servers<B: Send + 'static> {
    connector: Connector,
    protocols: Protocols,
    tls: Arc<ClientConfig>,
    pools: Mutex<Pools<B>>,
}

/// The connections to each server.
struct Pools<B: Send + 'static> {
    by_server: HashMap<(Scheme, Authority), Arc<Pool<B>>, foldhash::fast::RandomState>,
    /// Those without connections are removed once there are so many pools.
    swept_at: usize,
}

impl<B: Send + 'static> Clone for Client<B> {
    fn clone(&self) -> Self {
        let servers = Arc::clone(&self.servers);
        Self { servers }
    }
}

impl<B: Content> Client<B> {
    /// A client that connects with `connector`.
    pub(crate) fn new(connector: Connector, protocols: Protocols) -> Self {
        let pools = Pools {
            by_server: HashMap::default(),
            swept_at: MIN_POOLS_SWEPT,
        };
        let servers = Arc::new(Servers {
            tls: handshake::tls(connector.authorities.as_ref(), protocols),
            connector,
            protocols,
            pools: Mutex::new(pools),
        });
        Self { servers }
    }

    /// Sends a request to the authority of its target URI. Returns when the response's head has arrived.
    ///
    /// Dropping the future, or the response's body before its end, closes the connection, or resets the stream of HTTP/2.
    ///
    /// The other side may close a pooled connection just when a request is sent on it. Then the client sends the request
    /// again on another connection if nothing of it was sent, and once more if it is idempotent (RFC 9110 §9.2.2) or was
    /// refused unseen (RFC 9113 §8.7), and its content was not read.
    pub(crate) async fn send(
        &self,
        request: Request<B>,
        timeouts: Timeouts,
    ) -> Result<Response<ReceivedBody<B>>, ClientError> {
        let sent = self.send_or_return(request, timeouts).await;
        sent.map_err(|unanswered| unanswered.error)
    }

    /// The same for a caller that may send the content elsewhere: a failure returns it if none of it was read.
    pub(crate) async fn send_or_return(
        &self,
        request: Request<B>,
        timeouts: Timeouts,
    ) -> Result<Response<ReceivedBody<B>>, Unanswered<B>> {
        let sent = Sending::begin(clock::now());
        let exchanged = tokio::select! {
            exchanged = self.exchange(request, &sent) => exchanged,
            error = late(&sent, timeouts) => Err(error),
        };
        let unanswered = |error| Unanswered {
            error,
            content: sent.take_unread(),
        };
        let (mut response, held) = exchanged.map_err(unanswered)?;
        framing::settle(&mut response).map_err(unanswered)?;
        Ok(response.map(|content| {
            ReceivedBody::new(content, held, timeouts.between_bytes, timeouts.deadline)
        }))
    }

    /// Sends a request on a connection, or on further ones if it turns out closed.
    async fn exchange(
        &self,
        request: Request<B>,
        sent: &Arc<Sending<B>>,
    ) -> Result<(Response<Incoming>, Held<B>), ClientError> {
        let pool = self.pool(request.uri())?;
        let mut request = request.map(|content| SendingBody::new(content, sent));
        let mut is_second = false;
        loop {
            let mut held = pool.acquire(is_second).await?;
            // A copy is taken only where it may be needed.
            let may_repeat = !is_second && held.is_used() && request.method().is_idempotent();
            let may_repeat = may_repeat || !is_second && held.is_http2();
            let head = may_repeat.then(|| request_of(&request));
            let mut failed = match held.send(request).await {
                Ok(response) => return Ok((response, held)),
                Err(failed) => failed,
            };
            let error = ClientError::of_exchange(failed.error());
            if let Some(unsent) = failed.take_message().filter(|_| held.is_used()) {
                request = unsent;
                continue;
            }
            let is_refused = error::is_refused(failed.error());
            drop(failed);
            let is_closed = held.is_used() && error == ClientError::ConnectionTerminated;
            let head = head.filter(|head| is_refused || is_closed && head.method().is_idempotent());
            let Some((head, content)) = head.zip(sent.take_unread()) else {
                return Err(error);
            };
            request = head.map(|()| SendingBody::new(content, sent));
            is_second = true;
        }
    }

    fn pool(&self, server: &Uri) -> Result<Arc<Pool<B>>, ClientError> {
        let (Some(scheme), Some(authority)) = (server.scheme(), server.authority()) else {
            return Err(ClientError::DestinationUnavailable);
        };
        let mut pools = self.servers.pools.lock();
        let key = (scheme.clone(), authority.clone());
        if let Some(pool) = pools.by_server.get(&key) {
            return Ok(Arc::clone(pool));
        }
        if pools.by_server.len() >= pools.swept_at {
            pools.by_server.retain(|_, pool| !pool.is_unused());
            pools.swept_at = MIN_POOLS_SWEPT.max(pools.by_server.len() * 2);
        }
        let (connector, tls) = (
            self.servers.connector.clone(),
            Arc::clone(&self.servers.tls),
        );
        let pool = Pool::new(connector, server.clone(), self.servers.protocols, tls);
        pools.by_server.insert(key, Arc::clone(&pool));
        Ok(pool)
    }
}

/// The content of a request.
pub(crate) trait Content:
    Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + Unpin + 'static
{
}

impl<B> Content for B where
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static
{
}

/// A request without a response.
pub(crate) struct Unanswered<B> {
    /// The reason.
    pub(crate) error: ClientError,
    /// The request's content, if none of it was read.
    pub(crate) content: Option<B>,
}

/// A copy of the head.
fn request_of<B>(request: &Request<B>) -> Request<()> {
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.headers_mut() = request.headers().clone();
    *head.extensions_mut() = request.extensions().clone();
    head
}

/// Waits until the request is late: nothing has been sent for too long, or the deadline has passed. Connecting counts
/// towards the wait for the first byte; the connector has its own timeout.
async fn late<B>(sent: &Sending<B>, timeouts: Timeouts) -> ClientError {
    let patience = timeouts.connect.saturating_add(timeouts.first_byte);
    loop {
        let due = sent.last() + patience;
        let due = timeouts.deadline.map_or(due, |deadline| deadline.min(due));
        sleep_until(due.into()).await;
        if timeouts.deadline.is_some_and(|deadline| deadline <= due) {
            // The side that the exchange waited for is late.
            return match sent.waits_for_content() {
                true => ClientError::RequestTimeout,
                false => ClientError::ResponseTimeout,
            };
        }
        if sent.last() + patience <= due {
            return ClientError::ResponseTimeout;
        }
    }
}

#[cfg(test)]
mod tests;
