//! Owns a server's side of deployments: it takes the steps of `terrace deploy`, serves two versions side by side while the new one is
//! tried, judges it, and goes back by itself if it is worse or if the command is gone. It also takes versions that the other servers have
//! committed while it was away.
//! The words are those of `rollout`; loading and swapping an app is left to `reload`.

mod active;
mod follow;
mod pages;
mod staging;
mod starting;

use std::io;
use std::sync::Arc;
use std::thread;

use http::StatusCode;
use parking_lot::Mutex;

use self::active::{Active, Candidate};
use super::current_app::Beside;
use super::reload::{Loaded, Reloader};
use super::{StartError, failed};
use crate::cache::EdgeCache;
use crate::cluster::{Stamp, VERSION};
use crate::rollout::limits::MAX_SERVERS;
use crate::rollout::{Command, Phase, Shelf, Stage, Status, Step};
use crate::settings::{Origin, Token};

pub(super) use pages::{Slot, pages};
pub(super) use starting::{address, begin, deployed, token};

use starting::keep_first;

/// A server that takes deployments.
pub(super) struct Node {
    reloader: Reloader,
    token: Token,
    /// Its own admin listener, as the others reach it.
    own: Origin,
    /// Whether they do.
    is_reached: bool,
    state: Mutex<State>,
}

struct State {
    shelf: Shelf,
    served: Served,
    /// The deployment that goes on, or the last one.
    active: Option<Active>,
}

/// The version that answers requests.
#[derive(Clone)]
struct Served {
    app: Loaded,
    /// The digest of its bundle; empty if it is in none.
    bundle: String,
}

/// Why a server does not do what it is asked for.
struct Refused(StatusCode, String);

impl Refused {
    fn conflict(what: impl Into<String>) -> Self {
        Self(StatusCode::CONFLICT, what.into())
    }
}

/// Another step of the deployment, done on a thread of its own.
type Work = dyn FnOnce(&Node, &mut Candidate) -> Result<(), StartError> + Send;

impl Node {
    /// The server whose current `app` `reloader` replaces. What it was started with is the version to which it goes back from its first deployment.
    ///
    /// # Errors
    /// The record of what was deployed cannot be read, or not be written.
    pub(super) fn new(
        reloader: Reloader,
        app: Loaded,
        token: Token,
        (own, is_reached): (Origin, bool),
        mut shelf: Shelf,
    ) -> Result<Arc<Self>, StartError> {
        let bundle = match reloader.taken() {
            None => String::new(),
            Some(taken) => {
                let digest = taken.bundle.digest.clone();
                if shelf.current().is_none_or(|of| of.stamp.number == 0) {
                    keep_first(&mut shelf, &taken.file, &taken.bundle).map_err(failed)?;
                }
                digest
            }
        };
        let state = State {
            served: Served { app, bundle },
            shelf,
            active: None,
        };
        let node = Arc::new(Self {
            reloader,
            token,
            own,
            is_reached,
            state: Mutex::new(state),
        });
        node.announce(&node.state.lock());
        Ok(node)
    }

    /// What the server tells. The command of deployment `id` is there.
    fn status(&self, id: Option<&str>) -> Status {
        let mut state = self.state.lock();
        if let Some(Ok(active)) = id.map(|id| state.active(id)) {
            active.renew();
        }
        self.told(&state)
    }

    fn told(&self, state: &State) -> Status {
        Status {
            app: self.reloader.name.clone(),
            terrace: VERSION.to_owned(),
            digest: state.served.bundle.clone(),
            versions: state.shelf.versions().to_vec(),
            kept: state.shelf.kept().iter().cloned().collect(),
            deployment: state.active.as_ref().map(Active::told),
        }
    }

    /// Takes a step.
    fn command(self: &Arc<Self>, command: Command) -> Result<Status, Refused> {
        let mut state = self.state.lock();
        match command.step {
            Step::Begin { by, peers } => state.begin(command.id, by, &peers)?,
            step => self.step(&mut state, &command.id, step)?,
        }
        Ok(self.told(&state))
    }

