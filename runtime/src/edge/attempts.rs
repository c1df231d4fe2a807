//! Owns the attempts of one worker to get a response from an origin: one after the other, or two at once where the edge hedges.
//! The choice of an origin is left to `balancer`, whether a request may be sent again to `outgoing` and `retry_budget`.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use http::{Request, Response};
use tokio::time::sleep;

use super::balancer::{self, UrlDigest};
use super::connections::Connections;
use super::endpoint::Endpoint;
use super::exchange::Exchange;
use super::limits::MAX_ATTEMPTS;
use super::message;
use super::origins::Origins;
use super::outgoing::Outgoing;
use crate::clock;
use crate::failure::Failure;
use crate::http_client::{ClientError, ReceivedBody, Timeouts, Unanswered};
use crate::request::{EndsBy, IdSource, RequestBody, RequestContext};
use crate::settings::Edge;

type Received = Response<ReceivedBody<RequestBody>>;

/// An attempt with a response.
type Answered = (Exchange, Received);

/// Sends requests until an origin answers.
pub(super) struct Attempts {
    origins: Arc<Origins>,
    connections: Connections,
    has_shields: bool,
    /// How long an attempt may take until a second one joins it.
    hedge_after: Option<Duration>,
    random: IdSource,
}

/// What all attempts of one request have in common.
struct Course<'r> {
    /// Where there are shields, which are chosen by it.
    url: Option<UrlDigest>,
    timeouts: Timeouts,
    context: &'r Arc<RequestContext>,
}

/// An attempt without a response.
enum Missed {
    /// The origin has too many requests. With the content, which it has seen nothing of.
    Busy(Option<RequestBody>),
    /// The origin hangs, and another one may be asked: the retry is taken from the budget already.
    Hanging,
    /// The attempt failed.
    Failed(Unanswered<RequestBody>),
}

impl Missed {
    fn failure(&self) -> Failure {
        match self {
            Self::Busy(_) => Failure::OriginBusy,
            Self::Hanging => Failure::OriginTimeout,
            Self::Failed(unanswered) => failure(unanswered.error),
        }
    }

    fn is_paid(&self) -> bool {
        matches!(self, Self::Hanging)
    }

    /// Gives content back that was not sent. Whether another origin may get the request.
    fn may_be_followed(self, outgoing: &mut Outgoing) -> bool {
        match self {
            Self::Hanging => true,
            Self::Busy(content) => {
                outgoing.take_back(content);
                true
            }
            Self::Failed(Unanswered { error, content }) => {
                outgoing.take_back(content);
                outgoing.may_follow(error)
            }
        }
    }
}

impl Attempts {
    /// The attempts of a worker, on whose thread this is called.
    pub(super) fn new(origins: Arc<Origins>, edge: &Edge) -> Self {
        Self {
            connections: Connections::new(Arc::clone(&origins), edge),
            origins,
            has_shields: !edge.shield.is_empty(),
            hedge_after: edge.hedge_after,
            random: IdSource::from_system(),
        }
    }

    /// Sends the request to one origin after the other until one answers.
    ///
    /// # Errors
    /// The failure of the last attempt.
    pub(super) async fn run(
        &self,
        mut outgoing: Outgoing,
        timeouts: Timeouts,
        context: &Arc<RequestContext>,
    ) -> Result<Answered, Failure> {
        let course = Course {
            url: self.has_shields.then(|| outgoing.url()),
            timeouts,
            context,
        };
        let (mut failure, mut tried) = (Failure::OriginUnresolved, Vec::new());
        let mut next = self.choose(&tried, course.url.as_ref());
        while let Some(exchange) = next {
            tried.push(Arc::clone(exchange.endpoint()));
            let sent = match self.hedge_after.filter(|_| outgoing.may_be_hedged()) {
                None => self.attempt(&course, exchange, &mut outgoing, &tried).await,
                Some(after) => {
                    let hedged = self.hedge(&course, after, exchange, &mut outgoing, &mut tried);
                    Box::pin(hedged).await
                }
            };
            let missed = match sent {
                Ok(answered) => return Ok(answered),
                Err(missed) => missed,
            };
            failure = missed.failure();
            let is_paid = missed.is_paid();
            if !missed.may_be_followed(&mut outgoing) || tried.len() >= MAX_ATTEMPTS {
                break;
            }
            let other = self.choose(&tried, course.url.as_ref());
            next = other.filter(|_| is_paid || self.origins.may_retry());
        }
        Err(failure)
    }

