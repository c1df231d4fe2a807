//! A cache before an origin that answers as it is told, on a clock that is set by hand.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::channel::{mpsc, oneshot};
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body::{Body, Frame};
use parking_lot::Mutex;

use crate::content::ContentBroken;
use crate::rules::fields;
use crate::rules::testing::moment;
use crate::service::{
    Cache, CacheBody, CacheConfig, Deadline, ForwardError, Lookup, Route, Served, Upstream,
};
use crate::store::MemoryLevel;
use crate::time::{Clock, Moment};
use crate::yielding::yield_to_others;

/// What the origin fails with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failed;

impl From<ContentBroken> for Failed {
    fn from(_: ContentBroken) -> Self {
        Self
    }
}

impl ForwardError for Failed {
    fn is_disconnected(&self) -> bool {
        true
    }
}

/// The content of an answer, as pieces that a test sends.
pub(super) struct Pieces(mpsc::UnboundedReceiver<Result<Bytes, Failed>>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Failed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failed>>> {
        let next = futures::Stream::poll_next(Pin::new(&mut self.0), context);
        next.map(|next| next.map(|piece| piece.map(Frame::data)))
    }
}

/// The sending side of [`Pieces`].
pub(super) type PieceSender = mpsc::UnboundedSender<Result<Bytes, Failed>>;

type Answer = oneshot::Receiver<Result<Response<Pieces>, Failed>>;

/// What a test does to let the origin answer.
pub(super) type Answering = oneshot::Sender<Result<Response<Pieces>, Failed>>;

#[derive(Clone)]
struct TestClock(Arc<Mutex<u64>>);

impl Clock for TestClock {
    fn now(&self) -> Moment {
        moment(*self.0.lock())
    }
}

type Origin = Arc<dyn Fn(&Parts) -> Result<Response<Pieces>, Failed> + Send + Sync>;

/// A cache, its clock and its origin.
#[derive(Clone)]
pub(super) struct Harness {
    pub(super) cache: Arc<Cache>,
    clock: TestClock,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    /// How many turns of others a second takes; `None` if time stands still.
    yields_per_second: Option<u32>,
    /// The route of all requests.
    route: Option<Route>,
    /// What answers when no answer is queued.
    origin: Option<Origin>,
    /// The heads of all requests that were forwarded.
    pub(super) forwarded: Arc<Mutex<Vec<Parts>>>,
}

/// A response as a client sees it.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) content: Result<Bytes, Failed>,
}

impl Reply {
    pub(super) fn field(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str());
        value.transpose().unwrap().unwrap_or("")
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(self.content.as_ref().unwrap()).unwrap()
    }

    pub(super) fn is_hit(&self) -> bool {
        self.field("cache-status").contains("; hit")
    }
}

impl Harness {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(configure: impl FnOnce(&mut CacheConfig)) -> Self {
        let clock = TestClock(Arc::new(Mutex::new(1_000_000)));
        let mut config = CacheConfig {
            name: "T",
            ..CacheConfig::default()
        };
        configure(&mut config);
        Self::of(Cache::new(config, clock.clone()), clock)
    }

    /// A cache over a level that it gives some turns to answer.
    pub(super) fn over(level: &MemoryLevel) -> Self {
        Self::over_with(level, |_| {})
    }

    pub(super) fn over_with(level: &MemoryLevel, configure: impl FnOnce(&mut CacheConfig)) -> Self {
        let clock = TestClock(Arc::new(Mutex::new(1_000_000)));
        let mut config = CacheConfig {
            name: "T",
            ..CacheConfig::default()
        };
        configure(&mut config);
        let deadline = || -> Deadline { Box::pin(yield_to_others(5)) };
        let cache = Cache::with_shared_level(config, clock.clone(), level.clone(), deadline);
        Self::of(cache, clock)
    }

    fn of(cache: Arc<Cache>, clock: TestClock) -> Self {
        Self {
            cache,
            clock,
            answers: Arc::default(),
            yields_per_second: None,
            route: None,
            origin: None,
            forwarded: Arc::default(),
        }
    }

    /// Has all requests answered by a function, at once.
    pub(super) fn answered_by(
        mut self,
        origin: impl Fn(&Parts) -> Result<Response<Pieces>, Failed> + Send + Sync + 'static,
    ) -> Self {
        self.origin = Some(Arc::new(origin));
        self
    }

    /// Has time pass for those who wait.
    pub(super) fn on_a_running_clock(mut self) -> Self {
        self.yields_per_second = Some(3);
        self
    }

    /// Has all requests take this route.
    pub(super) fn on_route(&self, route: u64) -> Self {
        Self {
            route: Some(Route(route)),
            ..self.clone()
        }
    }

    pub(super) fn pass(&self, seconds: u64) {
        *self.clock.0.lock() += seconds;
    }

    /// The next forward that nothing is queued for yet gets this answer when the test sends it.
    pub(super) fn expect(&self) -> Answering {
        let (sender, receiver) = oneshot::channel();
        self.answers.lock().push_back(receiver);
        sender
    }

