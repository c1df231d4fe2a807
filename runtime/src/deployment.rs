//! Owns the app as it runs: its routes, and the functions behind them. When it is swapped for another is left to `serving`.

mod consumer;
mod guest_request;
mod loader;
mod process_folder;

pub use consumer::Consumer;
pub use loader::{Files, Loader, Rendered, handler, wasm};
pub(crate) use process_folder::ProcessFolder;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::clock;
use crate::failure::{Failure, METHODS};
use crate::function::{CallState, Function};
use crate::limits::MAX_CALL_DEPTH;
use crate::manifest::StaticResponse;
use crate::observe::{RouteMetrics, Stage};
use crate::outbound::{Answer, AppCalls, GuestCall};
use crate::queues::AppQueues;
use crate::request::{EndsBy, RequestBody, RequestContext, ResponseBody, WorkerId};
use crate::router::{RESERVED_PREFIX, Router};
use crate::server::SERVER_WIDE;

/// An app whose components are loaded.
pub struct Deployment {
    name: String,
    version: String,
    router: Router,
    /// The routes' targets, by the index that the router gives.
    triggers: Vec<Trigger>,
    functions: BTreeMap<String, Arc<Function>>,
    consumers: Vec<Arc<Consumer>>,
    queues: Arc<AppQueues>,
}

struct Trigger {
    target: Target,
    /// The metrics of its requests, by worker: workers that count references in one place wait for each other (decision 16).
    metrics: Box<[Arc<RouteMetrics>]>,
}

enum Target {
    Function(Arc<Function>),
    Static(StaticResponse),
}

/// The target of a request's route.
pub enum Routed<'a> {
    /// A response that is there already.
    Response(Response<ResponseBody>),
    /// A function, and its call.
    Function(&'a Arc<Function>, Request<WasiBody>, Arc<CallState>),
}

impl Deployment {
    /// Finds the route of a client's request. For a function, gives the request the shape that its guest sees.
    ///
    /// # Errors
    /// No route leads anywhere, or the request cannot be given to the function.
    pub fn route(
        &self,
        worker: WorkerId,
        request: Request<RequestBody>,
        context: Arc<RequestContext>,
    ) -> Result<Routed<'_>, Failure> {
        context.enter(Stage::Route);
        // Cheap: the text is shared.
        let target = request.uri().clone();
        if let Some(page) = target.path().strip_prefix(RESERVED_PREFIX) {
            return self.well_known(page).map(Routed::Response);
        }
        if target.path() == SERVER_WIDE {
            return Ok(Routed::Response(methods()));
        }
        let found = self.router.find(target.path()).ok_or(Failure::NoRoute)?;
        let trigger = &self.triggers[found.trigger()];
        context.set_route(&trigger.metrics[worker.0]);
        match &trigger.target {
            Target::Static(response) => Ok(Routed::Response(static_response(response))),
            Target::Function(function) => {
                let limits = &function.limits;
                let limit = limits.request_body;
                let now = clock::now();
                let end = request.extensions().get::<EndsBy>();
                let left = end.map(|end| end.0.saturating_duration_since(now));
                let timeout = left.map_or(limits.timeout, |left| left.min(limits.timeout));
                let request = guest_request::from_client(request, &found, &context, limit)?;
                // From now: a request that waited in the cache has its whole time still.
                let call = CallState::new(context, worker, now, timeout);
                Ok(Routed::Function(function, request, call))
            }
        }
    }

    /// The index of the route that a path takes.
    #[must_use]
    pub fn route_index(&self, path: &str) -> Option<usize> {
        self.router.find(path).map(|route| route.trigger())
    }

    /// The id of the component that a path leads to.
    #[must_use]
    pub fn component(&self, path: &str) -> Option<&Arc<str>> {
        let trigger = &self.triggers[self.route_index(path)?];
        Some(trigger.metrics.first()?.component().component())
    }

    /// The queues of the app.
    pub(crate) fn queues(&self) -> &AppQueues {
        &self.queues
    }

    /// The components that consume queues.
    #[must_use]
    pub fn consumers(&self) -> &[Arc<Consumer>] {
        &self.consumers
    }

    /// Answers a request that the guest of `caller` sends to the component called `id`, or without one to the app.
    ///
    /// # Errors
    /// The error code that the calling guest gets for a [`Failure`].
    pub async fn call_from_within(
        &self,
        caller: &GuestCall,
        id: Option<&str>,
        request: Request<WasiBody>,
    ) -> Result<Response<WasiBody>, Error> {
        if caller.depth >= MAX_CALL_DEPTH {
            return Err(Error::LoopDetected);
        }
        let target = request.uri().clone();
        let is_head = request.method() == Method::HEAD;
        let (function, route) = match id {
            Some(id) => (
                self.functions.get(id).ok_or(Error::DestinationNotFound)?,
                None,
            ),
            None => {
                let route = self
                    .router
                    .find(target.path())
                    .ok_or(Error::DestinationNotFound)?;
                match &self.triggers[route.trigger()].target {
                    Target::Static(response) => {
                        return Ok(within(static_response(response), is_head));
                    }
                    Target::Function(function) => (function, Some(route)),
                }
            }
        };
        let limit = function.limits.request_body;
        let request = guest_request::from_within(request, route.as_ref(), &caller.context, limit)?;
        let state = CallState::nested(caller, clock::now(), function.limits.timeout);
        function
            .call(request, state)
            .await
            .map(|response| within(response, is_head))
            .map_err(wasi_error)
    }

    /// The pages that a Spin-compatible runtime has for monitors.
    fn well_known(&self, page: &str) -> Result<Response<ResponseBody>, Failure> {
        match page {
            "health" => Ok(Response::new(ResponseBody::Full("OK".into()))),
            "info" => {
                let info = serde_json::json!({ "name": self.name, "version": self.version });
                Ok(Response::new(ResponseBody::Full(info.to_string().into())))
            }
            _ => Err(Failure::NoRoute),
        }
    }

    /// Makes an instance of each function and throws it away.
    ///
    /// # Errors
    /// The first function of which none can be made, and why.
    pub async fn warm_up(&self) -> Result<(), (String, Failure)> {
        for (id, function) in &self.functions {
            let made = function.warm_up().await;
            made.map_err(|failure| (id.clone(), failure))?;
        }
        Ok(())
    }

    /// The most memory that an instance of each component has used, in bytes.
    pub fn memory(&self) -> impl Iterator<Item = (&str, u64)> {
        let functions = self.functions.iter();
        functions.map(|(id, function)| (id.as_str(), function.memory()))
    }

    /// Limits what `worker` works on at once, after ready work has waited there for at least `lag`.
    pub fn adapt(&self, worker: WorkerId, lag: Duration) {
        let functions = self.functions.values();
        let spent: Vec<_> = functions
            .map(|function| (function, function.take_spent(worker)))
            .collect();
        let busy = spent.iter().filter(|(_, spent)| !spent.is_zero()).count();
        let all: Duration = spent.iter().map(|(_, spent)| *spent).sum();
        let share = all / u32::try_from(busy).unwrap_or(u32::MAX).max(1);
        for (function, spent) in spent {
            function.adapt(worker, lag, !spent.is_zero() && spent >= share);
        }
    }

    /// Ends the instances of `worker` that have been idle for too long.
    pub fn reap(&self, worker: WorkerId) {
        for function in self.functions.values() {
            function.reap(worker);
        }
    }
}

