//! A server as its callers see it: commands with deadlines, on one connection for all of them. A lost connection is made again by
//! the next command, unless the breaker is open.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc as thread_channel};
use std::time::Instant;

use redis::{Cmd, Pipeline, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{sleep_until, timeout};

use super::address::Address;
use super::connection::{Connection, Request};
use super::failures::{self, Failed};
use super::open::{self, Opened};
use crate::breaker::Breaker;
use crate::clock;
use crate::driver::Driver;
use crate::failure::EngineFailure;
use crate::limits::{CONNECT_TIMEOUT, MAX_COMMANDS_IN_FLIGHT};
use crate::sql::open::{OpenError, RedisOptions};

/// The name of the thread.
const THREAD: &str = "redis";

/// A server. Clones share its connection.
#[derive(Clone)]
pub(crate) struct Server(Arc<Inner>);

struct Inner {
    link: Arc<Link>,
    cautions: Vec<String>,
    driver: Arc<Driver>,
}

/// A server's connection as it is now: what is executed by it is executed by the same process, or not at all.
pub(crate) struct Session {
    server: Server,
    connection: Connection,
    run: Arc<str>,
}

/// The connection, whether or not there is one at the moment. All of it happens on one thread.
struct Link {
    address: Address,
    breaker: Breaker,
    connection: Mutex<Option<Connection>>,
    /// Held while one is made, so that one is made for all that wait.
    connecting: tokio::sync::Mutex<()>,
    in_flight: Arc<Semaphore>,
    is_closed: AtomicBool,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = &self.0.link.address.shown;
        formatter.debug_tuple("Server").field(shown).finish()
    }
}

impl Server {
    /// Reaches a server and judges it. It blocks the calling thread.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub(crate) fn open(url: &str, options: &RedisOptions) -> Result<Self, OpenError> {
        let address = Address::read(url, options)?;
        let driver = Driver::start(THREAD).map_err(|source| OpenError::Thread { source })?;
        let link = Arc::new(Link::to(address));
        let (done, opened) = thread_channel::channel();
        let (opening, deadline) = (Arc::clone(&link), clock::now() + options.open_timeout);
        driver.spawn(async move {
            let opened = open::open(&opening.address, deadline).await;
            // Nobody waits any more if the deadline is long gone.
            let _ = done.send(opened);
        });
        let patience = options.open_timeout.saturating_mul(2);
        let unreachable = || OpenError::Unreachable {
            server: link.address.shown.clone(),
            message: "it does not answer in time".to_owned(),
        };
        let opened = opened.recv_timeout(patience);
        let Opened {
            connection,
            cautions,
        } = opened.unwrap_or_else(|_| Err(unreachable()))?;
        *link.connection() = Some(connection);
        Ok(Self(Arc::new(Inner {
            link,
            cautions,
            driver: Arc::new(driver),
        })))
    }

    /// A server that need not be reached yet: the first command connects.
    ///
    /// # Errors
    ///
    /// If the URL is wrong, or the operating system starts no thread.
    pub(crate) fn unopened(url: &str, options: &RedisOptions) -> Result<Self, OpenError> {
        let address = Address::read(url, options)?;
        let driver = Driver::start(THREAD).map_err(|source| OpenError::Thread { source })?;
        Ok(Self(Arc::new(Inner {
            link: Arc::new(Link::to(address)),
            cautions: Vec::new(),
            driver: Arc::new(driver),
        })))
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

    /// The same server with another connection, which is made at its first use.
    pub(crate) fn beside(&self) -> Self {
        Self(Arc::new(Inner {
            link: Arc::new(Link::to(self.0.link.address.clone())),
            cautions: Vec::new(),
            driver: Arc::clone(&self.0.driver),
        }))
    }

    /// What an operator should know about the server's settings, in sentences.
    pub(crate) fn cautions(&self) -> &[String] {
        &self.0.cautions
    }

    /// Executes a command that changes nothing. If its connection breaks, it is sent once more on a new one.
    pub(crate) async fn read(&self, command: Cmd, deadline: Instant) -> Result<Value, Failed> {
        let command = Arc::new(Request::One(command));
        match self.execute(Arc::clone(&command), None, deadline).await {
            Err(failed) if failed.is_lost() => {
                self.execute(command, None, deadline).await.map(first)
            }
            other => other.map(first),
        }
    }

    /// Executes a command that changes something. It is sent at most once.
    pub(crate) async fn write(&self, command: Cmd, deadline: Instant) -> Result<Value, Failed> {
        let command = Arc::new(Request::One(command));
        self.execute(command, None, deadline).await.map(first)
    }

    /// The connection as it is now.
    pub(crate) async fn session(&self, deadline: Instant) -> Result<Session, Failed> {
        let usable = self.0.link.usable();
        if let Some((connection, run)) = usable.and_then(|one| one.run().map(|run| (one, run))) {
            return Ok(self.session_on(connection, run));
        }
        let mut ask = redis::cmd("INFO");
        ask.arg("server");
        let ask = Arc::new(Request::One(ask));
        let (info, connection) = self.execute(ask, None, deadline).await?;
        let info = open::text(info);
        let run = open::field(&info, "run_id").filter(|run| !run.is_empty());
        let run = run.ok_or_else(|| {
            let message = "it does not say which process it is (INFO server)".to_owned();
            Failed::NotSent(EngineFailure::Other { message })
        })?;
        let run = connection.note_run(run);
        Ok(self.session_on(connection, run))
    }

    fn session_on(&self, connection: Connection, run: Arc<str>) -> Session {
        Session {
            server: self.clone(),
            connection,
            run,
        }
    }

    /// Closes the connection. Later commands fail.
    pub(crate) fn close(&self) {
        self.0.link.is_closed.store(true, Ordering::Relaxed);
        if let Some(connection) = self.0.link.connection().take() {
            connection.close();
        }
    }

    /// Executes a request, on this connection if one is given. Returns the answer and the connection.
    async fn execute(
        &self,
        request: Arc<Request>,
        on: Option<Connection>,
        deadline: Instant,
    ) -> Result<(Value, Connection), Failed> {
        let link = &self.0.link;
        if link.is_closed.load(Ordering::Relaxed) {
            return Err(Failed::NotSent(EngineFailure::Closed));
        }
        if clock::now() >= deadline {
            return Err(Failed::NotSent(EngineFailure::DeadlineExceeded));
        }
        let permit = Arc::clone(&link.in_flight).try_acquire_owned();
        let permit = permit.map_err(|_| Failed::NotSent(EngineFailure::Overloaded))?;
        let (reply, answer) = oneshot::channel();
        let executing = Arc::clone(link).execute(request, on, deadline, reply, permit);
        self.0.driver.spawn(executing);
        answer
            .await
            .unwrap_or(Err(Failed::NotSent(EngineFailure::Closed)))
    }
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
        self.server.execute(request, on, deadline).await.map(first)
    }
}

