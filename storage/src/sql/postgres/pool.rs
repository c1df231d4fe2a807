//! The pool: at most so many connections, lent in the order of asking. What runs on a connection is left to its borrower.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_postgres::Config;

use super::cancel::Cancel;
use super::connection::Connection;
use super::failures;
use super::job::Stop;
use super::tls::Connector;
use crate::breaker::Breaker;
use crate::clock;
use crate::failure::EngineFailure;
use crate::limits::CONNECT_TIMEOUT;
use crate::sql::limits::{MAX_TURN_WAIT, MAX_WAITING_STATEMENTS, TRUSTED_IDLE};
use crate::sql::open::PostgresOptions;
use crate::sql::statistics::Statistics;

/// The pool of a database.
#[derive(Debug)]
pub(super) struct Pool {
    config: Config,
    connector: Connector,
    /// Whether no pooler is in between.
    is_direct: bool,
    /// Whether statements may be prepared under a name. A pooler between us and the server may not follow that.
    can_prepare: AtomicBool,
    permits: Arc<Semaphore>,
    /// Fewer, for transactions: a request in a transaction may need another connection, and would wait for itself.
    transactions: Arc<Semaphore>,
    /// Whose turn it is among the transactions that lost against others.
    turn: Arc<Semaphore>,
    connections: usize,
    waiting: AtomicUsize,
    idle: Mutex<Idle>,
    breaker: Breaker,
    statistics: Arc<Statistics>,
}

/// The connections that nobody uses.
#[derive(Debug, Default)]
struct Idle {
    /// The one used last is on top, because its caches are warm.
    connections: Vec<Pooled>,
    /// When a connection was last found broken. Those that were idle then may have broken with it.
    doubted: Option<Instant>,
}

/// A connection of the pool, or beside it.
#[derive(Debug)]
pub(super) struct Pooled {
    pub(super) connection: Connection,
    /// When it was last given back.
    since: Instant,
    /// Whether nobody has used it yet.
    is_new: bool,
    statistics: Arc<Statistics>,
}

impl Drop for Pooled {
    fn drop(&mut self) {
        self.statistics.connections_closed.increment();
    }
}

