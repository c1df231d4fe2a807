//! The app, as the service that each worker of the server calls.

use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use edge_cache::Route;
use http::{Request, Response, Uri};
use hyper::service::Service;

use crate::cache::Routed;
use crate::deployment::{Deployment, Loader};
use crate::failure::Failure;
use crate::limits::REAP_INTERVAL;
use crate::request::{RequestBody, ResponseBody, WorkerId};

/// Answers the requests of one worker with the app that is current when they come.
pub(super) struct AppService {
    worker: WorkerId,
    current: Arc<ArcSwap<Handles>>,
}

/// An app with a handle for each worker. References to one and the same would be counted in one place, which cores take from
/// one another with every request.
pub(super) struct Handles(Box<[Arc<Handle>]>);

/// What the requests of one worker count their references to.
struct Handle(Arc<Deployment>);

impl Handles {
    pub(super) fn new(deployment: &Arc<Deployment>, loader: &Loader) -> Self {
        let handles = (0..loader.workers).map(|_| Arc::new(Handle(Arc::clone(deployment))));
        Self(handles.collect())
    }

    fn of(&self, worker: WorkerId) -> &Arc<Handle> {
        &self.0[worker.0]
    }
}

impl AppService {
    /// The service of `worker`, on whose thread this is called.
    pub(super) fn start(worker: WorkerId, current: Arc<ArcSwap<Handles>>) -> Self {
        tokio::spawn(reap(worker, Arc::clone(&current)));
        Self { worker, current }
    }
}

impl Service<Request<RequestBody>> for AppService {
    type Response = Response<ResponseBody>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Failure>>>>;

    fn call(&self, request: Request<RequestBody>) -> Self::Future {
        let worker = self.worker;
        let handle = Arc::clone(self.current.load().of(worker));
        Box::pin(async move {
            let context = request.body().context().cloned();
            let context = context.expect("the server gives each request a context");
            handle.0.serve(worker, request, context).await
        })
    }
}

impl Routed for AppService {
    fn route(&self, target: &Uri) -> Option<Route> {
        let current = self.current.load();
        let route = current.of(self.worker).0.route(target.path())?;
        Some(Route(route as u64))
    }
}

/// Ends instances that have been idle for too long, until the worker ends.
async fn reap(worker: WorkerId, current: Arc<ArcSwap<Handles>>) {
    let mut interval = tokio::time::interval(REAP_INTERVAL);
    loop {
        interval.tick().await;
        current.load().of(worker).0.reap(worker);
    }
}
