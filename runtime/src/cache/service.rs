//! The cache in front of the service that each worker of the server calls.

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
use edge_cache::{Asked, CacheBody, Passing, Route, Upstream, Way};
use futures::future::Either;
use http::header::{HeaderName, TRANSFER_ENCODING};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::service::Service;

use super::{EdgeCache, figures};
use crate::failure::Failure;
use crate::observe::{Metrics, RouteMetrics, Stage};
use crate::request::{RequestBody, RequestContext, ResponseBody};
use crate::server::{Background, InnerService};

/// Under what name requests are counted that went no further than the cache.
const COMPONENT: &str = "cache";

static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// For which hosts a response invalidates groups and paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupScope {
    /// For that which was asked, as RFC 9111 §4.4 and RFC 9875 §2 have it.
    Origin,
    /// For all, because the same app answers for all of them: a client that wrote by one name reads by another.
    AllHosts,
}

/// A service that knows before it is called which of its routes a request takes.
pub(crate) trait Routed {
    /// The route, if there is one.
    fn route(&self, target: &Uri) -> Option<Route>;
}

/// What becomes of a request.
type Outcome = Result<Response<ResponseBody>, Failure>;

/// Answers from the cache, and what is not there with an inner service.
pub(crate) enum CachedService<S> {
    /// With a cache.
    Cached(Rc<Parts<S>>),
    /// Without one, because the settings want none.
    Uncached(S),
}

pub(crate) struct Parts<S> {
    inner: S,
    cache: EdgeCache,
    scope: GroupScope,
    background: Background,
    /// Of requests that went no further.
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
    /// The answer to a request that passes the cache by, to which the inner service answers this.
    async fn pass(
        self: Rc<Self>,
        passing: Passing,
        response: S::Future,
        context: Arc<RequestContext>,
    ) -> Outcome {
        let response = response.await;
        let response = response.inspect_err(|_| context.set_cache_result(figures::FAILED))?;
        let (response, status) = self.cache.0.passed(&passing, response);
        context.set_cache_result(figures::result(&status));
        Ok(response)
    }

    async fn answer(
        self: Rc<Self>,
        asked: Asked<RequestBody, ReportingBody>,
        target: Option<Uri>,
        context: Arc<RequestContext>,
    ) -> Outcome {
        let exchange = Rc::new(Exchange {
            parts: Rc::clone(&self),
            context: Arc::clone(&context),
            target,
            answered: Cell::new(false),
            trailer: RefCell::default(),
        });
        let upstream = ToInner(Rc::clone(&exchange));
        let served = self.cache.0.handle(asked, upstream).await;
        exchange.answered.set(true);
        let mut served = served.inspect_err(|_| context.set_cache_result(figures::FAILED))?;
        exchange.keep_trailer(&served.status, served.response.headers_mut());
        self.tell(&context, &served.status);
        if let Some(work) = served.background {
            self.background.spawn(work);
        }
        Ok(served.response.map(content))
    }

    /// Tells log and metrics how the cache took part in a response.
    fn tell(&self, context: &RequestContext, status: &CacheStatus) {
        context.set_cache_result(figures::result(status));
        if context.route().is_none() {
            context.set_route(&self.metrics);
        }
    }
}

/// A client's request, on whose account the inner service is called: once or more, and perhaps when it is long over.
struct Exchange<S> {
    parts: Rc<Parts<S>>,
    context: Arc<RequestContext>,
    /// As the client wrote it, if the cache calls it by another name.
    target: Option<Uri>,
    /// Whether the client has its response.
    answered: Cell<bool>,
    /// `Trailer` of the last response of the inner service.
    trailer: RefCell<Option<HeaderValue>>,
}

/// The way of one exchange to the inner service.
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
        restore(&mut request, exchange.target.clone());
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
    /// What is stored has no trailer section, so the cache takes away what announces one. A response that only passes
    /// through has it still.
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
    /// Invalidates what a change makes outdated beyond the host that was asked: groups, its own path, and those of
    /// `Location` and `Content-Location`. The cache itself does so for that host.
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
            .purge_in_turns(&outdated, PurgeMode::Hard)
            .await;
        self.cache.0.tell_shared_level().await;
    }
}

/// A request that may change a resource.
struct Change {
    method: Method,
    /// Of the resource; none where it is not one that is stored, such as a URL that is too long.
    key: Option<CacheKey>,
}

impl Change {
    fn of(request: &Request<RequestBody>) -> Option<Self> {
        let method = request.method();
        (!method.is_safe()).then(|| Self {
            method: method.clone(),
            key: CacheKey::of_request(request),
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
        let target = name_scheme(&mut request);
        let is_safe = request.method().is_safe();
        let asked = match parts.cache.0.way(request) {
            Way::Answered(response, status) => {
                parts.tell(&context, &status);
                return Either::Left(ready(Ok(response.map(content))));
            }
            Way::Past(passing, mut request) => {
                restore(&mut request, target);
                let response = parts.inner.call(request);
                let pass = Rc::clone(parts).pass(passing, response, context);
                return Either::Right(Box::pin(pass));
            }
            Way::Through(asked) => asked,
        };
        let answer = Rc::clone(parts).answer(asked, target, context);
        if is_safe {
            return Either::Right(Box::pin(answer));
        }
        // A change is seen through also when its client leaves: it may have been made by then, and what it has made
        // outdated is told by its response.
        let change = parts.background.spawn(answer);
        Either::Right(Box::pin(async move {
            change.await.unwrap_or(Err(Failure::Internal))
        }))
    }
}

/// Gives a request its target back.
fn restore(request: &mut Request<RequestBody>, target: Option<Uri>) {
    if let Some(target) = target {
        *request.uri_mut() = target;
    }
}

/// The content as the server sends it. What only passes through needs nobody between: the server itself tells the log how
/// it ends.
fn content(body: CacheBody<ReportingBody>) -> ResponseBody {
    match body.into_forwarded().map_err(CacheBody::into_whole) {
        Ok(passing) => passing.content,
        Err(Ok(whole)) => ResponseBody::Full(whole),
        Err(Err(stored)) => ResponseBody::Streamed(stored.boxed_unsync()),
    }
}

/// The server has taken the framing from the fields; the cache tells by them whether a request has content.
fn mark_content(request: &mut Request<RequestBody>) {
    let is_told = request.headers().contains_key(header::CONTENT_LENGTH);
    if !is_told && !request.body().is_end_stream() {
        let chunked = HeaderValue::from_static("chunked");
        request.headers_mut().insert(TRANSFER_ENCODING, chunked);
    }
}

/// What a trusted proxy has received by https is another resource than what it has received by http. Gives the target as it
/// was, if it is changed for that.
fn name_scheme(request: &mut Request<RequestBody>) -> Option<Uri> {
    let headers = request.headers();
    let is_https = headers
        .get(&X_FORWARDED_PROTO)
        .is_some_and(|scheme| scheme.as_bytes().eq_ignore_ascii_case(b"https"));
    let host = headers.get(header::HOST).filter(|_| is_https)?;
    let slash = PathAndQuery::from_static("/");
    let path = request.uri().path_and_query().cloned().unwrap_or(slash);
    let uri = Uri::builder()
        .scheme(Scheme::HTTPS)
        .authority(host.as_bytes());
    let uri = uri.path_and_query(path).build().ok()?;
    Some(std::mem::replace(request.uri_mut(), uri))
}

pin_project_lite::pin_project! {
    /// The content of a response on its way into the cache, which tells the log why it broke off: those who read it from
    /// the cache learn only that it did.
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