impl Pool {
    pub(super) fn new(
        config: Config,
        connector: Connector,
        is_direct: bool,
        options: &PostgresOptions,
        statistics: Arc<Statistics>,
    ) -> Arc<Self> {
        let connections = options.connections.get();
        let can_prepare = options.prepared.unwrap_or(is_direct);
        Arc::new(Self {
            config,
            connector,
            is_direct,
            can_prepare: AtomicBool::new(can_prepare),
            permits: Arc::new(Semaphore::new(connections)),
            transactions: Arc::new(Semaphore::new((connections - connections / 4).max(1))),
            turn: Arc::new(Semaphore::new(1)),
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
        while let Some((idle, is_trusted)) = self.idle_one() {
            let is_alive = tokio::select! {
                biased;
                is_alive = async { is_trusted || idle.connection.answers().await } => is_alive,
                () = stop.reached() => return Err(EngineFailure::DeadlineExceeded),
            };
            if is_alive {
                return Ok(self.lent(idle, permit).delivered());
            }
            // Those that have been idle for longer were lost in the same way.
            let lost = idle.since;
            self.idle().connections.retain(|other| other.since > lost);
        }
        self.breaker.admit()?;
        let pool = Arc::clone(self);
        // Connecting goes on if the statement must stop, so that its outcome counts, and the connection serves the next one.
        let connecting = tokio::spawn(async move {
            let connection = pool.connect().await?;
            Ok(pool.lent(connection, permit))
        });
        tokio::select! {
            biased;
            connected = connecting => match connected {
                Ok(connected) => connected.map(Checkout::delivered),
                Err(_) => Err(EngineFailure::Closed),
            },
            () = stop.reached() => Err(EngineFailure::DeadlineExceeded),
        }
    }

    /// Borrows a connection for a transaction. One in four is kept for statements that stand alone.
    ///
    /// Transactions that have lost against others come one after the other, or many of them would always meet again. One that is
    /// slow keeps the next for [`MAX_TURN_WAIT`] at most.
    ///
    /// # Errors
    ///
    /// As [`Pool::checkout`].
    pub(super) async fn checkout_for_transaction(
        self: &Arc<Self>,
        has_lost: bool,
        stop: &mut Stop<'_>,
    ) -> Result<Checkout, EngineFailure> {
        let turn = if has_lost {
            self.turn(stop).await?
        } else {
            None
        };
        let permit = self.permit(&self.transactions, stop).await?;
        let mut checkout = self.checkout(stop).await?;
        checkout.transaction = Some((permit, turn));
        Ok(checkout)
    }

    async fn turn(
        &self,
        stop: &mut Stop<'_>,
    ) -> Result<Option<OwnedSemaphorePermit>, EngineFailure> {
        tokio::select! {
            biased;
            turn = timeout(MAX_TURN_WAIT, Arc::clone(&self.turn).acquire_owned()) => {
                Ok(turn.ok().and_then(Result::ok))
            }
            () = stop.reached() => Err(EngineFailure::DeadlineExceeded),
        }
    }

    /// Opens a connection beside those that are lent, for a look at the server.
    ///
    /// # Errors
    ///
    /// If the server does not answer, now or a moment ago.
    pub(super) async fn beside(&self) -> Result<Pooled, EngineFailure> {
        self.breaker.admit()?;
        self.connect().await
    }

    /// Closes the connections that nobody uses: the server is not what it was when they were opened.
    pub(super) fn forget_idle(&self) {
        self.idle().connections.clear();
    }

    /// Whether a connection is lent.
    pub(super) fn is_used(&self) -> bool {
        self.permits.available_permits() < self.connections
    }

    /// The number of statements that wait for a connection.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether statements that need a new connection fail at once, because the server did not answer.
    pub(super) fn is_out(&self) -> bool {
        self.breaker.is_open()
    }

    pub(super) fn can_prepare(&self) -> bool {
        self.can_prepare.load(Ordering::Relaxed)
    }

    /// Stops preparing statements under names: the connection turned out to lead to a pooler.
    pub(super) fn stop_preparing(&self) {
        self.can_prepare.store(false, Ordering::Relaxed);
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
        self.idle().connections.clear();
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

    /// An idle connection, and whether it may be used without asking whether it is still one.
    fn idle_one(&self) -> Option<(Pooled, bool)> {
        let mut idle = self.idle();
        loop {
            let pooled = idle.connections.pop()?;
            if pooled.connection.is_usable() {
                let is_trusted = is_trusted(pooled.since, idle.doubted, clock::now());
                return Some((pooled, is_trusted));
            }
        }
    }

    async fn connect(&self) -> Result<Pooled, EngineFailure> {
        let (connector, can_prepare) = (&self.connector, self.can_prepare());
        let connecting = connect(&self.config, connector, self.is_direct, can_prepare);
        match timeout(patience(&self.config), connecting).await {
            Ok(Ok(connection)) => {
                self.breaker.succeed();
                self.statistics.connections_opened.increment();
                Ok(Pooled {
                    connection,
                    since: clock::now(),
                    is_new: true,
                    statistics: Arc::clone(&self.statistics),
                })
            }
            // The server answers, and has too many connections of others.
            Ok(Err(error)) if error.code().is_some_and(|code| code.code() == "53300") => {
                self.breaker.succeed();
                Err(EngineFailure::Overloaded)
            }
            Ok(Err(error)) => Err(self.unavailable(failures::words(&error))),
            Err(_) => Err(self.unavailable("the server does not answer in time".to_owned())),
        }
    }

    fn unavailable(&self, message: String) -> EngineFailure {
        self.breaker.fail(&message);
        EngineFailure::Unavailable { message }
    }

    fn lent(self: &Arc<Self>, mut pooled: Pooled, permit: OwnedSemaphorePermit) -> Checkout {
        // It may have been lent, or just opened, when another met the pooler.
        if !self.can_prepare() {
            pooled.connection.stop_preparing();
        }
        Checkout {
            lent: Some(pooled),
            is_new: false,
            pool: Arc::clone(self),
            transaction: None,
            _permit: permit,
        }
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a connection that is idle since then may be used without asking.
fn is_trusted(since: Instant, doubted: Option<Instant>, now: Instant) -> bool {
    now < since + TRUSTED_IDLE && doubted.is_none_or(|doubted| since > doubted)
}

/// The time for a connection with all hosts of a URL.
fn patience(config: &Config) -> Duration {
    let hosts = config.get_hosts().len().max(config.get_hostaddrs().len());
    let each = config.get_connect_timeout().copied();
    each.unwrap_or(CONNECT_TIMEOUT) * u32::try_from(hosts).unwrap_or(1).max(1)
}

/// Opens a connection, which the calling runtime drives.
pub(super) async fn connect(
    config: &Config,
    connector: &Connector,
    is_direct: bool,
    can_prepare: bool,
) -> Result<Connection, tokio_postgres::Error> {
    let (client, driving) = config.connect(connector.clone()).await?;
    let driving = tokio::spawn(async move {
        // How it ended, the statements on it show.
        let _ = driving.await;
    });
    let pooled = (!is_direct).then_some(config);
    let cancel = Cancel::new(client.cancel_token(), connector.clone(), pooled);
    Ok(Connection::new(client, &driving, cancel, can_prepare))
}

/// A borrowed connection. Dropping it gives the connection back, or closes it if it cannot serve another statement.
#[derive(Debug)]
pub(super) struct Checkout {
    lent: Option<Pooled>,
    pub(super) is_new: bool,
    pool: Arc<Pool>,
    /// For a transaction: its permit, and its turn if it has lost before.
    transaction: Option<(OwnedSemaphorePermit, Option<OwnedSemaphorePermit>)>,
    _permit: OwnedSemaphorePermit,
}

impl Checkout {
    /// In the hands of a statement, which uses it.
    fn delivered(mut self) -> Self {
        self.is_new = self
            .lent
            .as_mut()
            .is_some_and(|pooled| mem::take(&mut pooled.is_new));
        self
    }

    pub(super) fn connection(&mut self) -> &mut Connection {
        let pooled = self.lent.as_mut();
        &mut pooled
            .expect("a connection is lent until the drop")
            .connection
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let Some(mut lent) = self.lent.take() else {
            return;
        };
        if self.pool.permits.is_closed() {
            return;
        }
        lent.since = clock::now();
        let mut idle = self.pool.idle();
        if lent.connection.is_usable() {
            idle.connections.push(lent);
        } else {
            idle.doubted = Some(lent.since);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_were_idle_for_long_or_when_one_broke_are_asked_first() {
        let (since, second) = (clock::now(), Duration::from_secs(1));
        assert!(is_trusted(since, None, since + second));
        assert!(!is_trusted(since, None, since + TRUSTED_IDLE));
        assert!(!is_trusted(since, Some(since + second), since + second));
        let after = since + second * 2;
        assert!(is_trusted(after, Some(since + second), after));
    }

    #[test]
    fn each_host_has_its_time() {
        let of = |url: &str| patience(&url.parse().unwrap());
        assert_eq!(of("postgres://a/db"), CONNECT_TIMEOUT);
        let two = "postgres://a,b/db?connect_timeout=5";
        assert_eq!(of(two), Duration::from_secs(10));
    }
}