    async fn attempt(
        &self,
        course: &Course<'_>,
        mut exchange: Exchange,
        outgoing: &mut Outgoing,
        tried: &[Arc<Endpoint>],
    ) -> Result<Answered, Missed> {
        let request = outgoing.request(exchange.endpoint().origin());
        let is_repeatable = outgoing.is_repeatable();
        let has_other = || balancer::has_other(&self.origins.endpoints(), tried);
        let may_leave = || is_repeatable && has_other() && self.origins.may_retry();
        let sent = self.send(course, request, &mut exchange, may_leave).await;
        sent.map(|response| (exchange, response))
    }

    /// Sends the request to a second origin if the first one takes long. The response that comes first counts ("The Tail at
    /// Scale", Dean and Barroso 2013).
    async fn hedge(
        &self,
        course: &Course<'_>,
        after: Duration,
        mut first: Exchange,
        outgoing: &mut Outgoing,
        tried: &mut Vec<Arc<Endpoint>>,
    ) -> Result<Answered, Missed> {
        let mut second = None;
        let (sent, is_of_second) = {
            let request = outgoing.request(first.endpoint().origin());
            let mut sending = pin!(self.send(course, request, &mut first, || false));
            let early = tokio::select! {
                sent = &mut sending => Some(sent),
                () = sleep(after) => None,
            };
            let other = || {
                self.choose(tried, course.url.as_ref())
                    .filter(|_| self.origins.may_hedge())
            };
            if let Some(sent) = early {
                (sent, false)
            } else if let Some(other) = other() {
                tried.push(Arc::clone(other.endpoint()));
                let request = outgoing.request(other.endpoint().origin());
                let other = second.insert(other);
                let other = pin!(self.send(course, request, other, || false));
                match select(sending, other).await {
                    Either::Left((Err(_), other)) => (other.await, true),
                    Either::Left((sent, _)) => (sent, false),
                    Either::Right((Err(_), sending)) => (sending.await, false),
                    Either::Right((sent, _)) => (sent, true),
                }
            } else {
                (sending.await, false)
            }
        };
        let response = sent?;
        let answered = match second {
            None => first,
            Some(second) => {
                let (answered, outrun) = if is_of_second {
                    (second, first)
                } else {
                    (first, second)
                };
                outrun.outrun();
                answered
            }
        };
        Ok((answered, response))
    }

    /// Sends the request to one origin. If that hangs and the request `may_leave`, it does not wait any longer.
    async fn send(
        &self,
        course: &Course<'_>,
        request: Option<Request<RequestBody>>,
        exchange: &mut Exchange,
        may_leave: impl Fn() -> bool,
    ) -> Result<Received, Missed> {
        let timeouts = course.timeouts;
        if !exchange.take_place(timeouts.connect).await {
            let content = request.map(Request::into_body);
            return Err(Missed::Busy(content));
        }
        let mut request = request.expect("content that is gone is not sent again");
        if let Some(deadline) = timeouts.deadline {
            EndsBy(deadline).tell(request.headers_mut(), clock::now());
        }
        let context = Arc::clone(course.context);
        hyper::ext::on_informational(&mut request, move |interim| {
            message::pass_interim(interim.status(), interim.headers(), &context);
        });
        let client = self.connections.to(exchange.endpoint(), &request);
        let mut sending = pin!(client.send_or_return(request, timeouts));
        let sent = match self.origins.patience {
            None => sending.await,
            Some(patience) => tokio::select! {
                sent = &mut sending => sent,
                () = exchange.silence(patience) => {
                    if may_leave() {
                        exchange.failed(ClientError::ResponseTimeout);
                        return Err(Missed::Hanging);
                    }
                    exchange.hangs();
                    sending.await
                }
            },
        };
        sent.inspect(|response| exchange.answered(response.status()))
            .inspect_err(|unanswered| exchange.failed(unanswered.error))
            .map_err(Missed::Failed)
    }

    /// Chooses among the origins of this moment: since the request began, addresses may have come and gone.
    fn choose(&self, tried: &[Arc<Endpoint>], url: Option<&UrlDigest>) -> Option<Exchange> {
        let origins = &self.origins;
        let all = origins.endpoints();
        let now = origins.epoch.moment(clock::now());
        let random = || self.random.next();
        let probes = origins.requests_probe();
        let choice = balancer::choose(&all, tried, url, probes, now, random)?;
        Some(Exchange::begin(choice, origins.epoch, now, random()))
    }
}

/// The failure that the client gets.
pub(super) fn failure(error: ClientError) -> Failure {
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

// They need a second address of this machine, which only Linux has without further ado.
#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
