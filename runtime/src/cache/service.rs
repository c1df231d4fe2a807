//! The cache in front of the service of a worker: a hit is answered here, and any other request goes on to the inner
//! service. How the cache decides is in `edge-cache`.

use std::cell::{Cell, RefCell};
use std::future::{Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{self, Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use edge_cache::rules::cache_status::CacheStatus;
use edge_cache::rules::key::CacheKey;
use edge_cache::rules::{groups, invalidation};
use edge_cache::store::{Purge, PurgeMode};
use edge_cache::{Bypass, CacheBody, Lookup, Pending, Route, Upstream};
use futures::future::Either;
use http::header::TRANSFER_ENCODING;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::service::Service;

use super::{EdgeCache, figures};
use crate::failure::Failure;
use crate::observe::{Metrics, RouteMetrics, Stage};
use crate::request::{RequestBody, RequestContext, ResponseBody};
use crate::server::{Background, InnerService};

/// The component to which requests are counted that the cache answers.
const COMPONENT: &str = "cache";

/// The hosts for which a response invalidates groups and paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupScope {
    /// The host of the request (RFC 9111 §4.4, RFC 9875 §2).
    Origin,
    /// All hosts, since the same app answers for each: a client may write under one name and read under another.
    AllHosts,
}

/// A service that knows the route of a request before it is called.
pub(crate) trait Routed {
    /// The route, if there is one.
    fn route(&self, target: &Uri) -> Option<Route>;
}

/// The answer to a request.
type Outcome = Result<Response<ResponseBody>, Failure>;

/// A service with a cache in front of it, or without one.
pub(crate) enum CachedService<S> {
    /// The settings want a cache.
    Cached(Rc<Parts<S>>),
    /// The settings want none.
    Uncached(S),
}

pub(crate) struct Parts<S> {
    inner: S,
    cache: EdgeCache,
    scope: GroupScope,
    background: Background,
    /// Of requests that the cache answered.
    metrics: Arc<RouteMetrics>,
}

impl<S: InnerService> CachedService<S> {
    /// Puts `cache`, if there is one, before the `inner` service of a worker.
    pub(crate) fn new(
        inner: S,
        cache: Option<EdgeCache>,
        scope: GroupScope,
        background: Background,
        metrics: &Metrics,
    ) -> Self {
        let Some(cache) = cache else {
            return Self::Uncached(inner);
        };
        let parts = Parts {
            inner,
            cache,
            scope,
            background,
            metrics: metrics.route(&metrics.component(COMPONENT), ""),
        };
        Self::Cached(Rc::new(parts))
    }
}

impl<S: InnerService + Routed> Parts<S> {
    /// The answer to a request that bypasses the cache. The cache sees the response of the inner service.
    async fn bypass(
        self: Rc<Self>,
        bypass: Bypass,
        response: S::Future,
        context: Arc<RequestContext>,
    ) -> Outcome {
        let response = response.await;
        let response = response.inspect_err(|_| context.set_cache_result(figures::FAILED))?;
        let (response, status) = self.cache.0.bypassed(&bypass, response);
        context.set_cache_result(figures::result(&status));
        Ok(response)
    }

    async fn forward(
        self: Rc<Self>,
        pending: Pending<RequestBody, ReportingBody>,
        context: Arc<RequestContext>,
    ) -> Outcome {
        let exchange = Rc::new(Exchange {
            parts: Rc::clone(&self),
            context: Arc::clone(&context),
            answered: Cell::new(false),
            trailer: RefCell::default(),
        });
        let upstream = ToInner(Rc::clone(&exchange));
        let served = pending.forward(upstream).await;
        exchange.answered.set(true);
        let mut served = served.inspect_err(|_| context.set_cache_result(figures::FAILED))?;
        exchange.keep_trailer(&served.status, served.response.headers_mut());
        self.tell(&context, &served.status);
        if let Some(work) = served.background {
            self.background.spawn(work);
        }
        Ok(served.response.map(content))
    }

    /// Reports to log and metrics how the cache took part in a response.
    fn tell(&self, context: &RequestContext, status: &CacheStatus) {
        context.set_cache_result(figures::result(status));
        if context.route().is_none() {
            context.set_route(&self.metrics);
        }
    }
}

/// A client's request. The inner service may be called several times for it, also after its response.
struct Exchange<S> {
    parts: Rc<Parts<S>>,
    context: Arc<RequestContext>,
    /// Whether the client has its response.
    answered: Cell<bool>,
    /// `Trailer` of the last response of the inner service.
    trailer: RefCell<Option<HeaderValue>>,
}

/// The upstream of one exchange: the inner service.
struct ToInner<S>(Rc<Exchange<S>>);

impl<S> Clone for ToInner<S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<S: InnerService + Routed> Upstream for ToInner<S> {
    type Content = RequestBody;
    type Body = ReportingBody;
    type Error = Failure;

    async fn forward(
        &self,
        mut request: Request<RequestBody>,
    ) -> Result<Response<ReportingBody>, Failure> {
        let exchange = &self.0;
        request.headers_mut().remove(TRANSFER_ENCODING);
        let mut context = Arc::clone(&exchange.context);
        if exchange.answered.get() {
            context = Arc::new(context.outlived());
        }
        request.body_mut().set_context(Arc::clone(&context));
        let change = Change::of(&request);
        let response = exchange.parts.inner.call(request).await?;
        exchange.parts.invalidate(change, &response).await;
        let trailer = response.headers().get(header::TRAILER).cloned();
        exchange.trailer.replace(trailer);
        Ok(response.map(|content| ReportingBody { content, context }))
    }

    fn sleep(&self, time: Duration) -> impl Future<Output = ()> {
        tokio::time::sleep(time)
    }

    fn route(&self, target: &Uri) -> Option<Route> {
        self.0.parts.inner.route(target)
    }
}

impl<S> Exchange<S> {
    /// Adds `Trailer` again to a response that was passed on. The cache removes it, since a stored response has no trailer
    /// section.
    fn keep_trailer(&self, status: &CacheStatus, headers: &mut HeaderMap) {
        let passes_through = status.forward_reason.is_some()
            && status.time_to_live.is_none()
            && !status.stored
            && !status.collapsed;
        if passes_through && let Some(trailer) = self.trailer.take() {
            headers.insert(header::TRAILER, trailer);
        }
    }
}

impl<S> Parts<S> {
    /// Invalidates on all hosts what the cache itself invalidates on the host of the request: its path, those of `Location`
    /// and `Content-Location`, and groups.
    async fn invalidate(&self, change: Option<Change>, response: &Response<ResponseBody>) {
        let Some(Change { method, key }) = change.filter(|_| self.scope == GroupScope::AllHosts)
        else {
            return;
        };
        if !invalidation::invalidates(&method, response.status()) {
            return;
        }
        let keys = key
            .iter()
            .flat_map(|key| invalidation::invalidated_keys(key, response.headers()));
        let paths = keys.map(|key| Purge::path_of(&key));
        let groups = groups::invalidated_groups(response.headers()).into_iter();
        let groups = groups.map(|group| Purge::Group {
            origin: None,
            group,
        });
        let outdated: Vec<Purge> = paths.chain(groups).collect();
        self.cache
            .0
            .purge_yielding(&outdated, PurgeMode::Hard)
            .await;
        self.cache.0.tell_shared_level().await;
    }
}

/// A request that may change a resource.
struct Change {
    method: Method,
    /// The key of the resource. For a URL that is too long it is that of the path, which invalidates more than was changed.
    key: Option<CacheKey>,
}

impl Change {
    fn of(request: &Request<RequestBody>) -> Option<Self> {
        let method = request.method();
        (!method.is_safe()).then(|| Self {
            method: method.clone(),
            key: CacheKey::of_request(request).or_else(|| CacheKey::without_query(request)),
        })
    }
}

impl<S: InnerService + Routed> Service<Request<RequestBody>> for CachedService<S> {
    type Response = Response<ResponseBody>;
    type Error = Failure;
    type Future = Either<Ready<Outcome>, Pin<Box<dyn Future<Output = Outcome>>>>;

    fn call(&self, mut request: Request<RequestBody>) -> Self::Future {
        let parts = match self {
            Self::Cached(parts) => parts,
            Self::Uncached(inner) => return Either::Right(Box::pin(inner.call(request))),
        };
        let Some(context) = request.body().context().cloned() else {
            return Either::Left(ready(Err(Failure::Internal)));
        };
        context.enter(Stage::Cache);
        mark_content(&mut request);
        let is_safe = request.method().is_safe();
        let pending = match parts.cache.0.lookup(request) {
            Lookup::Hit(response, status) => {
                parts.tell(&context, &status);
                return Either::Left(ready(Ok(response.map(content))));
            }
            Lookup::Bypass(bypass, request) => {
                let response = parts.inner.call(request);
                let bypass = Rc::clone(parts).bypass(bypass, response, context);
                return Either::Right(Box::pin(bypass));
            }
            Lookup::Forward(pending) => pending,
        };
        let forward = Rc::clone(parts).forward(pending, context);
        if is_safe {
            return Either::Right(Box::pin(forward));
        }
        // A change goes on when its client leaves: it may have been made, and its response says what to invalidate.
        let change = parts.background.spawn(forward);
        Either::Right(Box::pin(async move {
            change.await.unwrap_or(Err(Failure::Internal))
        }))
    }
}

/// The content for the server. A body that is passed on needs no [`ReportingBody`]: the server logs how it ends.
fn content(body: CacheBody<ReportingBody>) -> ResponseBody {
    match body.into_forwarded().map_err(CacheBody::into_whole) {
        Ok(passing) => passing.content,
        Err(Ok(whole)) => ResponseBody::Full(whole),
        Err(Err(stored)) => ResponseBody::Streamed(stored.boxed_unsync()),
    }
}

/// Tells the cache by the fields that a request has content. The server has removed those of the framing.
fn mark_content(request: &mut Request<RequestBody>) {
    let is_told = request.headers().contains_key(header::CONTENT_LENGTH);
    if !is_told && !request.body().is_end_stream() {
        let chunked = HeaderValue::from_static("chunked");
        request.headers_mut().insert(TRANSFER_ENCODING, chunked);
    }
}

pin_project_lite::pin_project! {
    /// The content of a response for the cache, which logs why it broke off: readers of stored content learn only that it
    /// did.
    struct ReportingBody {
        #[pin]
        content: ResponseBody,
        context: Arc<RequestContext>,
    }
}

impl Body for ReportingBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = self.project();
        let frame = task::ready!(this.content.poll_frame(context));
        if let Some(Err(failure)) = &frame {
            this.context.fail(failure.clone());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}
