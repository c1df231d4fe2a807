//! The servers of a deployment: what each told last, and which of them do not answer any more.

use std::convert::Infallible;
use std::time::Instant;

use futures::future::join_all;
use tokio::time::sleep;

use crate::clock;
use crate::rollout::limits::{POLL_INTERVAL, SERVER_PATIENCE};
use crate::rollout::{Command, Deployment, Peer, PeerFailure, Status, Step};

/// A server of a deployment.
pub(super) struct Server {
    pub(super) url: String,
    pub(super) peer: Peer,
    /// What it told last.
    pub(super) status: Option<Status>,
    silent_since: Option<Instant>,
    /// Why the deployment goes on without it.
    pub(super) lost: Option<String>,
}

impl Server {
    pub(super) fn new(peer: Peer) -> Self {
        Self {
            url: peer.url.to_string(),
            peer,
            status: None,
            silent_since: None,
            lost: None,
        }
    }

    /// How far it is with the deployment.
    pub(super) fn deployment(&self) -> Option<&Deployment> {
        self.status.as_ref()?.deployment.as_ref()
    }

    /// Has it do a step of deployment `id`.
    pub(super) async fn command(&mut self, id: &str, step: Step) -> Result<(), PeerFailure> {
        let id = id.to_owned();
        let status = self.peer.command(&Command { id, step }).await?;
        self.status = Some(status);
        Ok(())
    }

    /// Notes what it told of deployment `id`, or that it told nothing.
    fn note(&mut self, id: &str, told: Result<Status, PeerFailure>) {
        match told {
            Ok(status) => {
                let is_known = status.deployment.as_ref().is_some_and(|of| of.id == id);
                (self.status, self.silent_since) = (Some(status), None);
                if !is_known {
                    self.lost = Some("it was started anew".to_owned());
                }
            }
            Err(PeerFailure::Silent(why)) => {
                let since = *self.silent_since.get_or_insert_with(clock::now);
                if clock::now().saturating_duration_since(since) > SERVER_PATIENCE {
                    self.lost = Some(format!("it does not answer: {why}"));
                }
            }
            Err(failure) => self.lost = Some(failure.to_string()),
        }
    }
}

/// Asks all servers that are not lost how far they are. They know by it that the command is there. Gives the places of those that are
/// lost since then.
pub(super) async fn poll(servers: &mut [Server], id: &str) -> Vec<usize> {
    let asked = servers.iter().map(async |server| match server.lost {
        Some(_) => None,
        None => Some(server.peer.status(Some(id)).await),
    });
    let told = join_all(asked).await;
    let mut lost = Vec::new();
    for (place, told) in told.into_iter().enumerate() {
        if let Some(told) = told {
            servers[place].note(id, told);
            lost.extend(servers[place].lost.is_some().then_some(place));
        }
    }
    lost
}

/// Does work that takes long, while the servers hear that the command is there.
pub(super) async fn meanwhile<T>(peers: &[Peer], id: &str, work: impl Future<Output = T>) -> T {
    tokio::select! {
        done = work => done,
        never = keep_alive(peers, id) => match never {},
    }
}

async fn keep_alive(peers: &[Peer], id: &str) -> Infallible {
    loop {
        join_all(peers.iter().map(|peer| peer.status(Some(id)))).await;
        sleep(POLL_INTERVAL).await;
    }
}
