//! The app, as the service that each worker of the server calls.

use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::{Request, Response};
use hyper::service::Service;

use crate::deployment::Deployment;
use crate::failure::Failure;
use crate::limits::REAP_INTERVAL;
use crate::server::{RequestBody, ResponseBody, WorkerId};

/// Answers the requests of one worker with the app that is current when they come.
pub(super) struct AppService {
    worker: WorkerId,
    current: Arc<ArcSwap<Deployment>>,
}

impl AppService {
    /// The service of `worker`, on whose thread this is called.
    pub(super) fn start(worker: WorkerId, current: Arc<ArcSwap<Deployment>>) -> Self {
        tokio::spawn(reap(worker, Arc::clone(&current)));
        Self { worker, current }
    }
}

impl Service<Request<RequestBody>> for AppService {
    type Response = Response<ResponseBody>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Failure>>>>;

    fn call(&self, request: Request<RequestBody>) -> Self::Future {
        let deployment = self.current.load_full();
        let worker = self.worker;
        Box::pin(async move {
            let context = request.body().context().cloned();
            let context = context.expect("the server gives each request a context");
            deployment.serve(worker, request, context).await
        })
    }
}

/// Ends instances that have been idle for too long, until the worker ends.
async fn reap(worker: WorkerId, current: Arc<ArcSwap<Deployment>>) {
    let mut interval = tokio::time::interval(REAP_INTERVAL);
    loop {
        interval.tick().await;
        current.load().reap(worker);
    }
}