    fn step(self: &Arc<Self>, state: &mut State, id: &str, step: Step) -> Result<(), Refused> {
        let active = state.active(id)?;
        active.renew();
        if let Step::Back { reason } = step {
            return self.back(state, &reason);
        }
        if active.busy && !matches!(step, Step::End) {
            return Err(Refused::conflict("the step before is not done yet"));
        }
        let is_ready = matches!(active.phase, Phase::Staged | Phase::Migrated);
        match (step, active.phase) {
            (Step::Stage(stage), Phase::Begun) => self.stage(state, *stage),
            (Step::Migrate, Phase::Staged) => {
                self.start(state, Phase::Migrated, Box::new(staging::migrate))
            }
            (Step::Try { share, exact }, _) if is_ready => {
                active.set_share(share, exact);
                self.start(state, Phase::Trying, Box::new(staging::load))
            }
            (Step::Take, _) if is_ready => self.start(state, Phase::Taken, Box::new(staging::load)),
            (Step::Take, Phase::Trying) => {
                self.take(state);
                Ok(())
            }
            (Step::Hold, Phase::Trying) => {
                active.hold();
                Ok(())
            }
            (Step::Resume, _) => {
                active.resume();
                Ok(())
            }
            (Step::Take, Phase::Taken) | (Step::Commit, Phase::Committed) => Ok(()),
            (Step::Commit, Phase::Taken) => self.commit(state),
            (Step::End, phase) if phase.is_over() => Ok(()),
            (Step::End, _) => self.back(state, "the deployment was given up"),
            (_, phase) => Err(Refused::conflict(active.is_elsewhere(phase))),
        }
    }

    /// Begins to check a bundle, which is on this server.
    fn stage(self: &Arc<Self>, state: &mut State, stage: Stage) -> Result<(), Refused> {
        let digest = stage.version.stamp.digest.clone();
        if !state.shelf.has(&digest) {
            let what = "this server does not have the bundle";
            return Err(Refused(StatusCode::NOT_FOUND, what.to_owned()));
        }
        if state
            .stamp()
            .is_some_and(|current| current >= stage.version.stamp)
        {
            let what = "another version was deployed meanwhile; run the command again";
            return Err(Refused::conflict(what));
        }
        let rules = staging::Rules {
            rollback: stage.rollback,
            force: stage.force,
            known: state.shelf.versions().to_vec(),
        };
        let file = state.shelf.bundle(&digest);
        if let Some(active) = &mut state.active {
            active.version = Some(stage.version);
            // A version of which it is known that it serves is not compared with the one that it replaces.
            active.is_judged = !stage.rollback;
        }
        let work = move |node: &Self, candidate: &mut Candidate| {
            staging::stage(node, candidate, &file, &digest, &rules)
        };
        self.start(state, Phase::Staged, Box::new(work))
    }

    /// Does a step on a thread of its own; `to` is the phase after it.
    fn start(
        self: &Arc<Self>,
        state: &mut State,
        to: Phase,
        work: Box<Work>,
    ) -> Result<(), Refused> {
        let Some(active) = &mut state.active else {
            return Ok(());
        };
        let (node, id) = (Arc::clone(self), active.id.clone());
        let mut candidate = std::mem::take(&mut active.candidate);
        (active.busy, active.error) = (true, None);
        let run = move || {
            give_way();
            let done = work(&node, &mut candidate);
            let done = done.map_err(|error| candidate.renamed(error).to_string());
            node.finish(&id, to, candidate, done);
        };
        let started = thread::Builder::new().name("deploy".to_owned()).spawn(run);
        if let Err(error) = started {
            active.busy = false;
            return Err(Refused(StatusCode::SERVICE_UNAVAILABLE, error.to_string()));
        }
        Ok(())
    }

    /// Notes that a step is done. The deployment may be over by now.
    fn finish(&self, id: &str, to: Phase, candidate: Candidate, done: Result<(), String>) {
        let mut state = self.state.lock();
        let Ok(active) = state.active(id) else {
            return;
        };
        active.busy = false;
        if active.phase.is_over() {
            return;
        }
        active.candidate = candidate;
        match (done, to) {
            (Err(error), _) => active.error = Some(error),
            (Ok(()), Phase::Trying) => self.try_it(active),
            (Ok(()), Phase::Taken) => self.take(&mut state),
            (Ok(()), _) => active.phase = to,
        }
    }

    /// Gives the new version its part of the requests.
    fn try_it(&self, active: &mut Active) {
        let Some(app) = &active.candidate.app else {
            return;
        };
        let hits = self.reloader.cache.as_ref().and_then(EdgeCache::hit_ratio);
        let (share, control) = active.parts(hits.unwrap_or(0.0));
        let handles = self.reloader.handles(app);
        active.phase = Phase::Trying;
        active.share = share as f64 * 100.0 / Beside::ALL as f64;
        let beside = active.beside(handles, share, control);
        self.reloader.current.set_beside(Some(beside));
    }

