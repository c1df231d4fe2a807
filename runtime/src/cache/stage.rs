//! Owns the stage `cache` of a worker's requests: looks for a stored response, and stores the responses of the next stage.
//! The behaviour of a cache is left to the crate `edge-cache`, the order of the stages to the pipeline.

mod content;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use edge_cache::rules::cache_status::CacheStatus;
use edge_cache::rules::key::CacheKey;
use edge_cache::rules::{groups, invalidation};
use edge_cache::store::{Purge, PurgeMode};
use edge_cache::{Route, Upstream};
use futures::future::LocalBoxFuture;
use http::header::TRANSFER_ENCODING;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use http_body::Body;

use self::content::{ReportingBody, content};
use super::bookmark::Bookmark;
use super::bookmarks::Bookmarks;
use super::simplify::{simple_key, simplify};
use super::{EdgeCache, figures};
use crate::failure::Failure;
use crate::observe::{Metrics, RouteMetrics, Stage};
use crate::request::{EndsBy, RequestBody, RequestContext, ResponseBody, WebSocketWanted};
use crate::server::Background;
use crate::state::State;

/// The label `component` of requests that the cache has answered.
const COMPONENT: &str = "cache";

/// The hosts for which a response invalidates groups and paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupScope {
    /// The host of the request (RFC 9111 §4.4, RFC 9875 §2).
    Origin,
    /// All hosts, since the same app answers for each: a client may write under one name and read under another.
    AllHosts,
}

/// A response, or the failure that came instead.
type Outcome = Result<Response<ResponseBody>, Failure>;

/// The stage behind the cache. The cache may call it several times for one request, and also when the client has its
/// response.
pub(crate) trait NextStage: 'static {
    /// Answers a request.
    fn answer(
        &self,
        request: Request<RequestBody>,
        context: Arc<RequestContext>,
    ) -> impl Future<Output = Outcome>;

    /// The route that a request for `target` takes, where that is known.
    fn route(&self, target: &Uri) -> Option<Route>;
}

/// The cache on one worker.
pub(crate) struct CacheStage {
    bookmarks: Bookmarks,
    /// None if the settings want no cache.
    parts: Option<Rc<Parts>>,
}

struct Parts {
    bookmarks: Bookmarks,
    cache: EdgeCache,
    scope: GroupScope,
    background: Background,
    /// Of requests that the cache has answered.
    metrics: Arc<RouteMetrics>,
}

/// The result of a lookup.
pub(crate) enum Lookup {
    /// A stored response.
    Hit(Response<ResponseBody>),
    /// The next stage answers the request as it is: nothing is stored, and most likely the response cannot be stored.
    Bypass(Bypass, Request<RequestBody>),
    /// The next stage is called, or the response of another request that asked for the same is used.
    Forward(Pending),
}

/// A request that goes past the cache.
pub(crate) struct Bypass(Past);

enum Past {
    /// Because of what is remembered of its URL.
    OfUrl(Rc<Parts>, edge_cache::Bypass),
    /// There is no cache for it. A change gets a bookmark.
    Whole(Option<Bookmarks>),
}

/// A request that is to be forwarded.
pub(crate) struct Pending {
    parts: Rc<Parts>,
    pending: edge_cache::Pending<RequestBody, ReportingBody>,
    is_safe: bool,
    /// The bookmark that the client of a change has already.
    earlier: Option<Box<Bookmark>>,
    context: Arc<RequestContext>,
}

impl CacheStage {
    /// The stage of a worker, whose `background` it uses.
    pub(crate) fn new(
        cache: Option<&EdgeCache>,
        state: &Arc<State>,
        scope: GroupScope,
        background: Background,
        metrics: &Metrics,
    ) -> Self {
        let bookmarks = Bookmarks::new(cache, Arc::clone(state));
        let parts = cache.map(|cache| Parts {
            bookmarks: bookmarks.clone(),
            cache: cache.clone(),
            scope,
            background,
            metrics: metrics.route(&metrics.component(COMPONENT), ""),
        });
        Self {
            bookmarks,
            parts: parts.map(Rc::new),
        }
    }

