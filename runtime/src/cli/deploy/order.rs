//! The order of a deployment: all servers are asked before one is changed, then one after the other takes the new version, and at the
//! end all keep it, or none.

use std::path::Path;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use futures::stream;

use super::servers::{self, Server};
use crate::cli::arguments::DeployArguments;
use crate::cli::console::Console;
use crate::cli::deployed::{Compared, DeployStep};
use crate::cli::error::CommandError;
use crate::cli::event::Event;
use crate::clock;
use crate::request::{IdSource, RequestId};
use crate::rollout::limits::{MAX_TRANSFERS, POLL_INTERVAL, STEP_TIMEOUT};
use crate::rollout::{Peer, PeerFailure, Phase, Stage, Step, Version};
use tokio::time::sleep;

/// The part of the requests that a version gets first on each server, in percent.
const SHARE: f64 = 20.0;

/// How much a version has shown before it gets all requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Nothing: it is tried first.
    Tried,
    /// It was held at a part of the requests.
    Held,
    /// It has served before.
    Known,
}

/// One deployment.
pub(super) struct Order {
    pub(super) console: Console,
    pub(super) id: String,
    pub(super) app: String,
    pub(super) servers: Vec<Server>,
    pub(super) version: Version,
    /// How long both versions are compared on each server.
    watch: Duration,
    /// The last line of progress, so that it is not said twice.
    last: Option<String>,
}

impl Order {
    /// Another deployment.
    pub(super) fn new(
        arguments: &DeployArguments,
        console: Console,
        app: String,
        servers: Vec<Server>,
        version: Version,
    ) -> Self {
        let id = RequestId::generate(&IdSource::from_system());
        Self {
            console,
            id: id.as_str().to_owned(),
            app,
            servers,
            version,
            watch: arguments.watch,
            last: None,
        }
    }

    /// Keeps others out on all servers. The first one decides between two commands.
    pub(super) async fn begin(&mut self) -> Result<(), CommandError> {
        let peers: Vec<_> = self
            .servers
            .iter()
            .map(|server| server.url.clone())
            .collect();
        let by = self.version.by.clone();
        let step = || Step::Begin {
            by: by.clone(),
            peers: peers.clone(),
        };
        let first = &mut self.servers[0];
        let asked = first.command(&self.id, step()).await;
        asked.map_err(|failure| super::failed(format!("{}: {failure}", first.url)))?;
        let id = &self.id;
        let others = self.servers.iter_mut().skip(1);
        let asked = others.map(async |server| {
            let asked = server.command(id, step()).await;
            asked.map_err(|failure| format!("{}: {failure}", server.url))
        });
        let begun = all(join_all(asked).await);
        self.or_end(begun).await
    }

    /// Brings the bundle to all servers and has them check it. Nothing that they serve has changed when this fails.
    pub(super) async fn stage(
        &mut self,
        file: &Path,
        rollback: bool,
        force: bool,
    ) -> Result<(), CommandError> {
        let sent = self.send(file).await;
        self.or_end(sent).await?;
        let version = self.version.clone();
        let stage = || {
            Step::Stage(Box::new(Stage {
                version: version.clone(),
                rollback,
                force,
            }))
        };
        let asked = self.each(stage).await;
        self.or_end(asked).await?;
        let staged = self.wait_for(Phase::Staged).await;
        self.or_end(staged).await?;
        self.progress(&DeployStep::new(None, "the bundle fits all servers"));
        let migrated = self.migrate().await;
        self.or_end(migrated).await
    }

    /// Sends the bundle to the servers that do not have it.
    async fn send(&mut self, file: &Path) -> Result<(), CommandError> {
        let digest = &self.version.stamp.digest;
        let lacking = self.servers.iter().enumerate().filter(|(_, server)| {
            let kept = server.status.as_ref().map(|status| &status.kept);
            server.lost.is_none() && kept.is_none_or(|kept| !kept.contains(digest))
        });
        let lacking: Vec<_> = lacking
            .map(|(place, server)| (place, server.peer.clone()))
            .collect();
        let peers: Vec<Peer> = self.alive().map(|server| server.peer.clone()).collect();
        let sending = stream::iter(&lacking).map(async |(place, peer)| {
            let sent = peer.send_bundle(&self.id, digest, file).await;
            (*place, sent)
        });
        let sending = sending.buffer_unordered(MAX_TRANSFERS).collect::<Vec<_>>();
        let sent = servers::meanwhile(&peers, &self.id, sending).await;
        let mut faults = Vec::new();
        for (place, sent) in sent {
            match sent {
                Ok(()) => {}
                Err(PeerFailure::Silent(why)) => self.lose(place, &why),
                Err(failure) => faults.push(Err(format!("{}: {failure}", self.servers[place].url))),
            }
        }
        all(faults)
    }

