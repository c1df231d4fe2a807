//! Owns the stages of a request that the server does itself: `accept` and `limit`. `respond` is its exchange's, and the
//! order of all of them the pipeline's.

use std::sync::Arc;
use std::time::Instant;

use http::Request;
use http::request::Parts;
use hyper::body::Incoming;

use super::ServerConfig;
use super::connection::Arrival;
use super::exchange::Exchange;
use super::head;
use super::sanitise::sanitise;
use crate::failure::Failure;
use crate::observe::{Observer, Stage};
use crate::request::{
    Caller, EndsBy, IdSource, Pace, RequestBody, RequestContext, RequestId, TraceContext,
    WebSocketWanted, X_REQUEST_ID,
};

/// The server's own stages on one worker.
#[derive(Debug)]
pub struct ServerStages {
    ids: IdSource,
    config: Arc<ServerConfig>,
    observer: Arc<Observer>,
}

impl ServerStages {
    pub(super) fn new(config: Arc<ServerConfig>, observer: Arc<Observer>) -> Self {
        Self {
            ids: IdSource::from_system(),
            config,
            observer,
        }
    }

    /// Judges the head of a request, removes what its client may not set, and names it. From here on its exchange guarantees
    /// one log line and one metric sample.
    pub fn accept(&self, arrival: Arrival) -> (Exchange, Result<Request<Incoming>, Failure>) {
        let Arrival {
            request,
            connection,
            received,
            exchange,
        } = arrival;
        let (mut head, content) = request.into_parts();
        // The head as it came is judged before any of it is removed.
        let judged = head::check(&head, &connection, self.config.limits.max_header_count);
        if judged.is_ok() {
            head::complete_host(&mut head, connection.local);
        }
        let wants_websocket = head::wants_websocket(&head);
        if connection.peer_is_trusted
            && let Some(end) = EndsBy::read(&head.headers, received)
        {
            head.extensions.insert(end);
        }
        let client = sanitise(&mut head, &connection, &self.config.trusted_proxies);
        if wants_websocket {
            head.extensions.insert(WebSocketWanted);
        }
        let id = self.request_id(&head, connection.peer_is_trusted);
        let trace = TraceContext::join(&mut head.headers, &self.ids);
        let caller = Caller::Client(client);
        let context = Arc::new(RequestContext::new(id, caller, trace, received));
        exchange.begin_request(head.version, &context);
        let exchange = Exchange::begin(context, &head, Arc::clone(&self.observer));
        (
            exchange,
            judged.map(|()| Request::from_parts(head, content)),
        )
    }

    /// Bounds the content of a request, in bytes and in time.
    pub fn limit(
        &self,
        request: Request<Incoming>,
        context: &Arc<RequestContext>,
        now: Instant,
    ) -> Request<RequestBody> {
        context.enter_at(Stage::Limit, now);
        let limits = &self.config.limits;
        let pace = Pace::new(limits.body_progress_timeout, limits.min_rate);
        let context = Arc::clone(context);
        request
            .map(|content| RequestBody::from_client(content, context, limits.max_body_bytes, pace))
    }

    /// The id that a trusted proxy gave the request, else a new one.
    fn request_id(&self, head: &Parts, peer_is_trusted: bool) -> RequestId {
        let is_believed = peer_is_trusted && self.config.trusted_proxies.set(X_REQUEST_ID.as_str());
        let given = is_believed.then(|| head.headers.get(&X_REQUEST_ID));
        given
            .flatten()
            .and_then(RequestId::given)
            .unwrap_or_else(|| RequestId::generate(&self.ids))
    }
}
