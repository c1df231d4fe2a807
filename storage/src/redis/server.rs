//! A server, or a Cluster, as its callers see it: commands with deadlines, which go where their keys are.

use std::sync::Arc;
use std::time::Instant;

use redis::{Cmd, Pipeline, Value};

use super::address::{Address, Target};
use super::cluster::Cluster;
use super::connection::{Connection, Request};
use super::failures::Failed;
use super::link::Node;
use super::open::{self, Opened};
use crate::clock;
use crate::driver::Driver;
use crate::failure::EngineFailure;
use crate::sql;
use crate::sql::open::{OpenError, RedisOptions};

/// The name of the thread.
const THREAD: &str = "redis";

/// A server or a Cluster. Clones share its connections.
#[derive(Clone)]
pub(crate) struct Server(Arc<Inner>);

struct Inner {
    nodes: Nodes,
    cautions: Vec<String>,
}

#[derive(Clone)]
enum Nodes {
    Alone(Node),
    Cluster(Cluster),
}

/// The connection to one server as it is now: what is executed by it is executed by the same process, or not at all.
pub(crate) struct Session {
    nodes: Nodes,
    node: Node,
    connection: Connection,
    run: Arc<str>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = &self.0.nodes.first().shown;
        formatter.debug_tuple("Server").field(shown).finish()
    }
}

impl Nodes {
    /// Those of a URL, with the thread that drives their connections.
    fn of(url: &str, options: &RedisOptions) -> Result<(Self, Arc<Driver>), OpenError> {
        let target = Target::read(url, options)?;
        let driver = Driver::start(THREAD).map_err(|source| OpenError::Thread { source })?;
        let driver = Arc::new(driver);
        let nodes = match target {
            Target::Alone(address) => Self::Alone(Node::new(address, Arc::clone(&driver))),
            Target::Cluster(seeds) => Self::Cluster(Cluster::of(seeds, Arc::clone(&driver))),
        };
        Ok((nodes, driver))
    }

    /// The server that the URL names first.
    fn first(&self) -> &Address {
        match self {
            Self::Alone(node) => node.address(),
            Self::Cluster(cluster) => &cluster.seeds()[0],
        }
    }

    /// Reaches a server and judges it; in a Cluster the first that answers.
    async fn open(&self, deadline: Instant) -> Result<Vec<String>, OpenError> {
        let (node, opened) = match self {
            Self::Alone(node) => (
                node.clone(),
                open::open(node.address(), false, deadline).await?,
            ),
            Self::Cluster(cluster) => {
                let (place, opened) = open::open_any(cluster.seeds(), deadline).await?;
                (cluster.node_at(&place), opened)
            }
        };
        let Opened {
            connection,
            cautions,
        } = opened;
        node.take(connection);
        if let Self::Cluster(cluster) = self {
            let read = cluster.read_map(deadline).await;
            read.map_err(|failed| OpenError::Server {
                server: node.address().shown.clone(),
                message: failed.of_read().to_string(),
            })?;
        }
        Ok(cautions)
    }
}

