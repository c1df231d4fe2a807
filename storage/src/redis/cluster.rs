//! A Redis Cluster: sends a command to the server that has the key's slot, follows redirections, and finds out again who has what when
//! a server fails. Deadlines and breakers are those of each server's [`Node`]. Commands that span slots are left out: there are none.
//!
//! The driver's own client for Clusters is not used: it repeats commands by itself, and one server that hangs delays others.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use redis::{Arg, Cmd, Value, cmd};
use tokio::time::timeout_at;

use super::address::{Address, Place};
use super::connection::Request;
use super::failures::{self, Failed};
use super::link::Node;
use super::slots::{self, Map, Redirection};
use crate::clock;
use crate::driver::Driver;
use crate::failure::EngineFailure;
use crate::limits::{MAP_PAUSE, MAP_TIMEOUT, MAX_REDIRECTIONS};

/// A Cluster. Clones are the same.
#[derive(Clone)]
pub(super) struct Cluster(Arc<Inner>);

struct Inner {
    /// The servers that the URL names.
    seeds: Vec<Address>,
    driver: Arc<Driver>,
    known: Mutex<Known>,
    /// Held while the map is read, so that it is read once for all that wait.
    reading: tokio::sync::Mutex<()>,
    /// How often the map was read: each time, another server is asked first.
    reads: AtomicUsize,
    is_closed: AtomicBool,
}

/// What is known of the servers.
#[derive(Default)]
struct Known {
    map: Option<Map>,
    nodes: BTreeMap<Place, Node>,
    /// When the map was last asked for because something failed.
    asked_at: Option<Instant>,
}

impl Cluster {
    pub(super) fn of(seeds: Vec<Address>, driver: Arc<Driver>) -> Self {
        Self(Arc::new(Inner {
            seeds,
            driver,
            known: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            reads: AtomicUsize::new(0),
            is_closed: AtomicBool::new(false),
        }))
    }

    pub(super) fn seeds(&self) -> &[Address] {
        &self.0.seeds
    }

    /// The same Cluster with connections of its own.
    pub(super) fn beside(&self) -> Self {
        Self::of(self.0.seeds.clone(), Arc::clone(&self.0.driver))
    }

    /// Executes a command where its key is. A redirected one was refused before, so it is executed at most once.
    pub(super) async fn execute(&self, command: Cmd, deadline: Instant) -> Result<Value, Failed> {
        let slot = slot(&command);
        let request = Arc::new(Request::One(command));
        let mut node = self.node(slot, deadline).await?;
        for _ in 0..MAX_REDIRECTIONS {
            let answer = node.execute(Arc::clone(&request), None, deadline).await;
            let failed = match answer {
                Ok((value, _)) => return Ok(value),
                Err(failed) => failed,
            };
            let Some(redirection) = self.note(&failed, &node) else {
                return Err(failed);
            };
            node = self.node_at(&redirection.place);
            if redirection.is_once {
                return self.ask(&node, &request, deadline).await;
            }
        }
        let message = "its servers send this command from one to the other".to_owned();
        Err(Failed::NotSent(failures::unavailable(message)))
    }

    /// The server with the slot of a key.
    pub(super) async fn node_of(&self, key: &[u8], deadline: Instant) -> Result<Node, Failed> {
        self.node(slots::slot(key), deadline).await
    }

    /// All servers with slots.
    pub(super) async fn primaries(&self, deadline: Instant) -> Result<Vec<Node>, Failed> {
        let map = self.map(deadline).await?;
        let places = map.primaries().into_iter();
        Ok(places.map(|place| self.node_at(place)).collect())
    }

    /// The server at a place.
    pub(super) fn node_at(&self, place: &Place) -> Node {
        let mut known = self.known();
        let node = known.nodes.entry(place.clone()).or_insert_with(|| {
            let address = self.0.seeds[0].at(place.clone());
            Node::new(address, Arc::clone(&self.0.driver))
        });
        if self.0.is_closed.load(Ordering::Relaxed) {
            node.close();
        }
        node.clone()
    }

    /// Notes what a failure says of the Cluster; returns where the command has to go instead.
    pub(super) fn note(&self, failed: &Failed, node: &Node) -> Option<Redirection> {
        let redirection = Redirection::read(failed, node.place());
        if let Some(Redirection { slot, place, .. }) = redirection.as_ref().filter(|to| !to.is_once)
            && let Some(map) = &mut self.known().map
        {
            map.note(*slot, place.clone());
        }
        if failed.may_be_of_another_server() {
            self.suspect();
        }
        redirection
    }

    /// Closes all connections. Later commands fail.
    pub(super) fn close(&self) {
        self.0.is_closed.store(true, Ordering::Relaxed);
        for node in self.known().nodes.values() {
            node.close();
        }
    }

