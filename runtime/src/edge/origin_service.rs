//! The origin, as the service that each worker of the server calls.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use edge_cache::Route;
use http::{Request, Response, Uri};
use http_body_util::BodyExt;
use hyper::service::Service;

use super::message::{self, ToOrigin};
use crate::cache::Routed;
use crate::clock;
use crate::failure::Failure;
use crate::http_client::{Client, ClientError, Connector, Protocols, Timeouts};
use crate::observe::{Metrics, RouteMetrics, Stage};
use crate::request::{Caller, RequestBody, ResponseBody};
use crate::settings::{Edge, Origin};

/// Under what name requests to the origin are counted, where the app would have a component's.
const COMPONENT: &str = "origin";

/// Answers the requests of one worker with what the origin answers.
#[derive(Clone)]
pub(super) struct OriginService {
    parts: Rc<Parts>,
}

struct Parts {
    origin: Origin,
    client: Client<RequestBody>,
    timeouts: Timeouts,
    request_timeout: Duration,
    max_body_bytes: u64,
    metrics: Arc<RouteMetrics>,
}

impl OriginService {
    /// The service of a worker, on whose thread this is called. Its connections are the worker's.
    pub(super) fn start(origin: Origin, edge: &Edge, metrics: &Metrics) -> Self {
        let timeouts = Timeouts {
            connect: edge.connect_timeout,
            first_byte: edge.first_byte_timeout,
            between_bytes: edge.between_bytes_timeout,
            deadline: None,
        };
        let parts = Parts {
            origin,
            // An origin behind HTTP/2 would be told of two hosts, its own and the client's.
            client: Client::new(Connector::new(edge.connect_timeout), Protocols::Http1),
            timeouts,
            request_timeout: edge.request_timeout,
            max_body_bytes: edge.request_body,
            metrics: metrics.route(&metrics.component(COMPONENT), ""),
        };
        Self {
            parts: Rc::new(parts),
        }
    }
}

impl Parts {
    async fn forward(
        &self,
        mut request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, Failure> {
        let context = request.body().context().cloned();
        if let Some(context) = &context {
            context.set_route(&self.metrics);
            context.enter(Stage::Forward);
        }
        // What the cache asks for after the client has its response has the time for itself.
        let begun = match &context {
            Some(context) if matches!(context.caller, Caller::Client(_)) => context.received,
            _ => clock::now(),
        };
        let timeouts = Timeouts {
            deadline: Some(begun + self.request_timeout),
            ..self.timeouts
        };
        request.body_mut().set_limit(self.max_body_bytes)?;
        let to_origin = message::towards_origin(request, &self.origin, context.as_deref())?;
        let mut request = match to_origin {
            ToOrigin::Forward(request) => request,
            ToOrigin::Answer(response) => return Ok(response),
        };
        if let Some(context) = context {
            hyper::ext::on_informational(&mut request, move |interim| {
                message::pass_interim(interim.status(), interim.headers(), &context);
            });
        }
        let response = self.client.send(request, timeouts).await;
        let response = message::from_origin(response.map_err(failure)?)?;
        Ok(response.map(|content| ResponseBody::Streamed(content.map_err(failure).boxed_unsync())))
    }
}

impl Routed for OriginService {
    /// An origin's routes are not known here.
    fn route(&self, _: &Uri) -> Option<Route> {
        None
    }
}

impl Service<Request<RequestBody>> for OriginService {
    type Response = Response<ResponseBody>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Failure>>>>;

    fn call(&self, request: Request<RequestBody>) -> Self::Future {
        let parts = Rc::clone(&self.parts);
        Box::pin(async move { parts.forward(request).await })
    }
}

/// What a failed exchange with the origin means to the client.
fn failure(error: ClientError) -> Failure {
    match error {
        ClientError::DnsError => Failure::OriginUnresolved,
        ClientError::ConnectionRefused => Failure::OriginRefused,
        ClientError::ConnectionTimeout => Failure::OriginConnectTimeout,
        // An edge judges no addresses: its origin is the operator's choice.
        ClientError::Denied
        | ClientError::AddressProhibited
        | ClientError::DestinationUnavailable => Failure::OriginUnreachable,
        ClientError::TlsCertificateError => Failure::OriginCertificate,
        ClientError::TlsProtocolError => Failure::OriginTls,
        ClientError::ConnectionTerminated => Failure::OriginTerminated,
        ClientError::RequestTimeout => Failure::RequestTimeout,
        ClientError::ResponseTimeout => Failure::OriginTimeout,
        ClientError::ResponseIncomplete => Failure::OriginIncomplete,
        ClientError::HttpProtocolError => Failure::OriginMalformed,
        ClientError::HeadersTooLarge => Failure::OriginHeadersTooLarge,
        // The content knows what was wrong with it, and that is what the client is told.
        ClientError::RequestContent => Failure::ClientDisconnected,
    }
}