impl Server {
    /// Reaches a server and judges it. It blocks the calling thread.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub(crate) fn open(url: &str, options: &RedisOptions) -> Result<Self, OpenError> {
        let (nodes, driver) = Nodes::of(url, options)?;
        let (shown, opened) = (nodes.first().shown.clone(), nodes.clone());
        let deadline = clock::now() + options.open_timeout;
        let opening = async move { opened.open(deadline).await };
        let cautions = sql::open::wait(&driver, shown, options.open_timeout, opening)?;
        Ok(Self(Arc::new(Inner { nodes, cautions })))
    }

    /// A server that need not be reached yet: the first command connects.
    ///
    /// # Errors
    ///
    /// If the URL is wrong, or the operating system starts no thread.
    pub(crate) fn unopened(url: &str, options: &RedisOptions) -> Result<Self, OpenError> {
        let (nodes, _) = Nodes::of(url, options)?;
        let cautions = Vec::new();
        Ok(Self(Arc::new(Inner { nodes, cautions })))
    }

    /// Opens a server, or leaves it unopened if it does not answer now. It blocks the calling thread.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub(crate) fn open_if_reachable(url: &str, options: &RedisOptions) -> Result<Self, OpenError> {
        match Self::open(url, options) {
            Err(OpenError::Unreachable { .. }) => Self::unopened(url, options),
            opened => opened,
        }
    }

    /// The same server with other connections, which are made at their first use.
    pub(crate) fn beside(&self) -> Self {
        let nodes = match &self.0.nodes {
            Nodes::Alone(node) => Nodes::Alone(node.beside()),
            Nodes::Cluster(cluster) => Nodes::Cluster(cluster.beside()),
        };
        let cautions = Vec::new();
        Self(Arc::new(Inner { nodes, cautions }))
    }

    /// What an operator should know about the server's settings, in sentences.
    pub(crate) fn cautions(&self) -> &[String] {
        &self.0.cautions
    }

    /// Executes a command that changes nothing. If its connection breaks, it is sent once more on a new one.
    pub(crate) async fn read(&self, command: Cmd, deadline: Instant) -> Result<Value, Failed> {
        match self.write(command.clone(), deadline).await {
            Err(failed) if failed.is_lost() => self.write(command, deadline).await,
            other => other,
        }
    }

    /// Executes a command that changes something, at most once.
    pub(crate) async fn write(&self, command: Cmd, deadline: Instant) -> Result<Value, Failed> {
        match &self.0.nodes {
            Nodes::Alone(node) => node.write(command, deadline).await,
            Nodes::Cluster(cluster) => cluster.execute(command, deadline).await,
        }
    }

    /// The servers that have keys.
    pub(crate) async fn nodes(&self, deadline: Instant) -> Result<Vec<Node>, Failed> {
        match &self.0.nodes {
            Nodes::Alone(node) => Ok(vec![node.clone()]),
            Nodes::Cluster(cluster) => cluster.primaries(deadline).await,
        }
    }

    /// The connection to the server of a key, as it is now.
    pub(crate) async fn session(&self, key: &str, deadline: Instant) -> Result<Session, Failed> {
        let nodes = &self.0.nodes;
        let node = match nodes {
            Nodes::Alone(node) => node.clone(),
            Nodes::Cluster(cluster) => cluster.node_of(key.as_bytes(), deadline).await?,
        };
        let (connection, run) = match node.usable().and_then(|one| Some((one.run()?, one))) {
            Some((run, connection)) => (connection, run),
            None => nodes.note(&node, ask_run(&node, deadline).await)?,
        };
        Ok(Session {
            nodes: nodes.clone(),
            node,
            connection,
            run,
        })
    }

    /// Closes the connections. Later commands fail.
    pub(crate) fn close(&self) {
        match &self.0.nodes {
            Nodes::Alone(node) => node.close(),
            Nodes::Cluster(cluster) => cluster.close(),
        }
    }
}

impl Nodes {
    /// Has a Cluster note what an outcome says of it.
    fn note<T>(&self, node: &Node, outcome: Result<T, Failed>) -> Result<T, Failed> {
        if let (Self::Cluster(cluster), Err(failed)) = (self, &outcome) {
            cluster.note(failed, node);
        }
        outcome
    }
}

/// Asks a server for its own name of its process.
async fn ask_run(node: &Node, deadline: Instant) -> Result<(Connection, Arc<str>), Failed> {
    let mut ask = redis::cmd("INFO");
    ask.arg("server");
    let ask = Arc::new(Request::One(ask));
    let (info, connection) = node.execute(ask, None, deadline).await?;
    let info = open::text(info);
    let run = open::field(&info, "run_id").filter(|run| !run.is_empty());
    let run = run.ok_or_else(|| {
        let message = "it does not say which process it is (INFO server)".to_owned();
        Failed::NotSent(EngineFailure::Other { message })
    })?;
    let run = connection.note_run(run);
    Ok((connection, run))
}

impl Session {
    /// The server's own name for its process.
    pub(crate) fn run(&self) -> &str {
        &self.run
    }

    /// Executes commands one after the other. The answer is the array of theirs.
    pub(crate) async fn execute(
        &self,
        commands: Pipeline,
        deadline: Instant,
    ) -> Result<Value, Failed> {
        let request = Arc::new(Request::Many(commands));
        let on = Some(self.connection.clone());
        let answer = self.node.execute(request, on, deadline).await;
        self.nodes.note(&self.node, answer.map(|(value, _)| value))
    }
}
