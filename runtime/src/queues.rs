//! Owns the queues of an app in this process: sending, the lease of the process, and who waits for messages.
//! Calling the consumers is left to `serving`, keeping the messages to [`storage::queue`].

mod firing;
pub mod limits;
mod outbox;
mod pages;
mod send;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use parking_lot::Mutex;
use storage::queue::{self, Figures, LEASE, LEASE_RENEWAL, Owner, Room};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, sleep_until};

pub(crate) use firing::{Firing, fire};
pub(crate) use outbox::{Outbox, OutboxNews};
pub(crate) use pages::{
    ChangeRequest, Changed, DELETE_PATH, LIST_PATH, ListedMessage, QUEUES_PATH, QueueFigures,
    REDRIVE_PATH, pages,
};
pub(crate) use send::AppQueues;

use self::limits::{ENGINE_TIMEOUT, LEASE_MARGIN, POLL_INTERVAL};
use crate::clock;
use crate::observe::{Metrics, QueueMetrics};

/// The queues of this process. They are opened when an app has consumers.
pub struct Queues {
    engine: OnceLock<queue::Queues>,
    opened: Notify,
    room: Room,
    /// The lease of this process; absent while it has none.
    lease: watch::Sender<Option<Lease>>,
    /// Whether nothing more is claimed, because the process ends.
    stopped: AtomicBool,
    /// Those who wait for messages, by queue.
    waiting: Mutex<HashMap<String, Arc<Notify>>>,
    figures: Arc<Mutex<Vec<Figures>>>,
    metrics: QueueMetrics,
}

/// A lease of the engine for this process.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    /// The name of this process at the engine. A new lease has a new one.
    pub(crate) owner: Arc<Owner>,
    /// When others may have the messages.
    until: Instant,
}

impl Queues {
    /// The queues of a process, not open yet. The metrics have their figures.
    pub(crate) fn new(room: Room, metrics: &Metrics) -> Self {
        let figures = Arc::<Mutex<Vec<Figures>>>::default();
        let shown = Arc::clone(&figures);
        metrics.read_queues(move || shown.lock().clone());
        let metrics = metrics.queues().clone();
        Self {
            engine: OnceLock::new(),
            opened: Notify::new(),
            room,
            lease: watch::Sender::new(None),
            stopped: AtomicBool::new(false),
            waiting: Mutex::default(),
            figures,
            metrics,
        }
    }

    /// Opens them, unless they are open.
    ///
    /// # Errors
    /// Those of `open`.
    pub(crate) fn open<E>(&self, open: impl FnOnce() -> Result<queue::Queues, E>) -> Result<(), E> {
        if self.engine.get().is_none() {
            // There is one caller at a time: the start, or the reload.
            let _ = self.engine.set(open()?);
            self.opened.notify_one();
        }
        Ok(())
    }

    /// What keeps the messages, once they are open.
    pub(crate) fn engine(&self) -> Option<&queue::Queues> {
        self.engine.get()
    }

    /// The counts of messages.
    pub(crate) fn metrics(&self) -> &QueueMetrics {
        &self.metrics
    }

    /// Keeps a lease, and what belongs to no queue in order, and hears of what other processes send, for as long as it is polled.
    pub(crate) async fn keep(&self) -> Infallible {
        let engine = loop {
            match self.engine.get() {
                Some(engine) => break engine,
                None => self.opened.notified().await,
            }
        };
        tokio::select! {
            never = self.hear(engine) => never,
            never = self.keep_in_order(engine) => never,
        }
    }

    /// Wakes those who wait for what another process sends.
    async fn hear(&self, engine: &queue::Queues) -> Infallible {
        loop {
            self.wake(&engine.heard().await);
        }
    }