    /// Removes the bookmark of a request. If it reads, and has one, the future gives whether this server lags behind it.
    pub(crate) fn take_bookmark<B>(
        &self,
        request: &mut Request<B>,
    ) -> Option<LocalBoxFuture<'static, bool>> {
        self.bookmarks.take(request)
    }

    /// Looks for a stored response; not for a client that this server lags behind. Never waits.
    pub(crate) fn lookup(
        &self,
        mut request: Request<RequestBody>,
        is_behind: bool,
        context: &Arc<RequestContext>,
        now: Instant,
    ) -> Lookup {
        // A connection that switches to another protocol has nothing to store.
        let has_response = request.extensions().get::<WebSocketWanted>().is_none();
        let Some(parts) = self.parts.as_ref().filter(|_| has_response) else {
            let is_change = !request.method().is_safe();
            context.set_needs(self.bookmarks.needs(&request, false));
            let past = Past::Whole(is_change.then(|| self.bookmarks.clone()));
            return Lookup::Bypass(Bypass(past), request);
        };
        context.enter_at(Stage::Cache, now);
        simplify(&parts.cache.2, &mut request);
        mark_content(&mut request);
        let is_safe = request.method().is_safe();
        let earlier = request.extensions().get::<Bookmark>();
        let earlier = earlier.filter(|_| !is_safe).cloned().map(Box::new);
        let cache = &parts.cache.0;
        let looked = match is_behind {
            true => cache.pass_by(request),
            false => cache.lookup(request),
        };
        match looked {
            edge_cache::Lookup::Hit(response, status) => {
                parts.tell(context, &status);
                Lookup::Hit(response.map(content))
            }
            edge_cache::Lookup::Bypass(bypass, mut request) => {
                context.set_needs(parts.bookmarks.needs(&request, false));
                parts.tell_origin(&mut request, false);
                let past = Past::OfUrl(Rc::clone(parts), bypass);
                Lookup::Bypass(Bypass(past), request)
            }
            edge_cache::Lookup::Forward(pending) => Lookup::Forward(Pending {
                parts: Rc::clone(parts),
                pending,
                is_safe,
                earlier,
                context: Arc::clone(context),
            }),
        }
    }
}

impl Bypass {
    /// Adds `Cache-Status` to the response, and notes whether the next one like it may be stored.
    pub(crate) fn respond(self, outcome: Outcome, context: &RequestContext) -> Outcome {
        let (parts, bypass) = match self.0 {
            Past::OfUrl(parts, bypass) => (parts, bypass),
            Past::Whole(bookmarks) => {
                return outcome.map(|mut response| {
                    let fields = response.headers_mut();
                    bookmarks
                        .iter()
                        .for_each(|of| of.give(fields, None, None, None));
                    response
                });
            }
        };
        let response = outcome.inspect_err(|_| context.set_cache_result(figures::FAILED))?;
        let (response, status) = parts.cache.0.bypassed(&bypass, response);
        context.set_cache_result(figures::result(&status));
        Ok(response)
    }
}

impl Pending {
    /// Calls the `next` stage, or waits for another request that asked for the same.
    pub(crate) fn forward<N: NextStage>(self, next: Rc<N>) -> LocalBoxFuture<'static, Outcome> {
        let (is_safe, background) = (self.is_safe, self.parts.background.clone());
        let answer = self.answer(next);
        if is_safe {
            return Box::pin(answer);
        }
        // A change goes on when its client leaves: it may have been made, and its response says what to invalidate.
        let change = background.spawn(answer);
        Box::pin(async move { change.await.unwrap_or(Err(Failure::Internal)) })
    }

    async fn answer<N: NextStage>(self, next: Rc<N>) -> Outcome {
        let Self {
            parts,
            context,
            earlier,
            is_safe,
            ..
        } = self;
        let exchange = Rc::new(Exchange {
            parts: Rc::clone(&parts),
            next,
            context: Arc::clone(&context),
            answered: Cell::new(false),
            trailer: RefCell::default(),
            of_origin: RefCell::default(),
        });
        let upstream = ToNext(Rc::clone(&exchange));
        let served = self.pending.forward(upstream).await;
        exchange.answered.set(true);
        let mut served = served.inspect_err(|_| context.set_cache_result(figures::FAILED))?;
        exchange.keep_trailer(&served.status, served.response.headers_mut());
        if !is_safe {
            let (fields, of_origin) = (served.response.headers_mut(), exchange.of_origin.take());
            let bookmarks = &parts.bookmarks;
            bookmarks.give(fields, served.told, of_origin, earlier.map(|one| *one));
        }
        parts.tell(&context, &served.status);
        if let Some(work) = served.background {
            parts.background.spawn(work);
        }
        Ok(served.response.map(content))
    }
}

