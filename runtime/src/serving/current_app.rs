//! Owns the current app, with a handle for each worker. It is swapped as a whole; a request ends in the app in which it
//! began. Answering requests is left to the deployment.

use std::ops::Deref;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::deployment::{Deployment, Loader};
use crate::function::least_lag;
use crate::limits::REAP_INTERVAL;
use crate::request::WorkerId;

/// The current app, for the requests of one worker.
pub(super) struct CurrentApp {
    worker: WorkerId,
    current: Arc<ArcSwap<Handles>>,
}

/// An app with a handle for each worker: workers that count references in one place wait for each other (decision 16).
pub(super) struct Handles(Box<[Arc<Handle>]>);

/// The app, behind a reference count that one worker uses.
pub(super) struct Handle(Arc<Deployment>);

impl Handles {
    pub(super) fn new(deployment: &Arc<Deployment>, loader: &Loader) -> Self {
        let handles = (0..loader.workers).map(|_| Arc::new(Handle(Arc::clone(deployment))));
        Self(handles.collect())
    }

    pub(super) fn of(&self, worker: WorkerId) -> &Arc<Handle> {
        &self.0[worker.0]
    }
}

impl Deref for Handle {
    type Target = Deployment;

    fn deref(&self) -> &Deployment {
        &self.0
    }
}

impl CurrentApp {
    /// The app of `worker`, on whose thread this is called.
    pub(super) fn new(worker: WorkerId, current: Arc<ArcSwap<Handles>>) -> Self {
        tokio::spawn(reap(worker, Arc::clone(&current)));
        tokio::spawn(adapt(worker, Arc::clone(&current)));
        Self { worker, current }
    }

    /// The worker.
    pub(super) fn worker(&self) -> WorkerId {
        self.worker
    }

    /// The current app.
    pub(super) fn deployment(&self) -> Arc<Handle> {
        Arc::clone(self.current.load().of(self.worker))
    }
}

/// Limits what the worker works on while it has too much to do, until it ends.
async fn adapt(worker: WorkerId, current: Arc<ArcSwap<Handles>>) {
    loop {
        let lag = least_lag().await;
        current.load().of(worker).adapt(worker, lag);
    }
}

/// Ends instances that have been idle for too long, until the worker ends.
async fn reap(worker: WorkerId, current: Arc<ArcSwap<Handles>>) {
    let mut interval = tokio::time::interval(REAP_INTERVAL);
    loop {
        interval.tick().await;
        current.load().of(worker).reap(worker);
    }
}
