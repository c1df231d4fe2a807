//! Looks after deployments: judges the new version, goes on or back when the command is gone, and takes versions that the other servers
//! have committed.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use futures::future::join_all;
use tokio::time::sleep;

use super::active::Candidate;
use super::{Node, staging};
use crate::bundle::PublicKey;
use crate::clock;
use crate::cluster::Stamp;
use crate::cluster::limits::MAX_WARNINGS;
use crate::rollout::limits::{FOLLOW_INTERVAL, LOOK_INTERVAL};
use crate::rollout::{Peer, Phase, Version};
use crate::serving::inputs::{config, manifest_folder};
use crate::serving::{StartError, failed};
use crate::settings::Origin;

/// Why nobody goes on with the deployment.
const GONE: &str = "the command that deployed it is gone";

/// What a server does beside its deployments.
struct Follower {
    node: Arc<Node>,
    /// Where the next question goes, if no registry tells of the others.
    turn: usize,
    /// What the log has already.
    told: BTreeSet<String>,
}

/// Looks after the deployments of a node, on a thread that ends with the process.
///
/// # Errors
/// The system has no thread left.
pub(in crate::serving) fn start(node: &Arc<Node>) -> io::Result<()> {
    let mut follower = Follower {
        node: Arc::clone(node),
        turn: 0,
        told: BTreeSet::new(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let tend = move || {
        runtime.block_on(async {
            let mut followed: Option<Instant> = None;
            loop {
                follower.look().await;
                if followed.is_none_or(|then| then + FOLLOW_INTERVAL <= clock::now()) {
                    follower.follow().await;
                    followed = Some(clock::now());
                }
                sleep(LOOK_INTERVAL).await;
            }
        });
    };
    thread::Builder::new()
        .name("deployments".to_owned())
        .spawn(tend)?;
    Ok(())
}

impl Follower {
    /// Judges the new version, and settles a deployment whose command is gone.
    async fn look(&mut self) {
        let abandoned = {
            let mut state = self.node.state.lock();
            let Some(active) = &state.active else { return };
            if let Some(reason) = active.judge(&state.served) {
                // It can go back: it is not committed yet.
                let _ = self.node.back(&mut state, &reason);
                return;
            }
            let abandoned = active.is_abandoned();
            abandoned.then(|| {
                (
                    active.id.clone(),
                    active.peers.clone(),
                    active.version.clone(),
                )
            })
        };
        if let Some((id, peers, version)) = abandoned {
            self.settle(&id, &peers, version.as_ref()).await;
        }
    }

    /// Goes on with a deployment if another server has committed it, and back if none has.
    async fn settle(&self, id: &str, peers: &[Origin], version: Option<&Version>) {
        let others = peers.iter().filter(|peer| **peer != self.node.own);
        let asked = others.map(async |url| self.peer(url.clone()).status(None).await);
        let told = join_all(asked).await;
        let is_decided = told.iter().flatten().any(|status| {
            let mut versions = status.versions.iter();
            version.is_some_and(|version| versions.any(|of| of.stamp == version.stamp))
        });
        let mut state = self.node.state.lock();
        let Ok(active) = state.active(id) else { return };
        if !active.is_abandoned() {
            return;
        }
        if is_decided && active.phase == Phase::Trying {
            self.node.take(&mut state);
        }
        let is_taken = state.active(id).is_ok_and(|of| of.phase == Phase::Taken);
        let done = match is_decided && is_taken {
            true => self.node.commit(&mut state),
            false => self.node.back(&mut state, GONE),
        };
        if let Err(refused) = done {
            tracing::warn!("the deployment cannot be settled: {}", refused.1);
        }
    }

    /// Takes a later version, if another server has committed one.
    async fn follow(&mut self) {
        let (own, deploys) = {
            let state = self.node.state.lock();
            let deploys = state.active.as_ref().is_some_and(|of| !of.phase.is_over());
            (state.stamp(), deploys)
        };
        if deploys {
            return;
        }
        let Some(url) = self.who_is_later(own.as_ref()).await else {
            return;
        };
        if let Err(error) = self.take_from(&url, own.as_ref()).await {
            let what = format!("the version of {url} is not taken: {error}");
            if self.told.len() < MAX_WARNINGS && self.told.insert(what.clone()) {
                tracing::warn!("{what}");
            }
        }
    }

    /// A server with a later version: by the registry, or by asking one server of the last deployment after the other.
    async fn who_is_later(&mut self, own: Option<&Stamp>) -> Option<Origin> {
        if let Some(announcer) = &self.node.reloader.announcer
            && let Ok(nodes) = announcer.others().await
        {
            let later = nodes
                .into_iter()
                .filter(|node| node.deployed.as_ref() > own);
            let latest = later.max_by(|one, other| one.deployed.cmp(&other.deployed))?;
            return Origin::parse(&latest.admin?).ok();
        }
        let peers = self.node.state.lock().shelf.peers().to_vec();
        let peers = peers.iter().filter_map(|peer| Origin::parse(peer).ok());
        let peers: Vec<_> = peers.filter(|peer| *peer != self.node.own).collect();
        self.turn += 1;
        let url = peers.get(self.turn % peers.len().max(1))?;
        let status = self.peer(url.clone()).status(None).await.ok()?;
        let is_later = status.current().map(|version| &version.stamp) > own;
        let is_deployed = status.current().is_some_and(|of| of.stamp.number > 0);
        (is_later && is_deployed).then(|| url.clone())
    }

    /// Takes the version of another server.
    async fn take_from(&self, url: &Origin, own: Option<&Stamp>) -> Result<(), StartError> {
        let peer = self.peer(url.clone());
        let status = peer.status(None).await.map_err(failed)?;
        let Some(version) = status.current().filter(|of| Some(&of.stamp) > own) else {
            return Ok(());
        };
        if status.app != self.node.reloader.name {
            return Err(failed(format!("it serves the app `{}`", status.app)));
        }
        let digest = version.stamp.digest.clone();
        if !crate::rollout::is_digest(&digest) {
            return Err(failed("its version has no digest"));
        }
        self.fetch(&peer, &digest).await?;
        let (node, version) = (Arc::clone(&self.node), version.clone());
        // Others block this thread as little as a deployment does: nothing else is looked at meanwhile.
        let taken = tokio::task::spawn_blocking(move || node.take_version(version)).await;
        taken.map_err(failed)?
    }

    /// Receives a bundle, unless it is here.
    async fn fetch(&self, peer: &Peer, digest: &str) -> Result<(), StartError> {
        let arriving = {
            let state = self.node.state.lock();
            let is_here = state.shelf.kept().iter().any(|kept| kept == digest);
            (!is_here).then(|| state.shelf.arriving()).transpose()
        };
        let Some((path, mut file)) = arriving.map_err(failed)? else {
            return Ok(());
        };
        let fetched = peer.fetch_bundle(digest, &mut file).await.map_err(failed);
        let kept = fetched.and_then(|()| {
            let kept = self.node.keep(&path, digest);
            kept.map_err(|refused| failed(refused.1))
        });
        kept.inspect_err(|_| drop(std::fs::remove_file(&path)))
    }

    fn peer(&self, url: Origin) -> Peer {
        Peer::new(url, &self.node.token)
    }
}

impl Node {
    /// Loads a version whose bundle is here, serves and keeps it.
    fn take_version(&self, version: Version) -> Result<(), StartError> {
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
        let Some(app) = candidate.served().filter(|_| !deploys) else {
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
