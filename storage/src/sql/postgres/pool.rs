//! The pool: at most so many connections, lent in the order of asking. What runs on a connection is left to its borrower.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::Config;

use super::breaker::Breaker;
use super::connection::Connection;
use super::failures;
use super::job::Stop;
use super::tls::Connector;
use crate::clock;
use crate::failure::EngineFailure;
use crate::sql::limits::MAX_WAITING_STATEMENTS;
use crate::sql::statistics::Statistics;

/// The pool of a database.
#[derive(Debug)]
pub(super) struct Pool {
    config: Config,
    connector: Connector,
    /// Whether statements may be prepared under a name. A pooler between us and the server may not follow that.
    can_prepare: AtomicBool,
    permits: Arc<Semaphore>,
    /// Fewer, for transactions: a request in a transaction may need another connection, and would wait for itself.
    transactions: Arc<Semaphore>,
    connections: usize,
    waiting: AtomicUsize,
    /// The one used last is on top, because its caches are warm.
    idle: Mutex<Vec<Connection>>,
    breaker: Breaker,
    statistics: Arc<Statistics>,
}

impl Pool {
    pub(super) fn new(
        config: Config,
        connector: Connector,
        connections: usize,
        can_prepare: bool,
        statistics: Arc<Statistics>,
    ) -> Arc<Self> {
        Arc::new(Self {
            config,
            connector,
            can_prepare: AtomicBool::new(can_prepare),
            permits: Arc::new(Semaphore::new(connections)),
            transactions: Arc::new(Semaphore::new((connections - connections / 4).max(1))),
            connections,
            waiting: AtomicUsize::new(0),
            idle: Mutex::default(),
            breaker: Breaker::default(),
            statistics,
        })
    }

    /// Borrows a connection: an idle one, or a new one. Says also whether it is new.
    ///
    /// # Errors
    ///
    /// If the statement must stop before one is free, if too many wait, or if the server does not answer.
    pub(super) async fn checkout(
        self: &Arc<Self>,
        stop: &mut Stop<'_>,
    ) -> Result<Checkout, EngineFailure> {
        let permit = self.permit(&self.permits, stop).await?;
        if let Some(connection) = self.idle_one() {
            return Ok(self.lent(connection, permit, false));
        }
        self.breaker.admit()?;
        tokio::select! {
            biased;
            connected = self.connect() => Ok(self.lent(connected?, permit, true)),
            () = stop.reached() => Err(EngineFailure::DeadlineExceeded),
        }
    }

    /// Borrows a connection for a transaction. One in four is kept for statements that stand alone.
    ///
    /// # Errors
    ///
    /// As [`Pool::checkout`].
    pub(super) async fn checkout_for_transaction(
        self: &Arc<Self>,
        stop: &mut Stop<'_>,
    ) -> Result<Checkout, EngineFailure> {
        let permit = self.permit(&self.transactions, stop).await?;
        let mut checkout = self.checkout(stop).await?;
        checkout.transaction = Some(permit);
        Ok(checkout)
    }

    /// The number of statements that wait for a connection.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(super) fn can_prepare(&self) -> bool {
        self.can_prepare.load(Ordering::Relaxed)
    }

    /// Stops preparing statements under names: the connection turned out to lead to a pooler.
    pub(super) fn stop_preparing(&self) {
        self.can_prepare.store(false, Ordering::Relaxed);
        self.idle().clear();
    }

    /// Waits until all connections came back, then closes them. Nothing is lent after this.
    pub(super) async fn close(&self, stop: &mut Stop<'_>) -> Result<(), EngineFailure> {
        let count = u32::try_from(self.connections).unwrap_or(u32::MAX);
        let all = tokio::select! {
            all = self.permits.acquire_many(count) => all.map_err(|_| EngineFailure::Closed),
            () = stop.reached() => Err(EngineFailure::DeadlineExceeded),
        };
        self.permits.close();
        self.transactions.close();
        self.idle().clear();
        all.map(drop)
    }

    async fn permit(
        &self,
        permits: &Arc<Semaphore>,
        stop: &mut Stop<'_>,
    ) -> Result<OwnedSemaphorePermit, EngineFailure> {
        if let Ok(permit) = Arc::clone(permits).try_acquire_owned() {
            return Ok(permit);
        }
        let waiting = Waiting::new(&self.waiting);
        if waiting.before >= MAX_WAITING_STATEMENTS {
            self.statistics.overloads.increment();
            return Err(EngineFailure::Overloaded);
        }
        let begun = clock::now();
        let permit = tokio::select! {
            biased;
            permit = Arc::clone(permits).acquire_owned() => permit.map_err(|_| EngineFailure::Closed),
            () = stop.reached() => Err(EngineFailure::DeadlineExceeded),
        };
        stop.waited += clock::now() - begun;
        permit
    }

    fn idle_one(&self) -> Option<Connection> {
        loop {
            let connection = self.idle().pop()?;
            if connection.is_usable() {
                return Some(connection);
            }
        }
    }

    async fn connect(&self) -> Result<Connection, EngineFailure> {
        match connect(&self.config, &self.connector, self.can_prepare()).await {
            Ok(connection) => {
                self.breaker.succeed();
                self.statistics.connections_opened.increment();
                Ok(connection)
            }
            // The server answers, and has too many connections of others.
            Err(error) if error.code().is_some_and(|code| code.code() == "53300") => {
                Err(EngineFailure::Overloaded)
            }
            Err(error) => {
                let message = failures::words(&error);
                self.breaker.fail(&message);
                Err(EngineFailure::Unavailable { message })
            }
        }
    }

    fn lent(
        self: &Arc<Self>,
        connection: Connection,
        permit: OwnedSemaphorePermit,
        is_new: bool,
    ) -> Checkout {
        Checkout {
            lent: Some(connection),
            is_new,
            pool: Arc::clone(self),
            transaction: None,
            _permit: permit,
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a connection, which the calling runtime drives.
pub(super) async fn connect(
    config: &Config,
    connector: &Connector,
    can_prepare: bool,
) -> Result<Connection, tokio_postgres::Error> {
    let (client, driving) = config.connect(connector.clone()).await?;
    let driving = tokio::spawn(async move {
        // How it ended, the statements on it show.
        let _ = driving.await;
    });
    let connector = connector.clone();
    Ok(Connection::new(client, &driving, connector, can_prepare))
}

/// A borrowed connection. Dropping it gives the connection back, or closes it if it cannot serve another statement.
#[derive(Debug)]
pub(super) struct Checkout {
    lent: Option<Connection>,
    pub(super) is_new: bool,
    pool: Arc<Pool>,
    transaction: Option<OwnedSemaphorePermit>,
    _permit: OwnedSemaphorePermit,
}

impl Checkout {
    pub(super) fn connection(&mut self) -> &mut Connection {
        self.lent
            .as_mut()
            .expect("a connection is lent until the drop")
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let connection = self.lent.take();
        let is_open = !self.pool.permits.is_closed();
        if let Some(connection) = connection.filter(|lent| is_open && lent.is_usable()) {
            self.pool.idle().push(connection);
        } else {
            self.pool.statistics.connections_closed.increment();
        }
    }
}

/// One that waits, counted.
struct Waiting<'p> {
    count: &'p AtomicUsize,
    before: usize,
}

impl<'p> Waiting<'p> {
    fn new(count: &'p AtomicUsize) -> Self {
        let before = count.fetch_add(1, Ordering::Relaxed);
        Self { count, before }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}