    /// Gives all requests to the new version, and keeps the one before to go back to.
    fn take(&self, state: &mut State) {
        let State { served, active, .. } = state;
        let Some(active) = active else { return };
        let Some(new) = active.candidate.served() else {
            return;
        };
        let before = std::mem::replace(served, new);
        self.reloader.serve(&served.app);
        active.phase = Phase::Taken;
        active.share = 100.0;
        let beside = active.beside(self.reloader.handles(&before.app), 0, 0);
        active.before = Some(before);
        self.reloader.current.set_beside(Some(beside));
        tracing::info!(
            digest = served.bundle,
            "a new version of the app answers all requests"
        );
    }

    /// Keeps the new version, also for the next start.
    fn commit(&self, state: &mut State) -> Result<(), Refused> {
        let State { shelf, active, .. } = state;
        let Some(active) = active else { return Ok(()) };
        let Some(version) = active.version.clone() else {
            return Ok(());
        };
        shelf.commit(version).map_err(|error| unkept(&error))?;
        active.phase = Phase::Committed;
        (active.before, active.candidate) = (None, Candidate::default());
        self.reloader.current.set_beside(None);
        tracing::info!("the new version of the app is kept");
        self.announce(state);
        Ok(())
    }

    /// Gives all requests to the version before.
    fn back(&self, state: &mut State, reason: &str) -> Result<(), Refused> {
        let State { served, active, .. } = state;
        let Some(active) = active else { return Ok(()) };
        if active.phase == Phase::Committed {
            return Err(Refused::conflict("the new version is kept already"));
        }
        if active.phase == Phase::Back {
            return Ok(());
        }
        if let Some(before) = active.before.take() {
            *served = before;
            self.reloader.serve(&served.app);
        }
        self.reloader.current.set_beside(None);
        active.phase = Phase::Back;
        active.reason = Some(reason.to_owned());
        active.candidate = Candidate::default();
        tracing::warn!("the deployment went back to the version before: {reason}");
        Ok(())
    }

    /// Tells the others which version it has committed.
    fn announce(&self, state: &State) {
        let stamp = state.stamp();
        let announcer = self.reloader.announcer.iter();
        let own = Some(&self.own).filter(|_| self.is_reached);
        announcer.for_each(|of| of.set_deployed(own, stamp.as_ref(), &self.token));
    }
}

impl State {
    /// The deployment with that id.
    fn active(&mut self, id: &str) -> Result<&mut Active, Refused> {
        let active = self.active.as_mut().filter(|active| active.id == id);
        active.ok_or_else(|| {
            Refused::conflict("this server does not know the deployment: it was started anew, or another deployment has begun")
        })
    }

    /// Begins a deployment unless there is another one.
    fn begin(&mut self, id: String, by: String, peers: &[String]) -> Result<(), Refused> {
        match &self.active {
            Some(active) if active.id == id => return Ok(()),
            Some(active) if !active.phase.is_over() => {
                return Err(Refused::conflict(active.keeps_out()));
            }
            _ => {}
        }
        if peers.len() > MAX_SERVERS {
            let what = format!("a deployment reaches at most {MAX_SERVERS} servers");
            return Err(Refused(StatusCode::BAD_REQUEST, what));
        }
        let urls: Result<Vec<_>, _> = peers.iter().map(|peer| Origin::parse(peer)).collect();
        let urls = urls.map_err(|reason| Refused(StatusCode::BAD_REQUEST, reason.message))?;
        self.shelf.know(peers).map_err(|error| unkept(&error))?;
        self.active = Some(Active::new(id, by, urls));
        Ok(())
    }

    /// The version that was deployed and committed last.
    fn stamp(&self) -> Option<Stamp> {
        let stamp = self.shelf.current().map(|version| version.stamp.clone());
        stamp.filter(|stamp| stamp.number > 0)
    }
}

/// Has this thread do its work when the threads that answer requests have none. Only on Linux are priorities those of threads.
fn give_way() {
    #[cfg(target_os = "linux")]
    {
        const LOW_PRIORITY: i32 = 10;
        // A system that does not let it has it work as the others.
        let _ = rustix::process::setpriority_process(None, LOW_PRIORITY);
    }
}

fn unkept(error: &io::Error) -> Refused {
    let what = format!("the deployment cannot be written to the state folder: {error}");
    Refused(StatusCode::INSUFFICIENT_STORAGE, what)
}
