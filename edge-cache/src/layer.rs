//! The cache as a layer of a [`tower`](tower_service) stack whose futures may move between threads.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::rules::fields;
use crate::service::{Cache, CacheBody, ForwardError, Way};

/// Work that outlives a request.
pub type BackgroundWork = Pin<Box<dyn Future<Output = ()> + Send>>;

type Spawn = Arc<dyn Fn(BackgroundWork) + Send + Sync>;

/// Puts a [`Cache`] in front of a service.
///
/// ```
/// use std::time::{Duration, Instant, SystemTime};
///
/// use edge_cache::{Cache, CacheConfig, CacheLayer, Clock, ForwardError, Moment};
/// # use edge_cache::ContentBroken;
///
/// /// The clocks of the machine.
/// struct SystemClock(Instant);
///
/// impl Clock for SystemClock {
///     fn now(&self) -> Moment {
///         Moment { wall: SystemTime::now(), monotonic: self.0.elapsed() }
///     }
/// }
///
/// /// What the service behind the cache fails with.
/// #[derive(Clone, Debug)]
/// struct BadGateway;
///
/// impl From<ContentBroken> for BadGateway {
///     fn from(_: ContentBroken) -> Self {
///         Self
///     }
/// }
///
/// impl ForwardError for BadGateway {
///     fn is_disconnected(&self) -> bool {
///         true
///     }
/// }
///
/// let cache = Cache::<BadGateway>::new(CacheConfig::default(), SystemClock(Instant::now()));
/// // With tokio: `CacheLayer::new(cache, |work| { tokio::spawn(work); })`.
/// let layer = CacheLayer::new(cache, |work| drop(work));
/// # let _ = layer;
/// ```
pub struct CacheLayer<E> {
    cache: Arc<Cache<E>>,
    spawn: Spawn,
}

/// A service behind a [`Cache`].
pub struct CacheService<S, E> {
    cache: Arc<Cache<E>>,
    spawn: Spawn,
    inner: S,
}

impl<E> CacheLayer<E> {
    /// A layer that hands work which outlives a request to `spawn`.
    pub fn new(
        cache: Arc<Cache<E>>,
        spawn: impl Fn(BackgroundWork) + Send + Sync + 'static,
    ) -> Self {
        let spawn = Arc::new(spawn);
        Self { cache, spawn }
    }
}

impl<E> Clone for CacheLayer<E> {
    fn clone(&self) -> Self {
        Self {
            cache: Arc::clone(&self.cache),
            spawn: Arc::clone(&self.spawn),
        }
    }
}

impl<E> fmt::Debug for CacheLayer<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheLayer").finish_non_exhaustive()
    }
}

impl<S, E> Layer<S> for CacheLayer<E> {
    type Service = CacheService<S, E>;

    fn layer(&self, inner: S) -> Self::Service {
        CacheService {
            cache: Arc::clone(&self.cache),
            spawn: Arc::clone(&self.spawn),
            inner,
        }
    }
}

impl<S: Clone, E> Clone for CacheService<S, E> {
    fn clone(&self) -> Self {
        Self {
            cache: Arc::clone(&self.cache),
            spawn: Arc::clone(&self.spawn),
            inner: self.inner.clone(),
        }
    }
}

impl<S: fmt::Debug, E> fmt::Debug for CacheService<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("CacheService");
        debug.field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, Q, B, E> Service<Request<Q>> for CacheService<S, E>
where
    S: Service<Request<Q>, Response = Response<B>, Error = E> + Clone + Send + Sync + 'static,
    S::Future: Send,
    Q: Default + Send + 'static,
    B: Body<Data = Bytes, Error = E> + Send + 'static,
    E: ForwardError + Send + Sync + 'static,
{
    type Response = Response<CacheBody<B>>;
    type Error = E;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, E>> + Send>>;

    /// Always: what is stored needs no readiness of the inner service. A forward waits for it.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let Self {
            cache,
            spawn,
            inner,
        } = self.clone();
        Box::pin(async move {
            let asked = match cache.way(request) {
                Way::Answered(response, _) => return Ok(response),
                Way::Through(asked) => asked,
                Way::Past(passing, request) => {
                    let response = forward(inner, request).await?;
                    let (mut response, _) = cache.passed(&passing, response);
                    fields::remove_hop_by_hop(response.headers_mut());
                    return Ok(response.map(CacheBody::forwarded));
                }
            };
            let forward = move |request| forward(inner.clone(), request);
            let served = cache.handle(asked, forward).await?;
            if let Some(work) = served.background {
                spawn(Box::pin(work));
            }
            Ok(served.response)
        })
    }
}

async fn forward<S, Q>(mut service: S, request: Request<Q>) -> Result<S::Response, S::Error>
where
    S: Service<Request<Q>>,
{
    poll_fn(|context| service.poll_ready(context)).await?;
    service.call(request).await
}
