//! Looks after deployments: judges the new version, goes on or back when the command is gone or another server has, and takes versions
//! that the other servers have committed.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use futures::future::{join, join_all};
use tokio::time::sleep;

use super::active::Candidate;
use super::{Node, State, give_way, staging};
use crate::bundle::{PublicKey, is_digest};
use crate::clock;
use crate::cluster::Stamp;
use crate::cluster::limits::MAX_WARNINGS;
use crate::rollout::limits::{FADE_INTERVAL, FOLLOW_INTERVAL, LOOK_INTERVAL, MAX_FOLLOW_PAUSE};
use crate::rollout::{Peer, Phase, Status, Version};
use crate::serving::inputs::{config, manifest_folder};
use crate::serving::{StartError, failed};
use crate::settings::Origin;

/// Why nobody goes on with the deployment.
const GONE: &str = "the command that deployed it is gone";

/// What a server does to follow the others.
struct Follower {
    node: Arc<Node>,
    /// Where the next question goes, if no registry tells of the others.
    turn: usize,
    /// A version that could not be taken, when it is tried again, and the wait after that.
    refused: Option<(Stamp, Instant, Duration)>,
    /// What the log has already.
    told: BTreeSet<String>,
}

/// Looks after the deployments of a node, on a thread that ends when the server does.
///
/// # Errors
/// The system has no thread left.
pub(super) fn start(node: &Arc<Node>) -> io::Result<()> {
    let follower = Follower {
        node: Arc::clone(node),
        turn: 0,
        refused: None,
        told: BTreeSet::new(),
    };
    let node = Arc::clone(node);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    // Neither waits for the other: a version of the others may take long to load.
    let tend = move || {
        runtime.block_on(join(node.look_after(), follower.follow()));
    };
    thread::Builder::new()
        .name("deployments".to_owned())
        .spawn(tend)?;
    Ok(())
}

/// A deployment that is to be settled with the other servers.
struct Unsettled {
    id: String,
    peers: Vec<Origin>,
    version: Option<Version>,
    /// Whether the command is gone for good.
    is_abandoned: bool,
}

impl Node {
    /// Whether the server ends: a successor may look after the same folder already.
    fn is_ending(&self) -> bool {
        self.reloader.loader.queues.is_stopped()
    }

    /// Judges the new version again and again, and settles a deployment without its command.
    async fn look_after(&self) {
        let (mut settled, mut faded) = (clock::now(), clock::now());
        while !self.is_ending() {
            sleep(LOOK_INTERVAL).await;
            let now = clock::now();
            let is_due = settled + FOLLOW_INTERVAL <= now;
            if let Some(unsettled) = self.look(is_due, faded + FADE_INTERVAL <= now) {
                self.settle(unsettled).await;
            }
            settled = if is_due { now } else { settled };
            faded = if faded + FADE_INTERVAL <= now {
                now
            } else {
                faded
            };
        }
    }

    /// Judges the new version. Gives the deployment if it is to be settled; one that is held is, from time to time.
    fn look(&self, asks: bool, fades: bool) -> Option<Unsettled> {
        let mut state = self.state.lock();
        let State { served, active, .. } = &mut *state;
        let active = active.as_mut()?;
        if let Some(reason) = active.judge(served) {
            // It can go back: it is not committed yet.
            let _ = self.back(&mut state, &reason);
            return None;
        }
        if active.held && fades {
            active.fade();
        }
        let is_abandoned = active.is_abandoned();
        let is_held = active.held && !active.phase.is_over();
        (is_abandoned || is_held && asks).then(|| Unsettled {
            id: active.id.clone(),
            peers: active.peers.clone(),
            version: active.version.clone(),
            is_abandoned,
        })
    }

