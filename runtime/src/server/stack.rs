//! A request's way through the server, from its head to its response, as one straight line: the stages `accept`, `limit`
//! and `respond`. Each has modules of its own; the stages between them are left to the inner service.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use http::request::Parts;
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::Service;

use super::ServerConfig;
use super::drain::DrainSignal;
use super::exchange::{Exchange, ExchangeBody};
use super::interim::InterimSource;
use super::message;
use super::phase::ConnectionPhase;
use super::sanitise::sanitise;
use crate::failure::Failure;
use crate::observe::{Observer, Stage};
use crate::request::{
    Caller, IdSource, Pace, RequestBody, RequestContext, RequestId, ResponseBody, TraceContext,
    X_REQUEST_ID,
};

/// The stages of one worker thread, around its inner service.
#[derive(Debug)]
pub(crate) struct Stack<S> {
    /// `CachedService<AppService>` in `terrace up`, `CachedService<OriginService>` in `terrace edge`: the stages from `cache`
    /// on (`cache/service.rs`, then `serving/app_service.rs` or `edge/origin_service.rs`).
    pub(crate) inner: S,
    pub(crate) ids: IdSource,
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) observer: Arc<Observer>,
}

/// Where and when a request came in.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) connection: Rc<ConnectionFacts>,
    pub(crate) received: Instant,
}

/// What the requests of one connection have in common.
#[derive(Debug)]
pub(crate) struct ConnectionFacts {
    pub(crate) peer: SocketAddr,
    /// The address that the client has connected to.
    pub(crate) local: SocketAddr,
    /// Whether the peer is a trusted proxy: decided once per connection.
    pub(crate) peer_is_trusted: bool,
    pub(crate) phase: Rc<ConnectionPhase>,
    pub(crate) drain: Rc<DrainSignal>,
    pub(crate) interim: Rc<InterimSource>,
}

/// What answers the requests of one worker thread. Anything that fits this shape of hyper's [`Service`] is one.
///
/// It takes `&self`, so that a request neither clones nor waits for it; what must wait (a queue, a limit) does
/// so inside the future. Neither it nor its future leaves its thread, so both may hold what is not `Send`.
pub trait InnerService:
    Service<Request<RequestBody>, Response = Response<ResponseBody>, Error = Failure> + 'static
{
}

impl<S> InnerService for S where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>, Error = Failure> + 'static
{
}

impl<S: InnerService> Stack<S> {
    /// Serves one request. Dropping the future, as hyper does when the client is gone, drops the inner
    /// service's future with it; that is what cancels the guest.
    pub(crate) async fn serve(
        self: Rc<Self>,
        request: Request<Incoming>,
        arrival: Arrival,
    ) -> Result<Response<ExchangeBody>, Infallible> {
        let Arrival {
            connection,
            received,
        } = arrival;
        let (mut head, content) = request.into_parts();
        // The head as it came is judged before any of it is removed.
        let judged = message::check(&head, connection.peer_is_trusted);
        if judged.is_ok() {
            message::complete_host(&mut head, connection.local);
        }
        let trusted = &self.config.trusted_proxies;
        let client = sanitise(
            &mut head,
            connection.peer,
            connection.peer_is_trusted,
            trusted,
        );
        let id = self.request_id(&head, connection.peer_is_trusted);
        let trace = TraceContext::join(&mut head.headers, &self.ids);
        let caller = Caller::Client(client);
        let context = Arc::new(RequestContext::new(id, caller, trace, received));
        if head.version == Version::HTTP_11 {
            context.interim().open();
            connection.interim.follow(Arc::clone(&context));
        }
        let observer = Arc::clone(&self.observer);
        let exchange = Exchange::begin(
            Arc::clone(&context),
            &head,
            Rc::clone(&connection.phase),
            observer,
        );
        let outcome = match judged {
            Ok(()) => self.call_inner(head, content, context).await,
            Err(failure) => Err(failure),
        };
        exchange.context().interim().close();
        Ok(exchange.respond(outcome, connection.drain.has_begun()))
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

    async fn call_inner(
        &self,
        head: Parts,
        content: Incoming,
        context: Arc<RequestContext>,
    ) -> Result<Response<ResponseBody>, Failure> {
        context.enter(Stage::Limit);
        let limits = &self.config.limits;
        let pace = Pace::new(limits.body_progress_timeout, limits.min_rate);
        let content = RequestBody::from_client(content, context, limits.max_body_bytes, pace);
        self.inner.call(Request::from_parts(head, content)).await
    }
}
