//! A Redis Cluster of a test's own: three primaries, and a replica of one of them.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, interval};

use super::Server;

/// The primaries, which share the slots.
pub const PRIMARIES: usize = 3;

/// The primary with a replica: the one whose slots have the log of the caches.
pub const REPLICATED: usize = 1;

/// The server that begins as its replica.
pub const REPLICA: usize = PRIMARIES;

/// How many slots there are.
const SLOTS: usize = 16_384;

/// The time after which a silent server is replaced: short for a test, and long for a busy machine.
const NODE_TIMEOUT: &str = "cluster-node-timeout 2000";

/// The longest that the servers may take to agree.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running Cluster, which ends with the value.
#[derive(Debug)]
pub struct Cluster {
    /// Its servers; the last is the replica.
    pub servers: Vec<Server>,
}

impl Cluster {
    /// Starts a Cluster that keeps nothing on the disk.
    ///
    /// # Panics
    /// When there is no Redis on this machine.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts a Cluster whose servers have further settings, as those of [`Server::with`].
    ///
    /// # Panics
    /// When there is no Redis on this machine.
    pub async fn with(settings: &[&str]) -> Self {
        let fixed = [
            "cluster-enabled yes",
            NODE_TIMEOUT,
            "cluster-require-full-coverage no",
            "repl-diskless-sync-delay 0",
        ];
        let settings = [&fixed, settings].concat();
        let servers = (0..=REPLICA).map(|_| Server::with(&settings)).collect();
        let cluster = Self { servers };
        cluster.join().await;
        cluster
    }

    /// Its URL, with the primaries as they were first.
    #[must_use]
    pub fn url(&self) -> String {
        let servers = self.servers[..PRIMARIES].iter();
        let hosts: Vec<_> = servers
            .map(|server| format!("127.0.0.1:{}", server.port()))
            .collect();
        format!("redis://{}/?cluster=true", hosts.join(","))
    }

    /// The server with the slot of a key, as a server says that is asked.
    ///
    /// # Panics
    /// When that server does not answer.
    #[must_use]
    pub fn primary_of(&self, key: &str) -> usize {
        let slot: usize = number(&self.servers[1].ask(&["CLUSTER", "KEYSLOT", key]));
        slot * PRIMARIES / SLOTS
    }

    /// Moves the slot of a key from one server to another, and does something half-way, when the keys are on both.
    ///
    /// # Panics
    /// When a server refuses it.
    pub async fn move_slot<F: Future<Output = ()>>(
        &self,
        key: &str,
        from: usize,
        to: usize,
        half_way: impl FnOnce() -> F,
    ) {
        let (source, target) = (&self.servers[from], &self.servers[to]);
        let slot = source.ask(&["CLUSTER", "KEYSLOT", key]);
        let (of_source, of_target) = (id(source), id(target));
        target.say(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &of_source]);
        source.say(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &of_target]);
        let port = target.port().to_string();
        let next = "return redis.call('CLUSTER', 'GETKEYSINSLOT', ARGV[1], 1)[1] or ''";
        let mut half_way = Some(half_way);
        loop {
            let key = source.ask(&["EVAL", next, "0", &slot]);
            if key.is_empty() {
                break;
            }
            source.say(&["MIGRATE", "127.0.0.1", &port, &key, "0", "5000"]);
            if let Some(half_way) = half_way.take() {
                half_way().await;
            }
        }
        for server in [target, source] {
            server.say(&["CLUSTER", "SETSLOT", &slot, "NODE", &of_target]);
        }
    }

    /// The server that has the log of the caches now, once the other one that may have it follows it. Both run.
    ///
    /// # Panics
    /// When none follows the other for long.
    pub async fn with_log(&self) -> usize {
        let both = [REPLICATED, REPLICA];
        let follows = |index: usize| self.servers[index].info("master_link_status") == "up";
        until("one of the two follows the other", || {
            both.iter().filter(|index| follows(**index)).count() == 1
        })
        .await;
        if follows(REPLICA) {
            REPLICATED
        } else {
            REPLICA
        }
    }

    /// Makes one Cluster of the servers.
    async fn join(&self) {
        for (index, server) in self.servers.iter().enumerate() {
            let epoch = (index + 1).to_string();
            server.say(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]);
            if index < PRIMARIES {
                // So that `primary_of` can tell whose a slot is.
                let first = (index * SLOTS).div_ceil(PRIMARIES);
                let last = ((index + 1) * SLOTS).div_ceil(PRIMARIES) - 1;
                let range = [first.to_string(), last.to_string()];
                server.say(&["CLUSTER", "ADDSLOTSRANGE", &range[0], &range[1]]);
            }
        }
        let first = &self.servers[0];
        for server in &self.servers[1..] {
            let (port, bus) = (server.port().to_string(), server.ports.bus.to_string());
            first.say(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        let count = self.servers.len().to_string();
        for server in &self.servers {
            until("the servers find each other", || {
                let info = server.ask(&["CLUSTER", "INFO"]);
                let has = |line: &str| info.lines().any(|found| found == line);
                has("cluster_state:ok") && has(&format!("cluster_known_nodes:{count}"))
            })
            .await;
        }
        let replica = &self.servers[REPLICA];
        let primary = id(&self.servers[REPLICATED]);
        replica.say(&["CLUSTER", "REPLICATE", &primary]);
        self.with_log().await;
        for server in &self.servers {
            until("the servers know the replica", || {
                server.ask(&["CLUSTER", "NODES"]).contains("slave")
            })
            .await;
        }
    }
}

impl Server {
    /// A value of `INFO`; nothing if it has none.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn info(&self, name: &str) -> String {
        let info = self.ask(&["INFO"]);
        let mut lines = info.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(found, _)| *found == name);
        found.map_or_else(String::new, |(_, value)| value.to_owned())
    }

    /// Sends a command that is only done.
    fn say(&self, words: &[&str]) {
        assert_eq!(self.ask(words), "OK", "{words:?}");
    }
}

fn id(server: &Server) -> String {
    server.ask(&["CLUSTER", "MYID"])
}

fn number(text: &str) -> usize {
    text.parse().expect("the answer is a number")
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    let mut ticks = interval(Duration::from_millis(10));
    while !is_so() {
        ticks.tick().await;
        assert!(Instant::now() < deadline, "waited in vain: {what}");
    }
}
