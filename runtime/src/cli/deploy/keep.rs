//! The end of a deployment: all servers keep the new version, those that were lost on the way take it from them, and the command says so.

use futures::future::join_all;
use tokio::time::sleep;

use super::order::Order;
use super::servers::Server;
use crate::cli::deployed::{DeployStep, Deployed};
use crate::cli::error::CommandError;
use crate::cli::event::Event;
use crate::clock;
use crate::rollout::limits::{CONVERGENCE_TIMEOUT, POLL_INTERVAL};
use crate::rollout::{PeerFailure, Step};

impl Order {
    /// Has all servers keep the new version.
    pub(super) async fn commit(&mut self) -> Result<(), CommandError> {
        let mut is_decided = false;
        for place in 0..self.servers.len() {
            if self.servers[place].lost.is_some() {
                continue;
            }
            match self.servers[place].command(&self.id, Step::Commit).await {
                Ok(()) => is_decided = true,
                // It may have kept the version; then the others take it from there.
                Err(failure) if is_decided => self.lose(place, &failure.to_string()),
                Err(PeerFailure::Silent(why)) => self.lose(place, &why),
                Err(failure) => {
                    let url = &self.servers[place].url;
                    let refused = Err(super::failed(format!("{url}: {failure}")));
                    return self.or_back(refused).await;
                }
            }
        }
        if !is_decided {
            return Err(self.nobody_left());
        }
        self.converge().await;
        self.tell_served(None);
        Ok(())
    }

    /// Waits for the servers that were lost on the way: they take the version from the others.
    async fn converge(&mut self) {
        let end = clock::now() + CONVERGENCE_TIMEOUT;
        loop {
            let asked = self.servers.iter().map(|server| server.peer.status(None));
            let told = join_all(asked).await;
            for (server, told) in self.servers.iter_mut().zip(told) {
                server.status = told.ok();
            }
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
}
