//! The end of a deployment: all servers keep the new version and those that were lost on the way take it from them, or all go back; and
//! the command says so.

use futures::future::join_all;
use tokio::time::sleep;

use super::order::Order;
use super::servers::Server;
use crate::cli::deployed::{DeployStep, Deployed};
use crate::cli::error::CommandError;
use crate::cli::event::Event;
use crate::clock;
use crate::fault::Reason;
use crate::rollout::limits::{CONVERGENCE_TIMEOUT, POLL_INTERVAL};
use crate::rollout::{PeerFailure, Step};

impl Order {
    /// Has all servers keep the new version.
    pub(super) async fn commit(&mut self) -> Result<(), CommandError> {
        let (mut is_decided, mut is_unsure) = (false, false);
        for place in 0..self.servers.len() {
            if self.servers[place].lost.is_some() {
                continue;
            }
            match self.servers[place].command(&self.id, Step::Commit).await {
                Ok(()) => is_decided = true,
                // It may have kept the version; then the others take it from there.
                Err(failure) if is_decided => self.lose(place, &failure.to_string()),
                Err(PeerFailure::Silent(why)) => {
                    is_unsure = true;
                    self.lose(place, &why);
                }
                // One that did not answer may have kept the version, so nothing goes back: the servers settle it among themselves.
                Err(failure) if is_unsure => self.lose(place, &failure.to_string()),
                Err(failure) => {
                    let url = &self.servers[place].url;
                    let refused = Err(super::failed(format!("{url}: {failure}")));
                    return self.or_back(refused).await;
                }
            }
        }
        self.converge().await;
        if !self.servers.iter().any(|server| self.serves(server)) {
            return Err(self.nobody_left());
        }
        self.tell_served(None);
        Ok(())
    }

    /// Waits for the servers that were lost on the way: they take the version from the others.
    async fn converge(&mut self) {
        let end = clock::now() + CONVERGENCE_TIMEOUT;
        loop {
            self.ask_all().await;
            if self.servers.iter().all(|server| self.serves(server)) || end <= clock::now() {
                break;
            }
            sleep(POLL_INTERVAL).await;
        }
        let away = self.servers.iter().filter(|server| !self.serves(server));
        let away: Vec<_> = away.map(|server| server.url.clone()).collect();
        for url in away {
            let what = "does not serve the version yet, and takes it when it is back";
            self.progress(&DeployStep::new(Some(&url), what));
        }
    }

    /// Asks all servers for their status, also those that were lost on the way.
    async fn ask_all(&mut self) {
        let asked = self.servers.iter().map(|server| server.peer.status(None));
        let told = join_all(asked).await;
        for (server, told) in self.servers.iter_mut().zip(told) {
            server.status = told.ok();
        }
    }

    /// Whether a server serves and keeps the version.
    fn serves(&self, server: &Server) -> bool {
        let stamp = &self.version.stamp;
        server.status.as_ref().is_some_and(|status| {
            status.digest == stamp.digest && status.current().is_some_and(|of| of.stamp == *stamp)
        })
    }

    /// Says which version is served, or held at a `share`.
    pub(super) fn tell_served(&self, share: Option<f64>) {
        let servers = match share {
            Some(_) => self.alive().count(),
            None => self
                .servers
                .iter()
                .filter(|server| self.serves(server))
                .count(),
        };
        let deployed = Deployed {
            app: &self.app,
            version: &self.version.version,
            digest: &self.version.stamp.digest,
            servers,
            share,
        };
        self.console.tell(&Event::Deployed(&deployed));
    }

    /// Goes back on all servers.
    pub(super) async fn back(&mut self, reason: &str) {
        let step = || Step::Back {
            reason: reason.to_owned(),
        };
        // A server that does not hear it goes back when it does not hear anything.
        let _ = self.each(step).await;
        self.ask_all().await;
    }

    /// Goes back on all servers if the deployment has failed.
    pub(super) async fn or_back(
        &mut self,
        done: Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        let Err(CommandError::Failed(Reason { message, .. })) = &done else {
            return done;
        };
        let message = message.clone();
        self.back(&message).await;
        let what = format!("went back to the version before: {message}");
        let reason = Reason::new(what);
        Err(CommandError::Failed(reason.help(
            "`terrace deploy --list` shows what each server serves",
        )))
    }

    /// Goes back from a version that is held.
    pub(super) async fn give_up(&mut self) -> Result<(), CommandError> {
        self.back("it was rolled back").await;
        let holding = self.servers.iter().filter(|server| {
            let is_over = server
                .deployment()
                .map(|of| of.id != self.id || of.phase.is_over());
            is_over != Some(true)
        });
        let holding: Vec<_> = holding.map(|server| server.url.as_str()).collect();
        if !holding.is_empty() {
            let what = format!(
                "these servers did not say that they went back: {}",
                holding.join(", ")
            );
            let reason =
                Reason::new(what).help("they do so by themselves once they hear of the others");
            return Err(CommandError::Failed(reason));
        }
        self.tell_served(None);
        Ok(())
    }
}
