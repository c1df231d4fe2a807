//! Owns the requests of one worker to the origins: which attempts are made, and the failure that a client gets when they fail.
//! The choice of an origin is left to `balancer`, the changes to the messages to `message`.

use std::cell::RefCell;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;

use super::balancer;
use super::endpoint::Endpoint;
use super::exchange::{Exchange, ExchangeContent};
use super::limits::MAX_ATTEMPTS;
use super::message::{self, ToOrigin};
use super::origins::{Endpoints, Origins};
use super::outgoing::Outgoing;
use crate::clock;
use crate::failure::Failure;
use crate::http_client::{
    Client, ClientError, Connector, Protocols, ReceivedBody, Timeouts, Unanswered,
};
use crate::observe::{Metrics, RouteMetrics, Stage};
use crate::request::{
    Caller, EndsBy, IdSource, RequestBody, RequestContext, ResponseBody, WebSocketWanted,
};
use crate::server::Tunnel;
use crate::settings::Edge;

/// The label `component` of requests to the origin.
const COMPONENT: &str = "origin";

/// Sends requests to the origins.
pub(crate) struct OriginClient {
    origins: Arc<Origins>,
    /// The connections of this worker, by origin.
    clients: RefCell<Vec<(Arc<Endpoint>, Client<RequestBody>)>>,
    timeouts: Timeouts,
    request_timeout: Duration,
    websocket_timeout: Duration,
    max_body_bytes: u64,
    metrics: Arc<RouteMetrics>,
    random: IdSource,
}

/// An attempt without a response.
struct Missed {
    failure: Failure,
    next: Next,
}

/// What follows an attempt without a response.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The client gets the failure.
    Nothing,
    /// Another origin may be asked.
    Other,
    /// The same, and the retry is taken from the budget already.
    OtherPaid,
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
            origins,
            clients: RefCell::default(),
            timeouts,
            request_timeout: edge.request_timeout,
            websocket_timeout: edge.websocket_timeout,
            max_body_bytes: edge.request_body,
            metrics: metrics.route(&metrics.component(COMPONENT), ""),
            random: IdSource::from_system(),
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
        let (exchange, response) = self.attempts(outgoing, timeouts, &context).await?;
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
        mut response: Response<ReceivedBody>,
        exchange: Exchange,
    ) -> Response<ResponseBody> {
        let connection = hyper::upgrade::on(&mut response);
        let tunnel = Tunnel::new(connection, self.websocket_timeout, exchange);
        let mut response = message::from_origin_that_switches(response);
        response.extensions_mut().insert(tunnel);
        response
    }

    /// Sends the request to one origin after the other until one answers.
    async fn attempts(
        &self,
        mut outgoing: Outgoing,
        timeouts: Timeouts,
        context: &Arc<RequestContext>,
    ) -> Result<(Exchange, Response<ReceivedBody>), Failure> {
        let endpoints = self.origins.endpoints();
        let (mut tried, mut failure) = (Vec::new(), Failure::OriginUnresolved);
        let mut next = self.choose(&endpoints, &tried);
        while let Some(mut exchange) = next {
            let endpoint = Arc::clone(exchange.endpoint());
            let has_other = || balancer::has_other(&endpoints, &tried, &endpoint);
            let sent = self.attempt(&mut outgoing, &mut exchange, timeouts, context, has_other);
            let missed = match sent.await {
                Ok(response) => return Ok((exchange, response)),
                Err(missed) => missed,
            };
            drop(exchange);
            failure = missed.failure;
            tried.push(endpoint);
            if missed.next == Next::Nothing || tried.len() >= MAX_ATTEMPTS {
                break;
            }
            let other = self.choose(&endpoints, &tried);
            next = other.filter(|_| missed.next == Next::OtherPaid || self.may_retry());
        }
        Err(failure)
    }

    /// Sends the request to one origin. If that hangs, and the request may go to another one, it does not wait any longer.
    async fn attempt(
        &self,
        outgoing: &mut Outgoing,
        exchange: &mut Exchange,
        timeouts: Timeouts,
        context: &Arc<RequestContext>,
        has_other: impl Fn() -> bool,
    ) -> Result<Response<ReceivedBody>, Missed> {
        if !exchange.take_place(timeouts.connect).await {
            let (failure, next) = (Failure::OriginBusy, Next::Other);
            return Err(Missed { failure, next });
        }
        let may_leave = outgoing.is_repeatable();
        let request = outgoing.request(exchange.endpoint().origin());
        let mut request = request.expect("content that is gone is not sent again");
        if let Some(deadline) = timeouts.deadline {
            EndsBy(deadline).tell(request.headers_mut(), clock::now());
        }
        let context = Arc::clone(context);
        hyper::ext::on_informational(&mut request, move |interim| {
            message::pass_interim(interim.status(), interim.headers(), &context);
        });
        let client = self.client(exchange.endpoint());
        let mut sending = pin!(client.send_or_return(request, timeouts));
        let sent = match self.origins.patience {
            None => sending.await,
            Some(patience) => tokio::select! {
                sent = &mut sending => sent,
                () = exchange.silence(patience) => {
                    if may_leave && has_other() && self.may_retry() {
                        exchange.failed(ClientError::ResponseTimeout);
                        let (failure, next) = (Failure::OriginTimeout, Next::OtherPaid);
                        return Err(Missed { failure, next });
                    }
                    exchange.hangs();
                    sending.await
                }
            },
        };
        match sent {
            Ok(response) => {
                exchange.answered(response.status());
                Ok(response)
            }
            Err(Unanswered { error, content }) => {
                exchange.failed(error);
                outgoing.take_back(content);
                let next = if outgoing.may_follow(error) {
                    Next::Other
                } else {
                    Next::Nothing
                };
                let failure = failure(error);
                Err(Missed { failure, next })
            }
        }
    }

    fn choose(&self, all: &Endpoints, tried: &[Arc<Endpoint>]) -> Option<Exchange> {
        let origins = &self.origins;
        let now = origins.epoch.moment(clock::now());
        let random = || self.random.next();
        let choice = balancer::choose(all, tried, origins.requests_probe(), now, random)?;
        Some(Exchange::begin(choice, origins.epoch, now, random()))
    }

    fn may_retry(&self) -> bool {
        let now = self.origins.epoch.moment(clock::now());
        self.origins.may_retry(now)
    }

    /// This worker's connections to an origin.
    fn client(&self, endpoint: &Arc<Endpoint>) -> Client<RequestBody> {
        let mut clients = self.clients.borrow_mut();
        let known = clients
            .iter()
            .find(|(known, _)| Arc::ptr_eq(known, endpoint));
        if let Some((_, client)) = known {
            return client.clone();
        }
        // Where one is new, others may be gone.
        let listed = self.origins.endpoints();
        clients.retain(|(known, _)| listed.iter().any(|one| Arc::ptr_eq(known, one)));
        let connector = Connector::new(self.timeouts.connect).at(endpoint.address());
        // An origin behind HTTP/2 would be told of two hosts, its own and the client's.
        let client = Client::new(connector, Protocols::Http1);
        clients.push((Arc::clone(endpoint), client.clone()));
        client
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
