//! Owns the facts about one request: its id, client and trace, its stages and its result.
//! Finding the facts is left to the stages of a request, recording them to its exchange.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http::HeaderMap;
use parking_lot::Mutex;
use storage::EngineFailure;
use storage::sql::Needs;

use super::Caller;
use super::id::{RequestId, X_REQUEST_ID};
use super::interim::Interim;
use super::trace::{TRACEPARENT, TraceContext};
use crate::clock;
use crate::failure::Failure;
use crate::observe::{RouteMetrics, Stage, StageTimes};

/// The facts about one request. Each stage reports here what the log and the metrics should say.
#[derive(Debug)]
pub struct RequestContext {
    /// The id that the client, the log and the guest see.
    pub id: RequestId,
    /// Who asks.
    pub caller: Caller,
    /// The request's place in its distributed trace.
    pub trace: TraceContext,
    /// When the head had been read.
    pub received: Instant,
    route: OnceLock<Arc<RouteMetrics>>,
    failure: OnceLock<Failure>,
    content_failure: OnceLock<Failure>,
    cache_result: OnceLock<&'static str>,
    /// The messages that led to this request, one after the other; none for a client's.
    hops: OnceLock<u32>,
    storage_failure: OnceLock<EngineFailure>,
    /// What its reads must see that run on replicas of a database; `None` if none may.
    needs: Mutex<Option<Arc<Needs>>>,
    /// Calls that engines have not answered yet.
    storage_calls: AtomicU32,
    interim: Interim,
    stages: StageTimes,
    /// When the client had its response or had left, in nanoseconds from its arrival; zero until then. A route that is
    /// found later is not counted for it.
    ended: AtomicU64,
    instance: AtomicU8,
    cpu_nanoseconds: AtomicU64,
}

const INSTANCE_NONE: u8 = 0;
const INSTANCE_FRESH: u8 = 1;
const INSTANCE_REUSED: u8 = 2;

impl RequestContext {
    /// A request of which nothing is known but where it comes from.
    #[must_use]
    pub fn new(id: RequestId, caller: Caller, trace: TraceContext, received: Instant) -> Self {
        Self {
            id,
            caller,
            trace,
            received,
            route: OnceLock::new(),
            failure: OnceLock::new(),
            content_failure: OnceLock::new(),
            cache_result: OnceLock::new(),
            hops: OnceLock::new(),
            storage_failure: OnceLock::new(),
            needs: Mutex::default(),
            storage_calls: AtomicU32::new(0),
            interim: Interim::default(),
            stages: StageTimes::default(),
            ended: AtomicU64::new(0),
            instance: AtomicU8::new(INSTANCE_NONE),
            cpu_nanoseconds: AtomicU64::new(0),
        }
    }

    /// The interim responses (RFC 9110 §15.2) on their way to the client.
    #[must_use]
    pub fn interim(&self) -> &Interim {
        &self.interim
    }

    /// Writes the request's id and its trace context into the fields for a guest or an origin, in place of the client's.
    pub fn write_to(&self, headers: &mut HeaderMap) {
        headers.insert(X_REQUEST_ID.clone(), self.id.to_header_value());
        headers.insert(TRACEPARENT.clone(), self.trace.to_header_value());
    }

    /// The context of a request that the cache makes after this one was answered.
    #[must_use]
    pub fn outlived(&self) -> Self {
        let caller = Caller::Cache(self.caller.client());
        Self::new(self.id.clone(), caller, self.trace, self.received)
    }

    /// Reports the route as soon as it is known, so that a later failure is counted with it.
    pub fn set_route(&self, route: &Arc<RouteMetrics>) {
        // A second route can only come from a guest calling another one; the first is the client's.
        let is_first = self.route.set(Arc::clone(route)).is_ok();
        if is_first && self.is_of_client() && self.ended().is_none() {
            route.component().begin_request();
        }
    }

    /// Whether a client waits for this request, and not only the cache.
    fn is_of_client(&self) -> bool {
        matches!(self.caller, Caller::Client(_))
    }

    /// Reports that the request is over at `now`. Its route, if it had one by then.
    pub(crate) fn end(&self, now: Instant) -> Option<&Arc<RouteMetrics>> {
        let lasted = now.saturating_duration_since(self.received).as_nanos();
        let lasted = u64::try_from(lasted).unwrap_or(u64::MAX).max(1);
        self.ended.store(lasted, Ordering::Relaxed);
        self.route
            .get()
            .inspect(|route| route.component().end_request())
    }

