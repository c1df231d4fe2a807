//! One server: commands with deadlines, on one connection for all callers. A lost connection is made again by the next command, unless
//! the breaker is open. Which server a command is for, is left to [`super::server`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use redis::{Cmd, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{sleep_until, timeout};

use super::address::{Address, Place};
use super::connection::{Connection, Request};
use super::failures::{self, Failed};
use crate::breaker::Breaker;
use crate::clock;
use crate::driver::Driver;
use crate::failure::EngineFailure;
use crate::limits::{CONNECT_TIMEOUT, MAX_COMMANDS_IN_FLIGHT};

/// A server, with the thread that drives its connection. Clones are the same.
#[derive(Clone)]
pub(crate) struct Node {
    link: Arc<Link>,
    driver: Arc<Driver>,
}

/// The connection, whether or not there is one at the moment. All of it happens on one thread.
pub(super) struct Link {
    address: Address,
    breaker: Breaker,
    connection: Mutex<Option<Connection>>,
    /// Held while one is made, so that one is made for all that wait.
    connecting: tokio::sync::Mutex<()>,
    in_flight: Arc<Semaphore>,
    is_closed: AtomicBool,
}

impl Node {
    pub(super) fn new(address: Address, driver: Arc<Driver>) -> Self {
        let link = Arc::new(Link::to(address));
        Self { link, driver }
    }

    /// The same server with another connection.
    pub(super) fn beside(&self) -> Self {
        Self::new(self.link.address.clone(), Arc::clone(&self.driver))
    }

    pub(super) fn address(&self) -> &Address {
        &self.link.address
    }

    pub(super) fn place(&self) -> &Place {
        &self.link.address.place
    }

    /// Uses a connection that was made elsewhere.
    pub(super) fn take(&self, connection: Connection) {
        *self.link.connection() = Some(connection);
    }

    /// The connection, if there is one.
    pub(super) fn usable(&self) -> Option<Connection> {
        self.link.usable()
    }

    /// Closes the connection. Later commands fail.
    pub(super) fn close(&self) {
        self.link.is_closed.store(true, Ordering::Relaxed);
        if let Some(connection) = self.link.connection().take() {
            connection.close();
        }
    }

    /// Executes a command that changes nothing. If its connection breaks, it is sent once more on a new one.
    pub(crate) async fn read(&self, command: Cmd, deadline: Instant) -> Result<Value, Failed> {
        match self.write(command.clone(), deadline).await {
            Err(failed) if failed.is_lost() => self.write(command, deadline).await,
            other => other,
        }
    }

    /// Executes a command that changes something. It is sent at most once.
    pub(super) async fn write(&self, command: Cmd, deadline: Instant) -> Result<Value, Failed> {
        let command = Arc::new(Request::One(command));
        let answer = self.execute(command, None, deadline).await;
        answer.map(|(value, _)| value)
    }

    /// Executes a request, on this connection if one is given. Returns the answer and the connection.
    pub(super) async fn execute(
        &self,
        request: Arc<Request>,
        on: Option<Connection>,
        deadline: Instant,
    ) -> Result<(Value, Connection), Failed> {
        let link = &self.link;
        if link.is_closed.load(Ordering::Relaxed) {
            return Err(Failed::NotSent(EngineFailure::Closed));
        }
        if clock::now() >= deadline {
            return Err(Failed::NotSent(EngineFailure::DeadlineExceeded));
        }
        let permit = Arc::clone(&link.in_flight).try_acquire_owned();
        let permit = permit.map_err(|_| Failed::NotSent(EngineFailure::Overloaded))?;
        let (reply, answer) = oneshot::channel();
        let executing = Arc::clone(link).follow(request, on, deadline, reply, permit);
        self.driver.spawn(executing);
        answer
            .await
            .unwrap_or(Err(Failed::NotSent(EngineFailure::Closed)))
    }
}

impl Link {
    pub(super) fn to(address: Address) -> Self {
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
    async fn follow(
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