/// A client's request, for which the next stage is called once or more, perhaps when the request is long over.
struct Exchange<N> {
    parts: Rc<Parts>,
    next: Rc<N>,
    context: Arc<RequestContext>,
    /// Whether the client has its response.
    answered: Cell<bool>,
    /// `Trailer` of the last response of the next stage.
    trailer: RefCell<Option<HeaderValue>>,
    /// The bookmark of an origin's response to a change.
    of_origin: RefCell<Option<Bookmark>>,
}

/// The upstream of one exchange: the next stage.
struct ToNext<N>(Rc<Exchange<N>>);

impl<N> Clone for ToNext<N> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<N: NextStage> Upstream for ToNext<N> {
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
        if change.is_none() {
            // Others may wait for the same response, and it is stored: it has the time of the function.
            request.extensions_mut().remove::<EndsBy>();
        }
        context.set_needs(exchange.parts.bookmarks.needs(&request, true));
        exchange.parts.tell_origin(&mut request, true);
        // On the heap, because the futures around it move.
        let answer = Box::pin(exchange.next.answer(request, Arc::clone(&context)));
        let mut response = answer.await?;
        if change.is_some() {
            let bookmark = exchange.parts.take_from_origin(&mut response);
            exchange.of_origin.replace(bookmark);
        }
        exchange.parts.invalidate(change, &response).await;
        let trailer = response.headers().get(header::TRAILER).cloned();
        exchange.trailer.replace(trailer);
        Ok(response.map(|content| ReportingBody::new(content, context)))
    }

    fn sleep(&self, time: Duration) -> impl Future<Output = ()> {
        tokio::time::sleep(time)
    }

    fn route(&self, target: &Uri) -> Option<Route> {
        self.0.next.route(target)
    }
}

impl<N> Exchange<N> {
    /// The cache removes `Trailer`, since a stored response has no trailer section. A response that is not stored gets the
    /// field back.
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

impl Parts {
    /// Reports to log and metrics how the cache took part in a response.
    fn tell(&self, context: &RequestContext, status: &CacheStatus) {
        context.set_cache_result(figures::result(status));
        if context.route().is_none() {
            context.set_route(&self.metrics);
        }
    }

    /// Tells an origin, which may have a cache or replicas of its own, how new its response has to be.
    fn tell_origin<B>(&self, request: &mut Request<B>, is_stored: bool) {
        if self.scope == GroupScope::Origin {
            self.bookmarks.tell_origin(request, is_stored);
        }
    }

    fn take_from_origin<B>(&self, response: &mut Response<B>) -> Option<Bookmark> {
        let is_of_origin = self.scope == GroupScope::Origin;
        let fields = is_of_origin.then(|| response.headers_mut())?;
        self.bookmarks.take_from_origin(fields)
    }

    /// Invalidates what the cache itself does not, which does so for the URLs and groups of the request's host: the keys under
    /// which these URLs are stored where the settings make them simpler, and the same of all hosts if the app answers for each.
    async fn invalidate(&self, change: Option<Change>, response: &Response<ResponseBody>) {
        let Some(Change { method, key }) = change else {
            return;
        };
        if !invalidation::invalidates(&method, response.status()) {
            return;
        }
        let fields = response.headers();
        let keys = key.iter();
        let keys = keys.flat_map(|key| invalidation::invalidated_keys(key, fields));
        let rules = &*self.cache.2;
        let outdated: Vec<Purge> = match self.scope {
            GroupScope::Origin => keys
                .filter_map(|key| simple_key(rules, &key).map(Purge::Url))
                .collect(),
            GroupScope::AllHosts => {
                let both = keys.flat_map(|key| [simple_key(rules, &key), Some(key)]);
                let paths = both.flatten().map(|key| Purge::path_of(&key));
                paths.chain(groups_of_all_hosts(fields)).collect()
            }
        };
        // The cache tells a shared level about them, together with its own.
        let cache = &self.cache.0;
        cache.purge_yielding(&outdated, PurgeMode::Hard).await;
    }
}

/// The groups that a response invalidates, on each host.
fn groups_of_all_hosts(fields: &HeaderMap) -> impl Iterator<Item = Purge> {
    let groups = groups::invalidated_groups(fields).into_iter();
    groups.map(|group| Purge::Group {
        origin: None,
        group,
    })
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

/// Tells the cache by the fields that a request has content. The server has removed those of the framing.
fn mark_content(request: &mut Request<RequestBody>) {
    let is_told = request.headers().contains_key(header::CONTENT_LENGTH);
    if !is_told && !request.body().is_end_stream() {
        let chunked = HeaderValue::from_static("chunked");
        request.headers_mut().insert(TRANSFER_ENCODING, chunked);
    }
}
