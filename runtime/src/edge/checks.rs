//! Owns the checks of origins: whether each still answers, and whether an ejected one is back.
//! The consequences are left to `health`.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use http::header::{HeaderValue, MAX_FORWARDS};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Empty;
use tokio::task::JoinSet;
use tokio::time::timeout_at;

use super::endpoint::Endpoint;
use super::limits::LOOK_UP_INTERVAL;
use super::moment::{Epoch, Moment};
use super::way::Way;
use crate::clock;
use crate::http_client::{ClientError, Timeouts};
use crate::request::IdSource;
use crate::settings::HealthChecks;

/// The checks of all origins, one task for each. They end with this.
pub(super) struct Checks {
    settings: Arc<HealthChecks>,
    way: Way,
    epoch: Epoch,
    checked: Vec<Weak<Endpoint>>,
    tasks: JoinSet<()>,
}

/// The checks of one origin.
struct Checked {
    endpoint: Weak<Endpoint>,
    settings: Arc<HealthChecks>,
    way: Way,
    epoch: Epoch,
    random: IdSource,
    /// Failed checks in a row.
    failures: u32,
}

/// Why a check counts as failed.
#[derive(Debug, thiserror::Error)]
enum Sick {
    #[error(transparent)]
    Fails(#[from] ClientError),
    #[error("its check says {0}")]
    Says(StatusCode),
}

impl Checks {
    pub(super) fn new(settings: HealthChecks, way: Way, epoch: Epoch) -> Self {
        Self {
            settings: Arc::new(settings),
            way,
            epoch,
            checked: Vec::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Checks these origins from now on. The checks of an origin end by themselves once nobody uses it.
    pub(super) fn follow(&mut self, endpoints: &[Arc<Endpoint>]) {
        while self.tasks.try_join_next().is_some() {}
        self.checked.retain(|known| known.strong_count() > 0);
        for endpoint in endpoints {
            let endpoint = Arc::downgrade(endpoint);
            if self.checked.iter().any(|known| known.ptr_eq(&endpoint)) {
                continue;
            }
            self.checked.push(endpoint.clone());
            let checked = Checked {
                endpoint,
                settings: Arc::clone(&self.settings),
                way: self.way.clone(),
                epoch: self.epoch,
                random: IdSource::from_system(),
                failures: 0,
            };
            self.tasks.spawn(checked.run());
        }
    }
}

impl Checked {
    async fn run(mut self) {
        let mut due = self.next();
        while let Some(endpoint) = self.endpoint.upgrade() {
            let wanted = endpoint.check_wanted.notified();
            let is_wanted = timeout_at(self.epoch.instant(due).into(), wanted).await;
            // Without regular checks, only an origin that is suspected to hang is asked.
            if is_wanted.is_ok() || self.settings.interval.is_some() {
                let begun = self.now();
                let checked = self.check(&endpoint).await;
                self.note(&endpoint, checked, begun);
                endpoint.checked.notify_waiters();
            }
            // An ejected origin is checked as soon as it may come back.
            let probe = endpoint.health.probed_from();
            let probe = probe.filter(|_| self.settings.interval.is_some());
            due = probe.map_or_else(|| self.next(), |probe| probe.min(self.next()));
        }
    }

    /// When the next check is due, or the next look whether the origin is still in use, spread so that several edges do not check at the same time.
    fn next(&self) -> Moment {
        let spread = u32::try_from(self.random.next() % 1_024).unwrap_or(0);
        let interval = self.settings.interval.unwrap_or(LOOK_UP_INTERVAL);
        self.now().plus(interval - interval / 8 * spread / 1_024)
    }

    /// Asks the origin, over a connection of its own.
    async fn check(&mut self, endpoint: &Endpoint) -> Result<(), Sick> {
        let patience = self.settings.timeout;
        let timeouts = Timeouts {
            connect: patience,
            first_byte: patience,
            between_bytes: patience,
            deadline: Some(clock::now() + patience),
        };
        let client = self.way.client::<Empty<Bytes>>(endpoint, patience);
        let response = client.send(self.request(endpoint), timeouts).await?;
        endpoint.last_answer.set(Some(self.now()));
        let status = response.status();
        if self.settings.path.is_none() || status.is_success() || status.is_redirection() {
            return Ok(());
        }
        Err(Sick::Says(status))
    }

    fn request(&self, endpoint: &Endpoint) -> Request<Empty<Bytes>> {
        let mut request = Request::new(Empty::new());
        let server = Uri::from_static("*");
        let target = self.settings.path.clone().map_or(server, Uri::from);
        *request.uri_mut() = endpoint.origin().target(&target);
        if self.settings.path.is_none() {
            *request.method_mut() = Method::OPTIONS;
            // RFC 9110 §7.6.2: a gateway answers itself.
            let none = HeaderValue::from_static("0");
            request.headers_mut().insert(MAX_FORWARDS, none);
        }
        request
    }

    fn note(&mut self, endpoint: &Endpoint, checked: Result<(), Sick>, begun: Moment) {
        let (health, now) = (&endpoint.health, self.now());
        let Err(reason) = checked else {
            self.failures = 0;
            // It does not make up for requests that fail.
            if !health.is_healthy() {
                endpoint.answered(begun, now);
            }
            return;
        };
        self.failures = self.failures.saturating_add(1);
        if self.failures >= self.settings.failures || !health.is_healthy() {
            let change = health.eject(begun, now, self.random.next());
            endpoint.apply(change, reason);
        }
    }

    fn now(&self) -> Moment {
        self.epoch.moment(clock::now())
    }
}
