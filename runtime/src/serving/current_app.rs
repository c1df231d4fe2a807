//! Owns the current app, with a handle for each worker, and during a deployment another version beside it. Each is swapped as a whole;
//! a request ends in the app in which it began. Answering requests is left to the deployment.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::deployment::{Deployment, Loader};
use crate::function::least_lag;
use crate::limits::REAP_INTERVAL;
use crate::request::WorkerId;
use crate::rollout::Figures;

/// The apps that answer requests.
pub(super) struct Current {
    app: ArcSwap<Handles>,
    beside: ArcSwapOption<Beside>,
}

/// Another version of the app beside the current one.
pub(super) struct Beside {
    pub(super) handles: Handles,
    /// Whether it is the older of both.
    pub(super) is_old: bool,
    /// The part of the requests that goes to the newer one, of [`Self::ALL`]. None of them uses the cache, which holds responses of one
    /// version.
    pub(super) share: u64,
    /// The part that goes to the older one for comparison. They do not use the cache either, so that both answer the same kinds of requests.
    pub(super) control: u64,
    pub(super) turn: AtomicU64,
    /// The requests to the newer version.
    pub(super) new: Arc<Figures>,
    /// Those to the older one that are compared with them.
    pub(super) old: Arc<Figures>,
}

/// The part of a deployment that a request is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// The newer version answers it.
    Trial,
    /// The older version answers it, for comparison.
    Control,
}

/// The current app, for the requests of one worker.
pub(super) struct CurrentApp {
    worker: WorkerId,
    current: Arc<Current>,
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

impl Beside {
    /// All requests, as a share.
    pub(super) const ALL: u64 = 10_000;

    /// The group of the next request. Parts are kept to within one request: multiples of the golden ratio are spread evenly (Knuth, The Art of
    /// Computer Programming, 6.4).
    fn next_group(&self) -> Option<Group> {
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
        if self.share == 0 {
            return None;
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let place = ((turn.wrapping_mul(GOLDEN) >> 32) * Self::ALL) >> 32;
        match place {
            place if place < self.share => Some(Group::Trial),
            place if place < self.share + self.control => Some(Group::Control),
            _ => None,
        }
    }
}

impl Current {
    pub(super) fn new(app: Handles) -> Self {
        Self {
            app: ArcSwap::from_pointee(app),
            beside: ArcSwapOption::empty(),
        }
    }

    /// The current app of `worker`.
    pub(super) fn of(&self, worker: WorkerId) -> Arc<Handle> {
        Arc::clone(self.app.load().of(worker))
    }

    /// Replaces the current app.
    pub(super) fn replace(&self, app: Handles) {
        self.app.store(Arc::new(app));
    }

    /// Has another version beside the current app, or none.
    pub(super) fn set_beside(&self, beside: Option<Beside>) {
        self.beside.store(beside.map(Arc::new));
    }

    /// All apps of `worker`.
    fn all_of(&self, worker: WorkerId) -> impl Iterator<Item = Arc<Handle>> {
        let beside = self.beside.load();
        let beside = beside
            .as_ref()
            .map(|beside| Arc::clone(beside.handles.of(worker)));
        std::iter::once(self.of(worker)).chain(beside)
    }
}

impl CurrentApp {
    /// The app of `worker`, on whose thread this is called.
    pub(super) fn new(worker: WorkerId, current: Arc<Current>) -> Self {
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
        self.current.of(self.worker)
    }

    /// The group of the next request, while a deployment compares two versions.
    pub(super) fn next_group(&self) -> Option<Group> {
        self.current.beside.load().as_ref()?.next_group()
    }

    /// The app that answers a request of that group, where it is counted, and whether it counts there while it waits. The deployment may be
    /// over by now.
    pub(super) fn deployment_for(
        &self,
        group: Option<Group>,
    ) -> (Arc<Handle>, Option<(Arc<Figures>, bool)>) {
        let beside = self.current.beside.load();
        let Some(beside) = &*beside else {
            return (self.deployment(), None);
        };
        let of = |figures, watched| Some((Arc::clone(figures), watched));
        match group {
            _ if beside.is_old => (self.deployment(), of(&beside.new, false)),
            Some(Group::Trial) => {
                let new = Arc::clone(beside.handles.of(self.worker));
                (new, of(&beside.new, true))
            }
            Some(Group::Control) => (self.deployment(), of(&beside.old, true)),
            None => (self.deployment(), None),
        }
    }
}

/// Limits what the worker works on while it has too much to do, until it ends.
async fn adapt(worker: WorkerId, current: Arc<Current>) {
    loop {
        let lag = least_lag().await;
        current
            .all_of(worker)
            .for_each(|app| app.adapt(worker, lag));
    }
}

/// Ends instances that have been idle for too long, until the worker ends.
async fn reap(worker: WorkerId, current: Arc<Current>) {
    let mut interval = tokio::time::interval(REAP_INTERVAL);
    loop {
        interval.tick().await;
        current.all_of(worker).for_each(|app| app.reap(worker));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_group_gets_its_share_at_any_time() {
        let beside = Beside {
            handles: Handles(Box::default()),
            is_old: false,
            share: Beside::ALL / 10,
            control: Beside::ALL / 10,
            turn: AtomicU64::new(0),
            new: Arc::default(),
            old: Arc::default(),
        };
        for _ in 0..20 {
            let groups: Vec<_> = (0..100).map(|_| beside.next_group()).collect();
            for group in [Group::Trial, Group::Control] {
                let count = groups.iter().filter(|of| **of == Some(group)).count();
                assert!((8..=12).contains(&count), "{count} of 100");
            }
        }
    }
}