impl AppCalls for Deployment {
    fn call_within(
        self: Arc<Self>,
        caller: GuestCall,
        id: Option<String>,
        request: Request<WasiBody>,
    ) -> Answer {
        Box::pin(async move { self.call_from_within(&caller, id.as_deref(), request).await })
    }
}

impl Drop for Deployment {
    /// Idle instances hold on to their function; a swapped app lets go of them here.
    fn drop(&mut self) {
        for function in self.functions.values() {
            function.retire();
        }
    }
}

/// The answer to `OPTIONS *`, the one request about the server that the server lets through: the methods that it serves.
fn methods() -> Response<ResponseBody> {
    let mut answer = Response::new(ResponseBody::Empty);
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let methods = HeaderValue::from_static(METHODS);
    answer.headers_mut().insert(header::ALLOW, methods);
    answer
}

fn static_response(response: &StaticResponse) -> Response<ResponseBody> {
    let mut answer = Response::new(ResponseBody::Full(response.body.clone().into()));
    *answer.status_mut() = response.status;
    *answer.headers_mut() = response.headers.clone();
    answer
}

/// The response for the guest that asked. To `HEAD` it has no content, and says how long it would be (RFC 9110 §9.3.2).
fn within(mut response: Response<ResponseBody>, is_head: bool) -> Response<WasiBody> {
    if is_head {
        let content = std::mem::take(response.body_mut());
        if let ResponseBody::Full(content) = content
            && !content.is_empty()
        {
            let length = response.headers_mut().entry(header::CONTENT_LENGTH);
            length.or_insert_with(|| content.len().into());
        }
    }
    response.map(|body| body.map_err(wasi_error).boxed_unsync())
}

/// The error code that a guest gets for a failure.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err asks for"
)]
fn wasi_error(failure: Failure) -> Error {
    match failure {
        Failure::NoRoute => Error::DestinationNotFound,
        Failure::BodyTooLarge { limit_bytes } => Error::HttpRequestBodySize(Some(limit_bytes)),
        Failure::DeadlineExceeded | Failure::CpuExceeded => Error::HttpResponseTimeout,
        Failure::Overloaded | Failure::QueueFull | Failure::ConcurrencyTimeout => {
            Error::ConnectionLimitReached
        }
        Failure::InstantiationFailed => Error::DestinationUnavailable,
        Failure::ClientDisconnected => Error::ConnectionTerminated,
        Failure::RequestTimeout => Error::ConnectionReadTimeout,
        Failure::BadRequest { .. } => Error::HttpProtocolError,
        _ => Error::HttpResponseIncomplete,
    }
}

#[cfg(test)]
mod tests;
