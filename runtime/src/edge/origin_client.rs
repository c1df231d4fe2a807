//! Owns the way of a client's request through an edge to its origins, and of the response back.
//! The attempts are left to `attempts`, the changes to the messages to `message`.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;

use super::attempts::{Attempts, failure};
use super::exchange::{Exchange, ExchangeContent};
use super::message::{self, ToOrigin};
use super::origins::Origins;
use super::outgoing::Outgoing;
use crate::clock;
use crate::failure::Failure;
use crate::http_client::{ReceivedBody, Timeouts};
use crate::observe::{Metrics, RouteMetrics, Stage};
use crate::request::{Caller, EndsBy, RequestBody, RequestContext, ResponseBody, WebSocketWanted};
use crate::server::Tunnel;
use crate::settings::Edge;

/// The label `component` of requests to the origin.
const COMPONENT: &str = "origin";

/// Sends requests to the origins.
pub(crate) struct OriginClient {
    origins: Arc<Origins>,
    attempts: Attempts,
    timeouts: Timeouts,
    request_timeout: Duration,
    websocket_timeout: Duration,
    max_body_bytes: u64,
    metrics: Arc<RouteMetrics>,
}

impl OriginClient {
    /// The client of a worker, on whose thread this is called. Its connections are the worker's.
    pub(crate) fn new(origins: Arc<Origins>, edge: &Edge, metrics: &Metrics) -> Self {
        let timeouts = Timeouts {
            connect: edge.connect_timeout,
            first_byte: edge.first_byte_timeout,
            between_bytes: edge.between_bytes_timeout,
            deadline: None,
        };
        Self {
            attempts: Attempts::new(Arc::clone(&origins), edge),
            origins,
            timeouts,
            request_timeout: edge.request_timeout,
            websocket_timeout: edge.websocket_timeout,
            max_body_bytes: edge.request_body,
            metrics: metrics.route(&metrics.component(COMPONENT), ""),
        }
    }

    /// Sends a request to an origin, and gives its response as soon as that begins. If it fails, it goes to others, as far as
    /// that is safe and the budget of retries allows it.
    ///
    /// # Errors
    /// Any [`Failure`] that prevents a response from beginning.
    pub(crate) async fn forward(
        &self,
        mut request: Request<RequestBody>,
        context: Arc<RequestContext>,
    ) -> Result<Response<ResponseBody>, Failure> {
        let now = clock::now();
        context.set_route(&self.metrics);
        context.enter_at(Stage::Forward, now);
        // A request of the cache begins when the client has its response already, so it has all of the time.
        let begun = match context.caller {
            Caller::Client(_) => context.received,
            Caller::Cache(_) => now,
        };
        let end = begun + self.request_timeout;
        let before = request.extensions().get::<EndsBy>();
        let end = EndsBy(before.map_or(end, |before| before.0.min(end)));
        let timeouts = Timeouts {
            deadline: Some(end.0),
            ..self.timeouts
        };
        request.body_mut().set_limit(self.max_body_bytes)?;
        let own = &self.origins.loop_name;
        let request = match message::towards_origin(request, own, &context)? {
            ToOrigin::Forward(request) => request,
            ToOrigin::Answer(response) => return Ok(response),
        };
        let may_switch = request.extensions().get::<WebSocketWanted>().is_some();
        let several = self.origins.patience.is_some();
        let outgoing = Outgoing::new(request, several, &self.origins.kept).await?;
        self.origins.budget.deposit();
        let answered = self.attempts.run(outgoing, timeouts, &context);
        let (exchange, response) = answered.await?;
        if may_switch && response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(self.switch(response, exchange));
        }
        let response = message::from_origin(response)?;
        Ok(response.map(|content| {
            let content = ExchangeContent::new(content, exchange);
            ResponseBody::Streamed(content.map_err(failure).boxed_unsync())
        }))
    }

    /// Hands the connection to the origin over to the server, which passes bytes on.
    fn switch(
        &self,
        mut response: Response<ReceivedBody<RequestBody>>,
        exchange: Exchange,
    ) -> Response<ResponseBody> {
        let connection = hyper::upgrade::on(&mut response);
        let tunnel = Tunnel::new(connection, self.websocket_timeout, exchange);
        let mut response = message::from_origin_that_switches(response);
        response.extensions_mut().insert(tunnel);
        response
    }
}
