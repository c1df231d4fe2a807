//! Owns the connections of one worker to the origin, their timeouts, and the failure that a client gets when they fail.
//! The changes to the messages are left to `message`.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;

use super::message::{self, ToOrigin};
use crate::clock;
use crate::failure::Failure;
use crate::http_client::{Client, ClientError, Connector, Protocols, Timeouts};
use crate::observe::{Metrics, RouteMetrics, Stage};
use crate::request::{Caller, RequestBody, RequestContext, ResponseBody};
use crate::settings::{Edge, Origin};

/// The label `component` of requests to the origin.
const COMPONENT: &str = "origin";

/// Sends requests to the origin.
pub(crate) struct OriginClient {
    origin: Origin,
    client: Client<RequestBody>,
    timeouts: Timeouts,
    request_timeout: Duration,
    max_body_bytes: u64,
    metrics: Arc<RouteMetrics>,
}

impl OriginClient {
    /// The client of a worker, on whose thread this is called. Its connections are the worker's.
    pub(crate) fn new(origin: Origin, edge: &Edge, metrics: &Metrics) -> Self {
        let timeouts = Timeouts {
            connect: edge.connect_timeout,
            first_byte: edge.first_byte_timeout,
            between_bytes: edge.between_bytes_timeout,
            deadline: None,
        };
        Self {
            origin,
            // An origin behind HTTP/2 would be told of two hosts, its own and the client's.
            client: Client::new(Connector::new(edge.connect_timeout), Protocols::Http1),
            timeouts,
            request_timeout: edge.request_timeout,
            max_body_bytes: edge.request_body,
            metrics: metrics.route(&metrics.component(COMPONENT), ""),
        }
    }

    /// Sends a request to the origin, and gives its response as soon as that begins.
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
        let timeouts = Timeouts {
            deadline: Some(begun + self.request_timeout),
            ..self.timeouts
        };
        request.body_mut().set_limit(self.max_body_bytes)?;
        let mut request = match message::towards_origin(request, &self.origin, &context)? {
            ToOrigin::Forward(request) => request,
            ToOrigin::Answer(response) => return Ok(response),
        };
        hyper::ext::on_informational(&mut request, move |interim| {
            message::pass_interim(interim.status(), interim.headers(), &context);
        });
        let response = self.client.send(request, timeouts).await;
        let response = message::from_origin(response.map_err(failure)?)?;
        Ok(response.map(|content| ResponseBody::Streamed(content.map_err(failure).boxed_unsync())))
    }
}

/// The failure that the client gets.
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
        // The content has noted its own failure, which the client gets.
        ClientError::RequestContent => Failure::ClientDisconnected,
    }
}