    async fn keep_in_order(&self, engine: &queue::Queues) -> Infallible {
        loop {
            let deadline = clock::now() + ENGINE_TIMEOUT;
            if let Err(error) = engine.sweep(deadline).await {
                tracing::debug!("old messages could not be swept: {error}");
            }
            if let Ok(figures) = engine.figures(deadline).await {
                *self.figures.lock() = figures;
            }
            self.renew(engine).await;
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Renews the lease if it is time, or takes a new one.
    async fn renew(&self, engine: &queue::Queues) {
        let now = clock::now();
        let deadline = now + ENGINE_TIMEOUT;
        let held = self.lease.borrow().clone();
        let until = now + LEASE - LEASE_MARGIN;
        match held {
            Some(lease) if now + LEASE - LEASE_MARGIN - LEASE_RENEWAL < lease.until => {}
            Some(lease) if now < lease.until => match engine.renew(&lease.owner, deadline).await {
                Ok(()) => self.set_lease(Some(Lease { until, ..lease })),
                Err(queue::Error::LeaseEnded) => {
                    tracing::warn!("the lease on messages has ended; others have them");
                    self.set_lease(None);
                }
                Err(error) => tracing::warn!("the lease on messages is not renewed: {error}"),
            },
            // Nothing more is claimed; what was is worked on under the lease that there is.
            _ if self.is_stopped() => {}
            _ => {
                let owner = Arc::new(new_owner());
                match engine.join(&owner, deadline).await {
                    Ok(()) => self.set_lease(Some(Lease { owner, until })),
                    Err(error) => {
                        self.set_lease(None);
                        tracing::warn!("no lease on messages is to be had: {error}");
                    }
                }
            }
        }
    }

    fn set_lease(&self, lease: Option<Lease>) {
        self.lease.send_replace(lease);
    }

    /// Waits for a lease that has time left.
    pub(crate) async fn leased(&self) -> Arc<Owner> {
        let mut lease = self.lease.subscribe();
        let has_time = |lease: &Option<Lease>| {
            lease
                .as_ref()
                .is_some_and(|lease| clock::now() < lease.until)
        };
        match lease.wait_for(has_time).await {
            Ok(lease) => match &*lease {
                Some(lease) => Arc::clone(&lease.owner),
                None => std::future::pending().await,
            },
            // The sender is in `self`.
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits until the lease of an owner has ended.
    pub(crate) async fn lost(&self, owner: &Owner) {
        let mut lease = self.lease.subscribe();
        loop {
            let until = match &*lease.borrow_and_update() {
                Some(lease) if *lease.owner == *owner => lease.until,
                _ => return,
            };
            tokio::select! {
                () = sleep_until(until.into()) => {
                    if lease.borrow().as_ref().is_none_or(|lease| lease.until <= clock::now()) {
                        return;
                    }
                }
                _ = lease.changed() => {}
            }
        }
    }

    /// Wakes one who waits for messages of a queue.
    pub(crate) fn wake(&self, queue: &str) {
        if let Some(waiting) = self.waiting.lock().get(queue) {
            waiting.notify_one();
        }
    }

    /// What is told when a queue may have messages.
    pub(crate) fn news_of(&self, queue: &str) -> Arc<Notify> {
        let mut waiting = self.waiting.lock();
        Arc::clone(waiting.entry(queue.to_owned()).or_default())
    }

    /// What is told when the outbox of a database may have rows.
    pub(crate) fn news_of_outbox(&self, label: &str) -> Arc<Notify> {
        self.news_of(&format!("outbox {label}"))
    }

    /// Has nothing more be claimed.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether nothing more is to be claimed.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Gives back what this process has claimed, and closes the queues.
    pub(crate) async fn close(&self, deadline: Instant) {
        let Some(engine) = self.engine.get() else {
            return;
        };
        let lease = self.lease.borrow().clone();
        if let Some(lease) = lease
            && let Err(error) = engine.leave(&lease.owner, deadline).await
        {
            tracing::debug!("the lease on messages was not given back: {error}");
        }
        if let Err(error) = engine.close(deadline).await {
            tracing::warn!("the queues were not closed in order: {error}");
        }
    }
}

/// A name that no other process has.
fn new_owner() -> Owner {
    let mut random = [0; 16];
    // Without randomness the process would not have come so far; an owner that is not new cannot join.
    _ = getrandom::fill(&mut random);
    Owner(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