fn first((value, _): (Value, Connection)) -> Value {
    value
}

impl Link {
    fn to(address: Address) -> Self {
        Self {
            address,
            breaker: Breaker::default(),
            connection: Mutex::new(None),
            connecting: tokio::sync::Mutex::new(()),
            in_flight: Arc::new(Semaphore::new(MAX_COMMANDS_IN_FLIGHT)),
            is_closed: AtomicBool::new(false),
        }
    }

    /// Executes a request and replies at its deadline at the latest. A request that was sent is followed beyond that, because it
    /// may show that the server hangs.
    async fn execute(
        self: Arc<Self>,
        request: Arc<Request>,
        on: Option<Connection>,
        deadline: Instant,
        reply: oneshot::Sender<Result<(Value, Connection), Failed>>,
        _permit: OwnedSemaphorePermit,
    ) {
        let connection = async {
            match on {
                None => Arc::clone(&self).connected().await,
                Some(connection) if connection.is_open() => Ok(connection),
                Some(_) => Err(failures::unavailable("the connection broke".to_owned())),
            }
        };
        let connection = tokio::select! {
            biased;
            connection = connection => connection,
            () = sleep_until(deadline.into()) => Err(EngineFailure::DeadlineExceeded),
        };
        let connection = match connection {
            Ok(connection) => connection,
            Err(failure) => {
                // Its caller may be gone, as below.
                let _ = reply.send(Err(Failed::NotSent(failure)));
                return;
            }
        };
        let answer = async {
            let answer = connection.send(&request).await;
            self.judge(&connection, &answer);
            answer
        };
        let mut answer = Box::pin(answer);
        tokio::select! {
            biased;
            answer = &mut answer => {
                let _ = reply.send(answer.map(|value| (value, connection.clone())));
            }
            () = sleep_until(deadline.into()) => {
                let _ = reply.send(Err(Failed::Unanswered(EngineFailure::DeadlineExceeded)));
                // It has no caller any more.
                let _ = answer.await;
            }
        }
    }

    /// Notes what an answer says about the connection.
    fn judge(&self, connection: &Connection, answer: &Result<Value, Failed>) {
        let Err(failed) = answer else { return };
        if failed.asks_for_another_server() {
            connection.close();
        }
        // Once for all that waited on the connection. Whether a server is gone whose connection broke, the next attempt shows.
        let mut current = self.connection();
        let was_current =
            !connection.is_open() && current.take_if(|one| one.is(connection)).is_some();
        if was_current && *failed == Failed::Hung {
            self.breaker.fail(failures::HUNG);
        }
    }

    /// The connection, or a new one.
    async fn connected(self: Arc<Self>) -> Result<Connection, EngineFailure> {
        if let Some(connection) = self.usable() {
            return Ok(connection);
        }
        // Others may wait for an attempt, but not for a probe of a server that is known not to answer.
        let is_probe = self.breaker.is_open();
        self.breaker.admit()?;
        // Connecting goes on if the command must stop, so that its outcome counts.
        let connecting = tokio::spawn(async move { self.connect(is_probe).await });
        connecting.await.unwrap_or(Err(EngineFailure::Closed))
    }

    fn usable(&self) -> Option<Connection> {
        let connection = self.connection().clone();
        connection.filter(Connection::is_open)
    }

    /// Connects, or waits for one that does.
    async fn connect(&self, is_probe: bool) -> Result<Connection, EngineFailure> {
        let _connecting = self.connecting.lock().await;
        if let Some(connection) = self.usable() {
            if is_probe {
                self.breaker.succeed();
            }
            return Ok(connection);
        }
        if !is_probe && self.breaker.is_open() {
            // The one before failed.
            self.breaker.admit()?;
        }
        let message = match timeout(CONNECT_TIMEOUT, Connection::open(&self.address)).await {
            Ok(Ok(connection)) => {
                self.breaker.succeed();
                if self.is_closed.load(Ordering::Relaxed) {
                    connection.close();
                    return Err(EngineFailure::Closed);
                }
                *self.connection() = Some(connection.clone());
                return Ok(connection);
            }
            Ok(Err(error)) => error.words(),
            Err(_) => "it does not answer in time".to_owned(),
        };
        self.breaker.fail(&message);
        Err(failures::unavailable(message))
    }

    fn connection(&self) -> MutexGuard<'_, Option<Connection>> {
        let connection = self.connection.lock();
        connection.unwrap_or_else(PoisonError::into_inner)
    }
}