    /// When the request was over, if it is.
    pub(crate) fn ended(&self) -> Option<Instant> {
        let lasted = self.ended.load(Ordering::Relaxed);
        (lasted > 0).then(|| self.received + Duration::from_nanos(lasted))
    }

    /// Reports that the request comes to `stage` now. Only the first time counts and reads the clock.
    pub fn enter(&self, stage: Stage) {
        if !self.stages.has(stage) {
            self.enter_at(stage, clock::now());
        }
    }

    /// The same for a caller that has read the clock.
    pub fn enter_at(&self, stage: Stage, now: Instant) {
        self.stages.enter(stage, self.received, now);
    }

    /// When the request came to each of its stages.
    pub(crate) fn stages(&self) -> &StageTimes {
        &self.stages
    }

    /// Reports how the cache took part, as the log and the metrics call it.
    pub fn set_cache_result(&self, result: &'static str) {
        let _ = self.cache_result.set(result);
    }

    /// How the cache took part; `None` where there is no cache.
    #[must_use]
    pub fn cache_result(&self) -> Option<&'static str> {
        self.cache_result.get().copied()
    }

    /// Reports that this is the delivery of a message, which so many others led to, with itself.
    pub(crate) fn set_hops(&self, hops: u32) {
        let _ = self.hops.set(hops);
    }

    /// How many messages led to this request, one after the other.
    pub(crate) fn hops(&self) -> u32 {
        self.hops.get().copied().unwrap_or(0)
    }

    /// Has its reads run on replicas of a database that have what they must see; `None` for none.
    pub(crate) fn set_needs(&self, needs: Option<Arc<Needs>>) {
        if needs.is_some() {
            *self.needs.lock() = needs;
        }
    }

    /// What its reads must see that run on replicas; `None` if none may.
    pub(crate) fn needs(&self) -> Option<Arc<Needs>> {
        self.needs.lock().clone()
    }

    /// Reports that a database or a key-value store failed. Only the first failure counts, since later ones mostly follow
    /// from it.
    pub fn set_storage_failure(&self, failure: &EngineFailure) {
        let _ = self.storage_failure.set(failure.clone());
    }

    /// Reports that a database or a key-value store is asked.
    pub(crate) fn begin_storage_call(&self) {
        self.storage_calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Reports that it has answered, or is no longer asked.
    pub(crate) fn end_storage_call(&self) {
        self.storage_calls.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether a database or a key-value store has not answered yet.
    pub(crate) fn waits_for_storage(&self) -> bool {
        self.storage_calls.load(Ordering::Relaxed) > 0
    }

    /// How a database or a key-value store failed.
    #[must_use]
    pub fn storage_failure(&self) -> Option<&EngineFailure> {
        self.storage_failure.get()
    }

    /// Reports whether the instance had served before.
    pub fn set_instance_reused(&self, reused: bool) {
        let instance = if reused {
            INSTANCE_REUSED
        } else {
            INSTANCE_FRESH
        };
        self.instance.store(instance, Ordering::Relaxed);
    }

    /// Adds CPU time that the guest used for this request.
    pub fn add_cpu(&self, used: Duration) {
        let nanoseconds = u64::try_from(used.as_nanos()).unwrap_or(u64::MAX);
        self.cpu_nanoseconds
            .fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// Reports a failure that comes too late for the response, such as one in the middle of the content. Only the first one
    /// counts, since later ones mostly follow from it.
    pub fn fail(&self, failure: Failure) {
        let _ = self.failure.set(failure);
    }

    /// The route that was chosen.
    #[must_use]
    pub fn route(&self) -> Option<&Arc<RouteMetrics>> {
        self.route.get()
    }

    /// Whether the instance had served before; `None` when no instance took part.
    #[must_use]
    pub fn instance_reused(&self) -> Option<bool> {
        match self.instance.load(Ordering::Relaxed) {
            INSTANCE_FRESH => Some(false),
            INSTANCE_REUSED => Some(true),
            _ => None,
        }
    }

    /// CPU time that the guest used so far.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        Duration::from_nanos(self.cpu_nanoseconds.load(Ordering::Relaxed))
    }

    /// How the request failed.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.get()
    }

    /// Reports that the request's content could not be read to its end. If no response has begun, the client gets this
    /// failure, whatever the guest answers.
    pub(crate) fn fail_content(&self, failure: Failure) {
        let _ = self.content_failure.set(failure);
    }

    /// How reading the request's content failed.
    pub(crate) fn content_failure(&self) -> Option<&Failure> {
        self.content_failure.get()
    }
}
