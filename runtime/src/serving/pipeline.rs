//! A request's way from its arrival to its response, stage by stage: for `terrace up` and for `terrace edge`.
//! The work of a stage is left to its module, reading a request and sending its response to the server.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use edge_cache::{Route, StoreOverride};
use http::{Request, Response, Uri};

use super::current_app::{CurrentApp, Group};
use crate::cache::{CacheStage, Lookup, NextStage};
use crate::clock;
use crate::deployment::Routed;
use crate::edge::OriginClient;
use crate::failure::{Blame, Failure};
use crate::rate_limit::RateLimits;
use crate::request::{RequestBody, RequestContext, ResponseBody};
use crate::server::{Arrival, Exchange, ExchangeBody, Pipeline, ServerStages};

/// A response, or the failure that came instead.
type Outcome = Result<Response<ResponseBody>, Failure>;

/// The stages of a request on one worker.
pub(super) struct RequestPipeline<N> {
    pub(super) server: ServerStages,
    pub(super) rates: Option<Arc<RateLimits>>,
    pub(super) cache: CacheStage,
    /// The stages behind the cache: a [`CurrentApp`] for `terrace up`, an [`OriginClient`] for `terrace edge`.
    pub(super) next: Rc<N>,
}

/// The stages behind the cache, as those before it see them.
pub(super) trait Components {
    /// The group of the next request, while two versions are compared.
    fn next_group(&self) -> Option<Group>;

    /// The id of the component that a path leads to, if it does and that is known here.
    fn component(&self, path: &str) -> Option<Arc<str>>;
}

impl<N: NextStage + Components> RequestPipeline<N> {
    /// Counts a request, and has its response say what is left of its rate limits.
    async fn count(&self, uri: &Uri, exchange: &mut Exchange, now: Instant) -> Result<(), Failure> {
        let Some(rates) = &self.rates else {
            return Ok(());
        };
        let (path, client) = (uri.path(), exchange.context().caller.client().ip());
        let component = || self.next.component(path);
        let Some(admission) = rates.admit(path, client, component, now).await else {
            return Ok(());
        };
        exchange.set_fields(admission.fields);
        admission.refused.map_or(Ok(()), Err)
    }
}

impl<N: NextStage + Components> Pipeline for RequestPipeline<N> {
    async fn answer(&self, arrival: Arrival) -> Response<ExchangeBody> {
        let (mut exchange, accepted) = self.server.accept(arrival);
        let outcome = match accepted {
            Ok(request) => {
                let now = clock::now();
                let mut request = self.server.limit(request, exchange.context(), now);
                if let Err(failure) = self.count(request.uri(), &mut exchange, now).await {
                    return exchange.respond(Err(failure));
                }
                let is_behind = match self.cache.take_bookmark(&mut request) {
                    Some(is_behind) => is_behind.await,
                    None => false,
                };
                let group = self.next.next_group();
                if let Some(group) = group {
                    request.extensions_mut().insert(group);
                }
                let context = exchange.context();
                let passes_by = is_behind || group.is_some();
                match self.cache.lookup(request, passes_by, context, now) {
                    Lookup::Hit(response) => Ok(response),
                    Lookup::Bypass(bypass, request) => {
                        // On the heap, because the future of the connection moves with each request.
                        let outcome = Box::pin(self.next.answer(request, Arc::clone(context)));
                        bypass.respond(outcome.await, context)
                    }
                    Lookup::Forward(pending) => pending.forward(Rc::clone(&self.next)).await,
                }
            }
            Err(failure) => Err(failure),
        };
        exchange.respond(outcome)
    }
}

impl NextStage for CurrentApp {
    /// `terrace up`: `route`, then `admit` and `run` if it leads to a function.
    async fn answer(&self, request: Request<RequestBody>, context: Arc<RequestContext>) -> Outcome {
        let group = request.extensions().get::<Group>().copied();
        let (deployment, figures) = self.deployment_for(group);
        match deployment.route(self.worker(), request, context)? {
            Routed::Response(response) => Ok(response),
            Routed::Function(function, request, call) => {
                let counted = figures.map(|(figures, watched)| figures.begin(call.begun, watched));
                let outcome = function.call(request, call).await;
                if let Some(counted) = counted {
                    counted.end(has_failed(&outcome));
                }
                let mut response = outcome?;
                if !function.limits.cache {
                    response.extensions_mut().insert(StoreOverride::Never);
                }
                Ok(response)
            }
        }
    }

    fn route(&self, target: &Uri) -> Option<Route> {
        let index = self.deployment().route_index(target.path())?;
        Some(Route(index as u64))
    }
}

/// Whether a request has failed by a fault of the app. One that was refused for lack of room, or by a fault of its client, says
/// nothing.
fn has_failed(outcome: &Outcome) -> Option<bool> {
    match outcome {
        Ok(response) => Some(response.status().is_server_error()),
        Err(failure) => match failure.problem().blame {
            Blame::Guest | Blame::Platform | Blame::Origin => Some(true),
            Blame::Client | Blame::Load => None,
        },
    }
}

impl Components for CurrentApp {
    fn next_group(&self) -> Option<Group> {
        self.next_group()
    }

    fn component(&self, path: &str) -> Option<Arc<str>> {
        self.deployment().component(path).cloned()
    }
}

impl Components for OriginClient {
    fn next_group(&self) -> Option<Group> {
        None
    }

    /// An origin's components are not known here.
    fn component(&self, _: &str) -> Option<Arc<str>> {
        None
    }
}

impl NextStage for OriginClient {
    /// `terrace edge`: `forward`.
    async fn answer(&self, request: Request<RequestBody>, context: Arc<RequestContext>) -> Outcome {
        self.forward(request, context).await
    }

    /// An origin's routes are not known here.
    fn route(&self, _: &Uri) -> Option<Route> {
        None
    }
}
