//! A server that stands for what consumers of queues do: it notes each delivery, and a test says how it ends.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use tokio::sync::Semaphore;

use crate::client::whole;
use crate::upstream::Upstream;
use crate::wait::until;

/// A server that judges deliveries.
#[derive(Debug)]
pub struct Judge {
    upstream: Upstream,
    heard: Heard,
}

/// A delivery.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The host to which it was delivered, without the domain: the name of the queue.
    pub queue: String,
    /// Its fields.
    pub fields: HeaderMap,
    /// Its content.
    pub content: String,
    /// When it came.
    pub begun: Instant,
    /// When it was answered, if it was.
    pub ended: Option<Instant>,
}

/// The answer to a delivery: a status and fields.
#[derive(Clone, Debug)]
pub struct Verdict(pub u16, pub Vec<(&'static str, String)>);

#[derive(Clone, Debug, Default)]
struct Heard(Arc<Mutex<Vec<Delivery>>>);

impl Verdict {
    /// The message is done.
    #[must_use]
    pub fn done() -> Self {
        Self(204, Vec::new())
    }

    /// It failed.
    #[must_use]
    pub fn failed() -> Self {
        Self(500, Vec::new())
    }
}

impl Delivery {
    /// A field as text; empty if it is not there.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        let value = self.fields.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The id of the event.
    #[must_use]
    pub fn id(&self) -> &str {
        self.field("ce-id")
    }
}

impl Judge {
    /// A judge with this verdict of each delivery.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn new<F, A>(verdict: F) -> Self
    where
        F: Fn(Delivery) -> A + Send + Sync + 'static,
        A: Future<Output = Verdict> + Send + 'static,
    {
        let heard = Heard::default();
        let noted = heard.clone();
        let verdict = Arc::new(verdict);
        let upstream = Upstream::answering(move |request| {
            let (noted, verdict) = (noted.clone(), Arc::clone(&verdict));
            async move {
                let (head, content) = request.into_parts();
                let content = content.collect().await.expect("a delivery comes whole");
                let host = head.uri.path().trim_start_matches('/');
                let delivery = Delivery {
                    queue: host.trim_end_matches(".queue.internal").to_owned(),
                    content: String::from_utf8_lossy(&content.to_bytes()).into_owned(),
                    fields: head.headers,
                    begun: Instant::now(),
                    ended: None,
                };
                let index = noted.begin(delivery.clone());
                let Verdict(status, fields) = verdict(delivery).await;
                noted.end(index);
                let response = Response::builder().status(status);
                let response = fields.iter().fold(response, |response, (name, value)| {
                    response.header(*name, value)
                });
                response.body(whole("judged")).expect("it is a response")
            }
        });
        let upstream = upstream.await;
        Self { upstream, heard }
    }

    /// A judge for whom all is done at once.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn mild() -> Self {
        Self::new(async |_| Verdict::done()).await
    }

    /// A judge for whom all is done, each delivery when it gets a permit.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn gated() -> (Self, Arc<Semaphore>) {
        let gate = Arc::new(Semaphore::new(0));
        let held = Arc::clone(&gate);
        let judge = Self::new(move |_| {
            let held = Arc::clone(&held);
            async move {
                held.acquire().await.expect("it is not closed").forget();
                Verdict::done()
            }
        });
        (judge.await, gate)
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.upstream.url
    }

    /// All deliveries so far.
    #[must_use]
    pub fn heard(&self) -> Vec<Delivery> {
        self.heard.lock().clone()
    }

    /// The number of deliveries by the ids of events.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, usize> {
        counts(&self.heard.lock())
    }

    /// Waits until there were so many deliveries that were answered.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn until_answered(&self, count: usize) -> Vec<Delivery> {
        until(&format!("{count} deliveries"), async || {
            let answered = self.heard();
            let answered = answered
                .into_iter()
                .filter(|delivery| delivery.ended.is_some());
            let answered: Vec<_> = answered.collect();
            (answered.len() >= count).then_some(answered)
        })
        .await
    }
}

/// The number of deliveries by the ids of events.
#[must_use]
pub fn counts(heard: &[Delivery]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for delivery in heard {
        *counts.entry(delivery.id().to_owned()).or_default() += 1;
    }
    counts
}

impl Heard {
    fn begin(&self, delivery: Delivery) -> usize {
        let mut heard = self.lock();
        heard.push(delivery);
        heard.len() - 1
    }

    fn end(&self, index: usize) {
        self.lock()[index].ended = Some(Instant::now());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Delivery>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