    /// Applies the migrations, once: by one server.
    async fn migrate(&mut self) -> Result<(), CommandError> {
        for place in 0..self.servers.len() {
            if self.servers[place].lost.is_some() {
                continue;
            }
            let asked = self.servers[place].command(&self.id, Step::Migrate).await;
            if self.is_heard(place, asked)? && self.reaches(place, Phase::Migrated).await? {
                return Ok(());
            }
        }
        Err(self.nobody_left())
    }

    /// Gives the new version a part of the requests of all servers, and leaves it there.
    pub(super) async fn hold(&mut self, share: f64) -> Result<(), CommandError> {
        for place in 0..self.servers.len() {
            let tried = self.try_on(place, share, true).await;
            self.or_back(tried).await?;
        }
        let watched = self.watch(None, self.watch).await;
        self.or_back(watched).await?;
        let held = self.each(|| Step::Hold).await;
        self.or_back(held).await?;
        self.tell_served(Some(share));
        Ok(())
    }

    /// Has one server after the other take the new version, and all of them keep it.
    pub(super) async fn take(&mut self, how: How) -> Result<(), CommandError> {
        for place in 0..self.servers.len() {
            let taken = self.take_on(place, how).await;
            self.or_back(taken).await?;
        }
        self.commit().await
    }

    async fn take_on(&mut self, place: usize, how: How) -> Result<(), CommandError> {
        let (before, after) = match how {
            How::Tried => (self.watch * 2 / 3, self.watch / 3),
            How::Held => (Duration::ZERO, self.watch),
            How::Known => (Duration::ZERO, Duration::ZERO),
        };
        if how == How::Tried {
            self.try_on(place, SHARE, false).await?;
            self.watch(Some(place), before).await?;
        }
        if self.servers[place].lost.is_some() {
            return Ok(());
        }
        let asked = self.servers[place].command(&self.id, Step::Take).await;
        if !self.is_heard(place, asked)? || !self.reaches(place, Phase::Taken).await? {
            return Ok(());
        }
        let url = self.servers[place].url.clone();
        self.progress(&DeployStep::new(
            Some(&url),
            "the new version has all requests",
        ));
        if how != How::Known {
            self.watch(Some(place), after).await?;
        }
        Ok(())
    }

    async fn try_on(&mut self, place: usize, share: f64, exact: bool) -> Result<(), CommandError> {
        if self.servers[place].lost.is_some() {
            return Ok(());
        }
        let asked = self.servers[place]
            .command(&self.id, Step::Try { share, exact })
            .await;
        if self.is_heard(place, asked)? && self.reaches(place, Phase::Trying).await? {
            let server = &self.servers[place];
            // Less than it was asked for, where the cache answers most requests.
            let share = server.deployment().map(|of| of.share);
            let url = server.url.clone();
            let step = DeployStep::new(Some(&url), "tries the new version");
            self.progress(&DeployStep { share, ..step });
        }
        Ok(())
    }

    /// Whether a server has heard a step. One that is silent is heard of by [`servers::poll`]; one that refuses has a reason.
    fn is_heard(
        &mut self,
        place: usize,
        asked: Result<(), PeerFailure>,
    ) -> Result<bool, CommandError> {
        match asked {
            Ok(()) => Ok(true),
            Err(PeerFailure::Silent(why)) => {
                self.lose(place, &why);
                Ok(false)
            }
            Err(failure) => {
                self.check()?;
                let url = &self.servers[place].url;
                Err(super::failed(format!("{url}: {failure}")))
            }
        }
    }

    /// Compares both versions for a time; on one server, or on all. Fails if a server goes back.
    async fn watch(&mut self, place: Option<usize>, time: Duration) -> Result<(), CommandError> {
        let end = clock::now() + time;
        while clock::now() < end {
            self.poll().await?;
            sleep(POLL_INTERVAL.min(end.saturating_duration_since(clock::now()))).await;
        }
        self.poll().await?;
        let watched: Vec<_> = place.map_or((0..self.servers.len()).collect(), |place| vec![place]);
        for place in watched {
            let server = &self.servers[place];
            let url = server.url.clone();
            let compared = server.deployment().and_then(Compared::of);
            let step = DeployStep::new(Some(&url), "compared");
            if compared.is_some() {
                self.progress(&DeployStep { compared, ..step });
            }
        }
        Ok(())
    }

