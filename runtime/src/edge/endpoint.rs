//! Owns what an edge knows about one server behind it: its place, latency, health, and figures. All workers share it.
//! Requests to it are left to `exchange`.

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::health::{Change, Health, State};
use super::latency::Latency;
use super::limits::MIN_LATENCY;
use super::moment::{AtomicMoment, Moment};
use crate::observe::OriginFigures;
use crate::settings::Origin;

/// A server behind the edge.
#[derive(Debug)]
pub(super) struct Endpoint {
    origin: Origin,
    /// The address, if it is one of several that the origin's name has.
    address: Option<SocketAddr>,
    /// Whether it is an edge that is asked before the origins.
    pub(super) is_shield: bool,
    /// Its address, or host and port, for log and metrics.
    name: String,
    pub(super) latency: Latency,
    pub(super) health: Health,
    /// When it last answered anything.
    pub(super) last_answer: AtomicMoment,
    /// Asks for a check at once.
    pub(super) check_wanted: Notify,
    /// Tells that a check is over.
    pub(super) checked: Notify,
    /// A place for each connection; HTTP/1.1 has one request on each.
    places: Arc<Semaphore>,
    in_flight: AtomicU64,
    requests: AtomicU64,
    failures: AtomicU64,
    ejections: AtomicU64,
}

impl Endpoint {
    /// Its address, or host and port.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A server that takes so many `connections` at once.
    pub(super) fn new(
        origin: Origin,
        address: Option<SocketAddr>,
        health: Health,
        connections: usize,
    ) -> Self {
        let name = match address {
            Some(address) => address.to_string(),
            None => origin.authority().to_string(),
        };
        Self {
            origin,
            address,
            is_shield: false,
            name,
            latency: Latency::default(),
            health,
            last_answer: AtomicMoment::default(),
            check_wanted: Notify::new(),
            checked: Notify::new(),
            places: Arc::new(Semaphore::new(connections)),
            in_flight: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            ejections: AtomicU64::new(0),
        }
    }

    /// The same as an edge that is asked before the origins.
    pub(super) fn into_shield(mut self) -> Self {
        self.is_shield = true;
        self
    }

    /// The URL of its host.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Its address, if it is one of several that the origin's name has.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Waits for a place among its requests, but no longer than `patience`.
    pub(super) async fn place(&self, patience: Duration) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Some(place);
        }
        let place = timeout(patience, Arc::clone(&self.places).acquire_owned());
        place.await.ok()?.ok()
    }

    /// Notes that a request is for it.
    pub(super) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a request to it is over.
    pub(super) fn end(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts a request that failed.
    pub(super) fn count_failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that it answered what began at `begun`, and tells the operator if it is back.
    pub(super) fn answered(&self, begun: Moment, now: Moment) {
        if let Some(Change::Returned) = self.health.succeeded(begun, now) {
            // What it did before says nothing about what it does now.
            self.latency.forget();
            tracing::info!(origin = self.name, "the origin gets requests again");
        }
    }

    /// Takes the consequences of a failure, and tells the operator the reason.
    pub(super) fn apply(&self, change: Option<Change>, reason: impl Display) {
        if let Some(Change::Ejected(time)) = change {
            self.ejections.fetch_add(1, Ordering::Relaxed);
            let origin = &self.name;
            tracing::warn!(
                origin,
                ?time,
                "the origin fails and gets no requests: {reason}"
            );
        }
    }

    /// What a further request costs there: the less, the better.
    #[allow(
        clippy::cast_precision_loss,
        reason = "requests in flight are far below 2^52"
    )]
    pub(super) fn cost(&self, now: Moment) -> f64 {
        let latency = self.latency.at(now).max(MIN_LATENCY).as_secs_f64();
        latency * (self.in_flight.load(Ordering::Relaxed) + 1) as f64
    }

    /// Its figures at `now`.
    pub(super) fn figures(&self, now: Moment) -> OriginFigures {
        OriginFigures {
            origin: self.name.clone(),
            state: match self.health.state(now) {
                State::Healthy => "healthy",
                State::Ejected => "ejected",
                State::Probed => "probed",
            },
            requests: self.requests.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            ejections: self.ejections.load(Ordering::Relaxed),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            latency_seconds: self.latency.at(now).as_secs_f64(),
        }
    }
}
