//! A component as the consumer of a queue. Claiming messages, and what follows from a response, is left to `serving`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use tokio::sync::Semaphore;

use super::guest_request;
use crate::clock;
use crate::failure::Failure;
use crate::function::{CallState, Function};
use crate::grants::QUEUE_DOMAIN;
use crate::manifest::Consumes;
use crate::observe::RouteMetrics;
use crate::request::{RequestContext, ResponseBody, WorkerId};

/// A component that consumes a queue.
pub struct Consumer {
    /// What it consumes, and how.
    pub consumes: Consumes,
    /// The name of the queue.
    pub queue: String,
    /// Where messages are delivered.
    target: Uri,
    function: Arc<Function>,
    /// The metrics of its deliveries, by worker, as those of a route.
    metrics: Box<[Arc<RouteMetrics>]>,
    /// Places for messages of this process.
    pub places: Arc<Semaphore>,
}

impl Consumer {
    /// A consumer with this function.
    pub(super) fn new(
        consumes: &Consumes,
        function: &Arc<Function>,
        metrics: Box<[Arc<RouteMetrics>]>,
    ) -> Self {
        let queue = consumes.queue();
        let target = format!("http://{queue}.{QUEUE_DOMAIN}/");
        let places = consumes.concurrency.saturating_mul(consumes.batch);
        Self {
            target: target
                .parse()
                .expect("names of queues are parts of host names"),
            consumes: consumes.clone(),
            queue,
            function: Arc::clone(function),
            metrics,
            places: Arc::new(Semaphore::new(places as usize)),
        }
    }

    /// How long a delivery may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.consumes
            .timeout
            .unwrap_or(self.function.limits.timeout)
    }

    /// Calls the component with a message: fields and content.
    ///
    /// # Errors
    /// The failure that came in place of a response.
    pub async fn call(
        &self,
        worker: WorkerId,
        fields: HeaderMap,
        content: Bytes,
        context: Arc<RequestContext>,
    ) -> Result<Response<ResponseBody>, Failure> {
        context.set_route(&self.metrics[worker.0]);
        let content = Full::new(content).map_err(|never| match never {});
        let mut request = Request::new(content.boxed_unsync());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.clone();
        *request.headers_mut() = fields;
        let request = guest_request::of_message(request, &context);
        let call = CallState::new(context, worker, clock::now(), self.timeout());
        self.function.call(request, call).await
    }
}