    /// Waits until all servers have reached a phase.
    async fn wait_for(&mut self, phase: Phase) -> Result<(), CommandError> {
        let mut faults = Vec::new();
        for place in 0..self.servers.len() {
            match self.reaches(place, phase).await {
                Ok(_) => {}
                Err(CommandError::Failed(reason)) => faults.push(reason.message),
                Err(error) => return Err(error),
            }
        }
        all(faults.into_iter().map(Err).collect())?;
        match self.alive().next() {
            Some(_) => Ok(()),
            None => Err(self.nobody_left()),
        }
    }

    /// Waits until a server has reached a phase. Whether it has; if not, it is lost.
    async fn reaches(&mut self, place: usize, phase: Phase) -> Result<bool, CommandError> {
        let end = clock::now() + STEP_TIMEOUT;
        loop {
            let server = &self.servers[place];
            if server.lost.is_some() {
                return Ok(false);
            }
            if let Some(deployment) = server.deployment() {
                if let Some(error) = &deployment.error {
                    return Err(super::failed(format!("{}: {error}", server.url)));
                }
                if !deployment.busy && deployment.phase >= phase {
                    return self.check().map(|()| true);
                }
            }
            if end <= clock::now() {
                return Err(super::failed(format!("{}: it takes too long", server.url)));
            }
            sleep(POLL_INTERVAL / 4).await;
            self.poll().await?;
        }
    }

    /// Asks all servers how far they are. Fails if one has gone back.
    async fn poll(&mut self) -> Result<(), CommandError> {
        for place in servers::poll(&mut self.servers, &self.id).await {
            let why = self.servers[place].lost.clone().unwrap_or_default();
            self.lose(place, &why);
        }
        self.check()?;
        match self.alive().next() {
            Some(_) => Ok(()),
            None => Err(self.nobody_left()),
        }
    }

    /// Fails if a server has gone back by itself.
    fn check(&self) -> Result<(), CommandError> {
        for server in self.alive() {
            let Some(deployment) = server.deployment().filter(|of| of.phase == Phase::Back) else {
                continue;
            };
            let reason = deployment.reason.clone().unwrap_or_default();
            return Err(super::failed(format!("{}: {reason}", server.url)));
        }
        Ok(())
    }

    /// Has all servers do a step. [`servers::poll`] notices those that do not answer.
    pub(super) async fn each(&mut self, step: impl Fn() -> Step) -> Result<(), CommandError> {
        let id = &self.id;
        let alive = self
            .servers
            .iter_mut()
            .filter(|server| server.lost.is_none());
        let asked = alive.map(async |server| {
            let asked = server.command(id, step()).await;
            match asked {
                Ok(()) | Err(PeerFailure::Silent(_)) => Ok(()),
                Err(failure) => Err(format!("{}: {failure}", server.url)),
            }
        });
        all(join_all(asked).await)
    }

    /// Gives up if that has failed. Nothing has changed so far.
    pub(super) async fn or_end<T>(
        &mut self,
        done: Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        if done.is_err() {
            let id = &self.id;
            let servers = self.servers.iter_mut();
            // A server that does not hear it gives up when it does not hear anything.
            join_all(servers.map(|server| server.command(id, Step::End))).await;
        }
        done
    }

    /// Goes on without a server.
    pub(super) fn lose(&mut self, place: usize, why: &str) {
        let server = &mut self.servers[place];
        server.lost = Some(why.to_owned());
        let url = server.url.clone();
        let step = DeployStep::new(
            Some(&url),
            "goes on without this server, which takes the version when it is back",
        );
        self.progress(&DeployStep {
            reason: Some(why),
            ..step
        });
    }

    pub(super) fn nobody_left(&self) -> CommandError {
        let lost = self.servers.iter().map(|server| {
            format!(
                "{}: {}",
                server.url,
                server.lost.as_deref().unwrap_or("lost")
            )
        });
        let lost: Vec<_> = lost.collect();
        super::failed(format!(
            "no server is left, and each goes on with the version that it has kept: {}",
            lost.join("; ")
        ))
    }

    pub(super) fn alive(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter().filter(|server| server.lost.is_none())
    }

    pub(super) fn progress(&mut self, step: &DeployStep<'_>) {
        let line = step.to_string();
        if self.last.as_ref() != Some(&line) {
            self.console.tell(&Event::DeployStep(step));
        }
        self.last = Some(line);
    }
}

/// All that went wrong.
fn all(done: Vec<Result<(), String>>) -> Result<(), CommandError> {
    let mut faults: Vec<_> = done.into_iter().filter_map(Result::err).collect();
    faults.sort();
    match faults.is_empty() {
        true => Ok(()),
        false => Err(super::failed(faults.join("\n"))),
    }
}
