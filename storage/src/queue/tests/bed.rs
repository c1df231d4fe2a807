//! The engines under test, and what tests do with them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::clock;
use crate::queue::{Contents, JetStreamOptions, Message, Owner, Queues, Room};
use crate::sql::open::{PostgresOptions, SqliteOptions};
use crate::test_nats as nats;
use crate::test_server::Server;
use crate::test_server::pooler::Pooler;
use crate::test_wait::until;

pub(super) const ROOM: Room = Room {
    messages: 1_000_000,
    bytes: 1 << 30,
};

/// The app of the queues on NATS.
const PREFIX: &str = "tested";

/// Queues of an engine, with what they need to be there.
pub(super) struct Bed {
    pub(super) queues: Queues,
    needs: Needs,
}

/// What an engine needs to be there.
enum Needs {
    Folder(tempfile::TempDir),
    Server(Server),
    Nats(nats::Server, tempfile::TempDir),
    Cluster(Box<[nats::Server; 3]>, tempfile::TempDir),
    Pooler(
        Pooler,
        #[expect(dead_code, reason = "it ends with the bed")] Server,
    ),
}

pub(super) fn beds() -> Vec<Bed> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    let on_sqlite = Bed {
        queues: Queues::open_sqlite(&path, SqliteOptions::default()).unwrap(),
        needs: Needs::Folder(folder),
    };
    let on_postgres = on_postgres();
    let server = Server::start();
    let pooler = Pooler::to(server.socket());
    let behind_a_pooler = Bed {
        queues: Queues::open_postgres(&pooler.url(), &patient()).unwrap(),
        needs: Needs::Pooler(pooler, server),
    };
    vec![on_sqlite, on_postgres, behind_a_pooler, on_jetstream()]
}

/// Queues on a NATS server, with a ledger in a file.
pub(super) fn on_jetstream() -> Bed {
    let (server, folder) = (nats::Server::start(), tempfile::tempdir().unwrap());
    Bed {
        queues: of_nats(&server.url(), &folder, PREFIX, 1),
        needs: Needs::Nats(server, folder),
    }
}

/// Queues on three NATS servers, each of which has all messages.
pub(super) async fn on_replicated_jetstream() -> Bed {
    let (servers, folder) = (nats::Server::three(), tempfile::tempdir().unwrap());
    let bed = Bed {
        queues: of_nats(&urls(&servers), &folder, PREFIX, 3),
        needs: Needs::Cluster(Box::new(servers), folder),
    };
    until("the servers have a leader", async || {
        let names = ["mail".to_owned()];
        let prepared = bed.queues.prepare(&names, ROOM, soon()).await;
        prepared.ok()
    })
    .await;
    bed
}

fn urls(servers: &[nats::Server; 3]) -> String {
    servers.each_ref().map(nats::Server::url).join(",")
}

fn of_nats(url: &str, folder: &tempfile::TempDir, prefix: &str, replicas: usize) -> Queues {
    let path = folder.path().join("ledger.db");
    let ledger = Queues::open_sqlite(&path, SqliteOptions::default()).unwrap();
    let options = JetStreamOptions {
        open_timeout: Duration::from_secs(30),
        password: None,
        prefix: prefix.to_owned(),
        replicas,
    };
    Queues::open_jetstream(url, &options, &ledger).unwrap()
}

/// Queues on a server without a pooler.
pub(super) fn on_postgres() -> Bed {
    let server = Server::start();
    Bed {
        queues: Queues::open_postgres(&server.url(), &patient()).unwrap(),
        needs: Needs::Server(server),
    }
}

fn patient() -> PostgresOptions {
    PostgresOptions {
        open_timeout: Duration::from_secs(30),
        ..PostgresOptions::default()
    }
}

pub(super) fn soon() -> Instant {
    clock::now() + Duration::from_secs(20)
}

pub(super) fn message(queue: &str, id: &str) -> Message {
    Message {
        queue: queue.to_owned(),
        id: id.to_owned(),
        key: None,
        delay: Duration::ZERO,
        contents: Contents {
            head: format!("{{\"id\":{id:?}}}"),
            data: id.as_bytes().to_vec(),
        },
    }
}

pub(super) fn keyed(id: &str, key: &str) -> Message {
    Message {
        key: Some(key.to_owned()),
        ..message("mail", id)
    }
}

pub(super) fn owner(name: &str) -> Owner {
    Owner(name.to_owned())
}

impl Bed {
    /// The same queues as another process opens them.
    pub(super) fn another(&self) -> Queues {
        match &self.needs {
            Needs::Folder(folder) => {
                let path = folder.path().join("queue.db");
                Queues::open_sqlite(&path, SqliteOptions::default()).unwrap()
            }
            Needs::Server(server) => Queues::open_postgres(&server.url(), &patient()).unwrap(),
            Needs::Nats(server, folder) => of_nats(&server.url(), folder, PREFIX, 1),
            Needs::Cluster(servers, folder) => of_nats(&urls(servers), folder, PREFIX, 3),
            Needs::Pooler(pooler, _) => Queues::open_postgres(&pooler.url(), &patient()).unwrap(),
        }
    }

    /// Kills one of its three servers.
    pub(super) fn kill_one(&mut self) {
        match &mut self.needs {
            Needs::Cluster(servers, _) => servers[0].kill(),
            Needs::Folder(_) | Needs::Server(_) | Needs::Nats(..) | Needs::Pooler(..) => {
                panic!("it has one server at most")
            }
        }
    }

    /// The queues of another app on its NATS server.
    pub(super) fn of_app(&self, prefix: &str, folder: &tempfile::TempDir) -> Queues {
        match &self.needs {
            Needs::Nats(server, _) => of_nats(&server.url(), folder, prefix, 1),
            Needs::Folder(_) | Needs::Server(_) | Needs::Pooler(..) | Needs::Cluster(..) => {
                panic!("it has no NATS")
            }
        }
    }

    /// The URL of its server.
    pub(super) fn url(&self) -> String {
        match &self.needs {
            Needs::Server(server) => server.url(),
            Needs::Nats(server, _) => server.url(),
            Needs::Folder(_) | Needs::Pooler(..) | Needs::Cluster(..) => {
                panic!("it has no server of its own")
            }
        }
    }

    pub(super) async fn send(&self, messages: &[Message]) {
        let sent = self.queues.send(messages.to_vec(), ROOM, soon());
        sent.await.unwrap();
    }

    pub(super) async fn join(&self, name: &str) -> Owner {
        let owner = owner(name);
        self.queues.join(&owner, soon()).await.unwrap();
        owner
    }

    /// Claims messages, and gives their numbers by their data.
    pub(super) async fn claim(
        &self,
        owner: &Owner,
        queue: &str,
        most: usize,
    ) -> Vec<(String, i64)> {
        let claim = self.queues.claim(owner, queue, most, soon()).await.unwrap();
        let messages = claim.messages.into_iter();
        messages
            .map(|claimed| {
                let data = String::from_utf8(claimed.contents.data).unwrap();
                (data, claimed.number)
            })
            .collect()
    }

    /// The number of messages by queue.
    pub(super) async fn counts(&self) -> BTreeMap<String, u64> {
        let figures = self.queues.figures(soon()).await.unwrap();
        let figures = figures.into_iter();
        figures
            .map(|figures| (figures.queue, figures.messages))
            .collect()
    }
}

pub(super) fn ids(claimed: &[(String, i64)]) -> Vec<&str> {
    claimed.iter().map(|(id, _)| &**id).collect()
}