    /// Goes on with a deployment if another server has committed it, and back if one has gone back, has a later version, or the command
    /// is gone.
    async fn settle(&self, deployment: Unsettled) {
        let Unsettled {
            id,
            peers,
            version,
            is_abandoned,
        } = deployment;
        let others = peers.into_iter().filter(|peer| *peer != self.own);
        let asked = others.map(async |url| Peer::new(url, &self.token).status(None).await);
        let told = join_all(asked).await;
        let told: Vec<Status> = told.into_iter().flatten().collect();
        let stamp = version.map(|version| version.stamp);
        let mut versions = told.iter().flat_map(|status| &status.versions);
        let is_decided = versions.any(|version| Some(&version.stamp) == stamp.as_ref());
        let is_passed = told
            .iter()
            .any(|status| status.current().map(|of| &of.stamp) > stamp.as_ref());
        let mut theirs = told.iter().filter_map(|status| status.deployment.as_ref());
        let gone_back = theirs.find(|of| of.id == id && of.phase == Phase::Back);
        let reason = gone_back
            .and_then(|of| of.reason.as_deref())
            .unwrap_or(GONE);
        let mut state = self.state.lock();
        let Ok(active) = state.active(&id) else {
            return;
        };
        if active.phase.is_over() || active.is_abandoned() != is_abandoned {
            return;
        }
        let is_tried = matches!(active.phase, Phase::Trying | Phase::Taken);
        let done = match is_decided && is_tried {
            true => {
                if active.phase == Phase::Trying {
                    self.take(&mut state);
                }
                self.commit(&mut state)
            }
            false if is_abandoned || is_passed || gone_back.is_some() => {
                self.back(&mut state, reason)
            }
            false => Ok(()),
        };
        if let Err(refused) = done {
            tracing::warn!("the deployment cannot be settled: {}", refused.1);
        }
    }
}

impl Follower {
    /// Takes later versions of the others, again and again.
    async fn follow(mut self) {
        while !self.node.is_ending() {
            self.follow_once().await;
            sleep(FOLLOW_INTERVAL).await;
        }
    }

    /// Takes a later version, if another server has committed one.
    async fn follow_once(&mut self) {
        let Some(own) = self.node.idle_at() else {
            return;
        };
        for url in self.later(own.as_ref()).await {
            match self.take_from(&url, own.as_ref()).await {
                Ok(()) => return,
                Err(error) => {
                    let what = format!("the version of {url} is not taken: {error}");
                    if self.told.len() < MAX_WARNINGS && self.told.insert(what.clone()) {
                        tracing::warn!("{what}");
                    }
                }
            }
        }
    }

    /// The servers with a later version, the latest first: by the registry, or by asking one server of the last deployment after the
    /// other.
    async fn later(&mut self, own: Option<&Stamp>) -> Vec<Origin> {
        if let Some(announcer) = &self.node.reloader.announcer
            && let Ok(later) = announcer.later(own, &self.node.token).await
        {
            return later;
        }
        let peers = self.node.state.lock().shelf.peers().to_vec();
        let peers = peers.iter().filter_map(|peer| Origin::parse(peer).ok());
        let peers: Vec<_> = peers.filter(|peer| *peer != self.node.own).collect();
        self.turn += 1;
        let Some(url) = peers.get(self.turn % peers.len().max(1)) else {
            return Vec::new();
        };
        let status = self.peer(url.clone()).status(None).await;
        let stamp = status
            .ok()
            .and_then(|status| Some(status.current()?.stamp.clone()));
        let is_later = stamp.is_some_and(|stamp| stamp.number > 0 && Some(&stamp) > own);
        is_later.then(|| url.clone()).into_iter().collect()
    }