    /// The next forward is answered so.
    pub(super) fn answer(&self, status: u16, fields: &[(&str, &str)], content: &str) {
        let (response, pieces) = streaming(status, fields);
        pieces
            .unbounded_send(Ok(Bytes::from(content.to_owned())))
            .unwrap();
        drop(pieces);
        self.expect()
            .send(Ok(response))
            .unwrap_or_else(|_| unreachable!());
    }

    /// The next forward fails.
    pub(super) fn fail(&self) {
        self.expect()
            .send(Err(Failed))
            .unwrap_or_else(|_| unreachable!());
    }

    /// How many requests were forwarded.
    pub(super) fn forwards(&self) -> usize {
        self.forwarded.lock().len()
    }

    /// A field of the last request that was forwarded.
    pub(super) fn sent(&self, name: &str) -> Option<String> {
        let forwarded = self.forwarded.lock();
        let value = forwarded.last()?.headers.get(name)?;
        Some(value.to_str().unwrap().to_owned())
    }

    pub(super) fn get(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        self.request("GET", path, fields)
    }

    pub(super) fn request(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Reply {
        pollster::block_on(self.send(method, path, fields)).unwrap()
    }

    /// Sends a request, reads its response and does what is left to do.
    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<Reply, Failed> {
        let looked = self.look(method, path, fields);
        self.finish(looked).await
    }

    /// The same, with a turn of others after the lookup.
    pub(super) async fn send_late(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<Reply, Failed> {
        let looked = self.look(method, path, fields);
        yield_to_others(1).await;
        self.finish(looked).await
    }

    async fn finish(&self, looked: Lookup<(), Pieces>) -> Result<Reply, Failed> {
        let Served {
            response,
            background,
            ..
        } = self.go_on(looked).await?;
        let work = async {
            if let Some(background) = background {
                background.await;
            }
        };
        let (head, body) = response.into_parts();
        let (content, ()) = futures::join!(read(body), work);
        Ok(Reply {
            status: head.status,
            headers: head.headers,
            content,
        })
    }

    /// Sends a request and returns as soon as its response begins.
    pub(super) async fn begin(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<Served<Pieces, impl Future<Output = ()> + use<>>, Failed> {
        let looked = self.look(method, path, fields);
        self.go_on(looked).await
    }

    fn look(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Lookup<(), Pieces> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "h");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        self.cache.lookup(request.body(()).unwrap())
    }

    async fn go_on(
        &self,
        looked: Lookup<(), Pieces>,
    ) -> Result<Served<Pieces, impl Future<Output = ()> + use<>>, Failed> {
        match looked {
            Lookup::Hit(response, status) => Ok(Served {
                response,
                background: None,
                status,
                told: None,
            }),
            Lookup::Forward(pending) => pending.forward(self.clone()).await,
            Lookup::Bypass(bypass, request) => {
                let response = Upstream::forward(self, request).await?;
                let (mut response, status) = self.cache.bypassed(&bypass, response);
                // As whoever sends it does.
                fields::remove_hop_by_hop(response.headers_mut());
                Ok(Served {
                    response: response.map(CacheBody::forwarded),
                    background: None,
                    status,
                    told: None,
                })
            }
        }
    }
}

impl Upstream for Harness {
    type Content = ();
    type Body = Pieces;
    type Error = Failed;

    /// The answer that is queued next, or what the origin makes of the request.
    fn forward(
        &self,
        request: Request<()>,
    ) -> impl Future<Output = Result<Response<Pieces>, Failed>> {
        let head = request.into_parts().0;
        let queued = self.answers.lock().pop_front();
        let answer = match (queued, &self.origin) {
            (Some(queued), _) => futures::future::Either::Left(queued),
            (None, Some(origin)) => futures::future::Either::Right(origin(&head)),
            (None, None) => panic!("the origin was not to be asked"),
        };
        self.forwarded.lock().push(head);
        async move {
            match answer {
                futures::future::Either::Left(queued) => queued.await.unwrap_or(Err(Failed)),
                futures::future::Either::Right(answer) => answer,
            }
        }
    }

    async fn sleep(&self, time: Duration) {
        match self.yields_per_second {
            Some(count) => {
                yield_to_others(count * u32::try_from(time.as_secs().max(1)).unwrap()).await;
            }
            None => std::future::pending().await,
        }
    }

    fn route(&self, _: &Uri) -> Option<Route> {
        self.route
    }
}

/// A response whose content a test sends.
pub(super) fn streaming(status: u16, fields: &[(&str, &str)]) -> (Response<Pieces>, PieceSender) {
    let (sender, receiver) = mpsc::unbounded();
    let mut response = Response::builder().status(status);
    for (name, value) in fields {
        response = response.header(*name, *value);
    }
    (response.body(Pieces(receiver)).unwrap(), sender)
}

/// All content of a response.
pub(super) async fn read(body: CacheBody<Pieces>) -> Result<Bytes, Failed> {
    let mut body = std::pin::pin!(body);
    let mut content = Vec::new();
    while let Some(frame) = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await
    {
        content.extend_from_slice(&frame?.into_data().unwrap_or_default());
    }
    Ok(content.into())
}

/// The date so many seconds after the beginning of time.
pub(super) fn date(seconds: u64) -> String {
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(seconds))
}
