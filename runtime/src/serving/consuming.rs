//! Owns what a worker does for the queues: it claims messages, calls their consumers, and ends the work on each message.
//! Every worker does this for each consumer of the current app; what they claim together is bounded by the consumer's places.

mod delivery;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use storage::queue::{Claim, Claimed, Error, Owner};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_local;
use tokio::time::sleep;

use self::delivery::Delivery;
use super::current_app::{Current, Handle};
use crate::clock;
use crate::deployment::Consumer;
use crate::observe::Observer;
use crate::queues::Queues;
use crate::queues::limits::{BUSY_PAUSE, ENGINE_TIMEOUT, POLL_INTERVAL};
use crate::request::{IdSource, WorkerId};
use crate::server::Background;

/// What a worker needs to consume queues.
pub(super) struct Consumption {
    pub(super) worker: WorkerId,
    /// The number of workers.
    pub(super) workers: usize,
    pub(super) queues: Arc<Queues>,
    pub(super) current: Arc<Current>,
    pub(super) observer: Observer,
    pub(super) background: Background,
    pub(super) ids: IdSource,
}

impl Consumption {
    /// Consumes the queues of the current app, until nothing more is to be claimed. What was claimed by then is work in the
    /// background of the worker.
    pub(super) async fn run(self) {
        let this = Rc::new(self);
        while !this.queues.is_stopped() {
            let app = this.current.of(this.worker);
            for consumer in app.consumers() {
                spawn_local(Rc::clone(&this).claim(Arc::clone(&app), Arc::clone(consumer)));
            }
            while this.serves(&app) {
                sleep(POLL_INTERVAL).await;
            }
        }
    }

    /// Whether messages are still claimed for this app.
    fn serves(&self, app: &Arc<Handle>) -> bool {
        !self.queues.is_stopped() && Arc::ptr_eq(&self.current.of(self.worker), app)
    }

    /// Claims messages of one consumer while its app is the current one. It ends by itself and not by being dropped: messages that
    /// are being claimed then would be nobody's work.
    async fn claim(self: Rc<Self>, app: Arc<Handle>, consumer: Arc<Consumer>) {
        let news = self.queues.news_of(&consumer.queue);
        loop {
            let owner = self.queues.leased().await;
            let places = self.places(&consumer).await;
            if !self.serves(&app) {
                // Whoever claims for the next app may not have heard of them.
                return news.notify_one();
            }
            match self
                .claim_once(&owner, &consumer, places.num_permits())
                .await
            {
                Ok(claim) if claim.messages.is_empty() => {
                    drop(places);
                    let pause = claim.next_in.unwrap_or(POLL_INTERVAL).min(POLL_INTERVAL);
                    tokio::select! {
                        () = news.notified() => {}
                        () = sleep(pause) => {}
                    }
                }
                Ok(claim) => {
                    // There may be more, for another worker.
                    news.notify_one();
                    self.deliver(&owner, &consumer, claim.messages, places);
                }
                Err(error) => {
                    drop(places);
                    tracing::warn!(
                        queue = consumer.queue,
                        "messages cannot be claimed: {error}"
                    );
                    sleep(POLL_INTERVAL).await;
                }
            }
        }
    }

    /// Places for this worker: one at least, and its share of those that are free.
    async fn places(&self, consumer: &Consumer) -> OwnedSemaphorePermit {
        let places = Arc::clone(&consumer.places);
        let share = (consumer.consumes.concurrency as usize).div_ceil(self.workers);
        let share = share * consumer.consumes.batch as usize;
        let Ok(mut held) = Arc::clone(&places).acquire_owned().await else {
            // Nobody closes them.
            return std::future::pending().await;
        };
        let more = places.available_permits().min(share - 1);
        if let Some(more) = u32::try_from(more).ok()
            && let Ok(more) = places.try_acquire_many_owned(more)
        {
            held.merge(more);
        }
        held
    }

    async fn claim_once(
        &self,
        owner: &Owner,
        consumer: &Consumer,
        most: usize,
    ) -> Result<Claim, Error> {
        let Some(engine) = self.queues.engine() else {
            return Ok(Claim::default());
        };
        let deadline = clock::now() + ENGINE_TIMEOUT;
        engine.claim(owner, &consumer.queue, most, deadline).await
    }

    /// Delivers messages in the background of the worker, each or each batch by itself.
    fn deliver(
        self: &Rc<Self>,
        owner: &Arc<Owner>,
        consumer: &Arc<Consumer>,
        messages: Vec<Claimed>,
        mut places: OwnedSemaphorePermit,
    ) {
        let batch = consumer.consumes.batch as usize;
        let mut messages = messages.into_iter().peekable();
        while messages.peek().is_some() {
            let messages: Vec<_> = messages.by_ref().take(batch).collect();
            let place = places.split(messages.len());
            let delivery = Delivery {
                by: Rc::clone(self),
                owner: Arc::clone(owner),
                consumer: Arc::clone(consumer),
                begun: clock::now(),
            };
            self.background.spawn(async move {
                delivery.run(messages).await;
                drop(place);
                // The place is free, or the next message of its key is.
                delivery.by.queues.wake(&delivery.consumer.queue);
            });
        }
    }

    /// A time around this one, so that messages that failed together do not come again together.
    fn jittered(&self, pause: Duration) -> Duration {
        const PARTS: u32 = 1024;
        let random = u32::try_from(self.ids.next() % u64::from(PARTS)).unwrap_or(0);
        pause / 2 + pause / PARTS * random
    }

    /// The pause before a message is tried again for which there was no room.
    fn busy_pause(&self) -> Duration {
        self.jittered(BUSY_PAUSE)
    }
}