    /// Takes the version of another server. One that could not be taken is tried again after a while.
    async fn take_from(&mut self, url: &Origin, own: Option<&Stamp>) -> Result<(), StartError> {
        let peer = self.peer(url.clone());
        let status = peer.status(None).await.map_err(failed)?;
        let Some(version) = status.current().filter(|of| Some(&of.stamp) > own) else {
            return Ok(());
        };
        let (stamp, now) = (version.stamp.clone(), clock::now());
        let refused = self.refused.take_if(|(refused, ..)| *refused == stamp);
        if let Some((_, again, _)) = &refused
            && now < *again
        {
            self.refused = refused;
            return Ok(());
        }
        let taken = self.try_to_take(&peer, &status, version.clone()).await;
        if taken.is_err() {
            let pause = refused.map_or(FOLLOW_INTERVAL, |(_, _, pause)| pause * 2);
            let pause = pause.min(MAX_FOLLOW_PAUSE);
            self.refused = Some((stamp, clock::now() + pause, pause));
        }
        taken
    }

    async fn try_to_take(
        &self,
        peer: &Peer,
        status: &Status,
        version: Version,
    ) -> Result<(), StartError> {
        if status.app != self.node.reloader.name {
            return Err(failed(format!("it serves the app `{}`", status.app)));
        }
        let digest = &version.stamp.digest;
        if !is_digest(digest) {
            return Err(failed("its version has no digest"));
        }
        self.fetch(peer, digest).await?;
        let node = Arc::clone(&self.node);
        let taken = tokio::task::spawn_blocking(move || node.take_version(version)).await;
        taken.map_err(failed)?
    }

    /// Receives a bundle, unless it is here.
    async fn fetch(&self, peer: &Peer, digest: &str) -> Result<(), StartError> {
        let arriving = {
            let state = self.node.state.lock();
            (!state.shelf.has(digest))
                .then(|| state.shelf.arriving())
                .transpose()
        };
        let Some((arriving, mut file)) = arriving.map_err(failed)? else {
            return Ok(());
        };
        peer.fetch_bundle(digest, &mut file).await.map_err(failed)?;
        let kept = self.node.keep(arriving.path(), digest);
        kept.map_err(|refused| failed(refused.1))
    }

    fn peer(&self, url: Origin) -> Peer {
        Peer::new(url, &self.node.token)
    }
}

impl Node {
    /// The version that it has committed last, while there is no deployment.
    fn idle_at(&self) -> Option<Option<Stamp>> {
        let state = self.state.lock();
        let deploys = state.active.as_ref().is_some_and(|of| !of.phase.is_over());
        (!deploys).then(|| state.stamp())
    }

    /// Loads a version whose bundle is here, serves and keeps it.
    fn take_version(&self, version: Version) -> Result<(), StartError> {
        give_way();
        let file = self.state.lock().shelf.bundle(&version.stamp.digest);
        let (inputs, bundle) = self.reloader.prepare(&file)?;
        let mut candidate = Candidate {
            inputs: Some(inputs),
            app: None,
            bundle: bundle.digest,
        };
        let loaded = staging::load(self, &mut candidate);
        loaded.map_err(|error| candidate.renamed(error))?;
        let mut state = self.state.lock();
        let deploys = state.active.as_ref().is_some_and(|of| !of.phase.is_over());
        // A later version may have been deployed meanwhile.
        let is_late = state
            .stamp()
            .is_some_and(|current| current >= version.stamp);
        let Some(app) = candidate.served().filter(|_| !deploys && !is_late) else {
            return Ok(());
        };
        tracing::info!(
            digest = app.bundle,
            "takes the version of the other servers"
        );
        state.shelf.commit(version).map_err(failed)?;
        self.reloader.serve(&app.app);
        state.served = app;
        self.announce(&state);
        Ok(())
    }

    /// The keys that the settings trust now.
    pub(super) fn trusted_keys(&self) -> Result<Option<Vec<PublicKey>>, String> {
        let options = &self.reloader.options;
        let folder = manifest_folder(&options.manifest);
        let state = options.state_directory(&folder);
        let config = config(options.config.as_deref(), &folder, &state);
        let config = config.map_err(|faults| faults.to_string())?;
        Ok(config.deploy.trusted_keys)
    }
}