    /// Reads the map, or waits for one who does.
    pub(super) async fn read_map(&self, deadline: Instant) -> Result<Map, Failed> {
        let before = self.0.reads.load(Ordering::Relaxed);
        let reading = timeout_at(deadline.into(), self.0.reading.lock());
        let _reading = reading
            .await
            .map_err(|_| Failed::NotSent(EngineFailure::DeadlineExceeded))?;
        if self.0.reads.load(Ordering::Relaxed) != before
            && let Some(map) = self.known().map.clone()
        {
            return Ok(map);
        }
        let mut failed = Failed::NotSent(EngineFailure::DeadlineExceeded);
        for place in self.places() {
            let until = deadline.min(clock::now() + MAP_TIMEOUT);
            match self.map_of(&place, until).await {
                Ok(map) => {
                    self.0.reads.fetch_add(1, Ordering::Relaxed);
                    self.learn(&map);
                    return Ok(map);
                }
                Err(error) => failed = error,
            }
            if clock::now() >= deadline {
                break;
            }
        }
        self.0.reads.fetch_add(1, Ordering::Relaxed);
        Err(failed)
    }

    /// The map as the server at a place sees it.
    async fn map_of(&self, place: &Place, deadline: Instant) -> Result<Map, Failed> {
        let mut ask = cmd("CLUSTER");
        ask.arg("SLOTS");
        let ask = Arc::new(Request::One(ask));
        let (answer, _) = self.node_at(place).execute(ask, None, deadline).await?;
        Map::read(answer, place).ok_or_else(|| {
            let message = "no server of the Cluster has slots".to_owned();
            Failed::NotSent(failures::unavailable(message))
        })
    }

    /// The servers that may know the map, each time another one first.
    fn places(&self) -> Vec<Place> {
        let mut places: Vec<Place> = match &self.known().map {
            Some(map) => map.servers().into_iter().cloned().collect(),
            None => Vec::new(),
        };
        let first = self.0.reads.load(Ordering::Relaxed);
        let count = places.len().max(1);
        places.rotate_left(first % count);
        for seed in &self.0.seeds {
            if !places.contains(&seed.place) {
                places.push(seed.place.clone());
            }
        }
        places
    }

    /// Takes a map. The connections to servers that are not in it end with their last command.
    fn learn(&self, map: &Map) {
        let mut known = self.known();
        let servers = map.servers();
        known.nodes.retain(|place, _| servers.contains(place));
        known.map = Some(map.clone());
    }

    /// Reads the map again in the background, unless that was done a moment ago.
    fn suspect(&self) {
        let mut known = self.known();
        let now = clock::now();
        if known.asked_at.is_some_and(|at| now < at + MAP_PAUSE) {
            return;
        }
        known.asked_at = Some(now);
        let cluster = self.clone();
        let reading = async move {
            // If nobody answers, the next failure asks again.
            let _ = cluster.read_map(clock::now() + 4 * MAP_TIMEOUT).await;
        };
        self.0.driver.spawn(reading);
    }

    async fn map(&self, deadline: Instant) -> Result<Map, Failed> {
        let map = self.known().map.clone();
        match map {
            Some(map) => Ok(map),
            None => self.read_map(deadline).await,
        }
    }

    async fn node(&self, slot: u16, deadline: Instant) -> Result<Node, Failed> {
        let known = self
            .known()
            .map
            .as_ref()
            .map(|map| map.place(slot).cloned());
        let place = match known {
            Some(place) => place,
            None => self.read_map(deadline).await?.place(slot).cloned(),
        };
        let Some(place) = place else {
            self.suspect();
            let message = "no server of the Cluster has the slot of this key".to_owned();
            return Err(Failed::NotSent(failures::unavailable(message)));
        };
        Ok(self.node_at(&place))
    }

    /// Executes a command whose key is on its way to this server.
    async fn ask(
        &self,
        node: &Node,
        request: &Request,
        deadline: Instant,
    ) -> Result<Value, Failed> {
        let request = Arc::new(request.asking());
        let (answers, _) = node.execute(request, None, deadline).await?;
        let last = match answers {
            Value::Array(mut answers) => answers.pop(),
            _ => None,
        };
        Ok(last.unwrap_or(Value::Nil))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The slot of a command's key, which is its first argument, or the first behind a script and the number of its keys.
fn slot(command: &Cmd) -> u16 {
    let mut arguments = command.args_iter().map(|argument| match argument {
        Arg::Simple(bytes) => bytes,
        _ => b"",
    });
    let is_script = arguments.next().is_some_and(|name| name == b"EVAL");
    let key = arguments.nth(if is_script { 2 } else { 0 });
    slots::slot(key.unwrap_or_default())
}
