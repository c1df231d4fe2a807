//! A database on Postgres: its pool, its schema and its thread. Sessions decide which statements run together.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::address::Address;
use super::catalog::{Catalog, Known};
use super::definitions::{NODE, Node};
use super::failures::Failed;
use super::job::Stop;
use super::lock_waits::{self, LockWaits};
use super::open::Opened;
use super::open_all::{self, Addressed};
use super::pool::{Checkout, Pool};
use super::server::{Server, ServerFigures};
use super::servers::{self, Servers};
use super::sizes::{self, FirstSizes};
use super::statement::needs_connection;
use super::tls::Connector;
use super::translations::Translation;
use crate::clock;
use crate::driver::Driver;
use crate::sql::error::Error;
use crate::sql::limits::{LOCK_LOOK_INTERVAL, MAX_PROBE_WAIT, MAX_REPLY_WAIT};
use crate::sql::open::{OpenError, PostgresOptions, wait};
use crate::sql::position::Positions;
use crate::sql::statistics::Statistics;
use crate::value::Value;

/// A database on a Postgres server. Clones are the same database.
#[derive(Clone, Debug)]
pub(crate) struct Database(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    servers: Arc<Servers>,
    catalog: Arc<Catalog>,
    first_sizes: FirstSizes,
    lock_waits: LockWaits,
    statistics: Arc<Statistics>,
    /// The name of this node at the server.
    node: String,
    /// Whether no pooler is in between.
    is_direct: bool,
    transaction_idle: Duration,
    driver: Driver,
}

/// A statement with its translation, and a connection if it needs one.
pub(super) struct Ready {
    pub(super) known: Arc<Known>,
    pub(super) translation: Arc<Translation>,
    pub(super) checkout: Option<Checkout>,
}

impl Database {
    /// Reaches the servers and judges them; makes what the engine keeps there if it is missing. It blocks the calling thread.
    pub(crate) fn open(url: &str, options: &PostgresOptions) -> Result<Self, OpenError> {
        let node = format!("{NODE}{:016x}", RandomState::new().hash_one(url));
        let addresses = addresses(url, options, &node)?;
        let driver = Driver::start("postgres").map_err(|source| OpenError::Thread { source })?;
        let (catalog, statistics) = (Arc::<Catalog>::default(), Arc::<Statistics>::default());
        let (shown, known) = (addresses[0].address.shown.clone(), Arc::clone(&catalog));
        let deadline = clock::now() + options.open_timeout;
        let opening = async move { open_all::open(addresses, &known, deadline).await };
        let opened = wait(&driver, shown, options.open_timeout, opening)?;
        let is_direct = opened.servers[opened.primary].opened.is_direct;
        let servers = opened.servers.into_iter().map(|server| {
            let Opened { config, is_direct } = server.opened;
            let statistics = Arc::clone(&statistics);
            let pool = Pool::new(config, server.connector, is_direct, options, statistics);
            Server::new(pool, server.shown)
        });
        let servers = Servers::new(opened.system, servers.collect(), opened.primary);
        let database = Self(Arc::new(Inner {
            servers: Arc::new(servers),
            catalog,
            first_sizes: FirstSizes::default(),
            lock_waits: LockWaits::default(),
            statistics,
            node,
            is_direct,
            transaction_idle: options.transaction_idle,
            driver,
        }));
        database.spawn(watch(Arc::downgrade(&database.0)));
        for at in database.servers().watched() {
            let servers = Arc::downgrade(database.servers());
            database.spawn(servers::watch(servers, at));
        }
        Ok(database)
    }

    /// The servers: the primary and its replicas.
    pub(super) fn servers(&self) -> &Arc<Servers> {
        &self.0.servers
    }

    /// The pool of the primary.
    fn pool(&self) -> &Arc<Pool> {
        self.0.servers.primary()
    }

    /// The position of the newest write of this process, if there are replicas.
    pub(crate) fn written(&self) -> Positions {
        self.0.servers.written()
    }

    /// The identifier of the data, which the primary and its replicas have in common, if there are replicas.
    pub(crate) fn system(&self) -> Option<u64> {
        self.0.servers.system()
    }

    /// What the servers tell about themselves, if there are several.
    pub(crate) fn figures(&self) -> Vec<ServerFigures> {
        self.0.servers.figures()
    }

    /// Looks once which statements wait for a lock of another transaction. If there is no connection or no answer in time,
    /// nothing is counted.
    pub(super) async fn look_for_lock_waits(&self) {
        let mut stop = Stop::at(clock::now() + MAX_PROBE_WAIT);
        let Ok(mut checkout) = self.pool().checkout(&mut stop).await else {
            return;
        };
        if checkout.is_new {
            self.catalog().doubt();
        }
        if let Ok(texts) = lock_waits::read(checkout.connection(), &mut stop).await {
            self.0.lock_waits.note(texts);
        }
    }

    /// How often each statement was seen waiting for a lock of another transaction.
    pub(crate) fn seen_waiting(&self) -> Vec<(String, u64)> {
        self.0.lock_waits.seen()
    }

    pub(crate) fn statistics(&self) -> &Arc<Statistics> {
        &self.0.statistics
    }

    /// The number of statements that wait for a connection.
    pub(crate) fn waiting(&self) -> usize {
        self.0.servers.pools().map(|pool| pool.waiting()).sum()
    }

    /// Whether statements that need a new connection fail at once, because the server did not answer.
    pub(crate) fn is_out(&self) -> bool {
        self.pool().is_out()
    }

    /// Waits for the statements that run, and closes the connections.
    pub(crate) async fn close(&self, deadline: Instant) -> Result<(), Error> {
        let mut stop = Stop::at(deadline);
        for pool in self.0.servers.pools() {
            pool.close(&mut stop).await?;
        }
        Ok(())
    }

    /// Runs a task to its end on the thread of the connections, even if its caller leaves.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.driver.spawn(task);
    }

    pub(super) fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    pub(super) fn first_sizes(&self) -> &FirstSizes {
        &self.0.first_sizes
    }

    /// Notes the sizes of the tables, the first time that a function asks. Nobody waits for that.
    pub(super) fn note_sizes(&self) {
        if !self.first_sizes().begin() {
            return;
        }
        let database = self.clone();
        self.spawn(async move {
            let mut stop = Stop::at(clock::now() + MAX_REPLY_WAIT);
            let ready = database.ready("SELECT 1", &[], &mut stop).await;
            let checkout = ready.ok().and_then(|ready| ready.checkout);
            let sizes = match checkout {
                Some(mut checkout) => sizes::read(checkout.connection(), &mut stop).await.ok(),
                None => None,
            };
            database.first_sizes().end(sizes);
        });
    }

    pub(super) fn transaction_idle(&self) -> Duration {
        self.0.transaction_idle
    }

    pub(super) fn node(&self) -> Node<'_> {
        Node {
            name: &self.0.node,
            is_seen: self.0.is_direct,
        }
    }

    /// Notes that prepared statements are lost between two uses. Whether they were: those of others may be too, that run already.
    pub(super) fn note_pooler(&self, failed: &Failed) -> bool {
        let is_pooler = matches!(failed.code(), "26000" | "42P05");
        if is_pooler && self.pool().can_prepare() {
            self.pool().stop_preparing();
        }
        is_pooler
    }

    /// Whether somebody changed the schema after `known`.
    pub(super) async fn has_other_schema(&self, known: &Known, stop: &mut Stop<'_>) -> bool {
        self.catalog().doubt();
        let ready = self.ready("SELECT 1", &[], stop).await;
        ready.is_ok_and(|ready| ready.known.version != known.version)
    }

    /// Borrows a connection for a transaction. One that has lost against others waits for its turn.
    pub(super) async fn checkout_for_transaction(
        &self,
        has_lost: bool,
        stop: &mut Stop<'_>,
    ) -> Result<Checkout, Error> {
        let checkout = self.pool().checkout_for_transaction(has_lost, stop).await?;
        // While this node had no connection, another could not see it, and did not wait for it.
        if checkout.is_new {
            self.catalog().doubt();
        }
        Ok(checkout)
    }

    /// Translates a statement that stands alone, and borrows the connection that it needs.
    pub(super) async fn ready(
        &self,
        sql: &str,
        parameters: &[Value],
        stop: &mut Stop<'_>,
    ) -> Result<Ready, Error> {
        let catalog = self.catalog();
        let mut held: Option<Checkout> = None;
        let mut is_last = false;
        loop {
            let known = match catalog.valid() {
                Some(known) => known,
                None => {
                    is_last = true;
                    let mut checkout = match held.take() {
                        Some(checkout) => checkout,
                        None => self.pool().checkout(stop).await?,
                    };
                    let known = catalog.verify(checkout.connection(), stop).await?;
                    held = Some(checkout);
                    known
                }
            };
            let translation = match known.translate(sql, parameters) {
                Ok(translation) => translation,
                // The guest may have read that another node made what the statement names.
                Err(_) if !is_last => {
                    is_last = true;
                    catalog.doubt();
                    continue;
                }
                Err(error) => return Err(error),
            };
            if needs_connection(translation.translated.effect) && held.is_none() {
                let checkout = self.pool().checkout(stop).await?;
                // While this node had no connection, another could not see it, and did not wait for it.
                if checkout.is_new {
                    catalog.doubt();
                }
                held = Some(checkout);
                if !catalog.is_valid(&known) {
                    continue;
                }
            }
            return Ok(Ready {
                known,
                translation,
                checkout: held,
            });
        }
    }
}

/// The servers of a database: that of the URL, and its replicas.
fn addresses(
    url: &str,
    options: &PostgresOptions,
    node: &str,
) -> Result<Vec<Addressed>, OpenError> {
    let urls = [url]
        .into_iter()
        .chain(options.replicas.iter().map(String::as_str));
    let addresses = urls.map(|url| {
        let address = Address::read(url, options, node)?;
        let connector = Connector::new(&address)?;
        Ok(Addressed { address, connector })
    });
    addresses.collect()
}

/// Looks again and again which statements wait for locks, until the database is closed. Nobody waits for that.
async fn watch(database: Weak<Inner>) {
    let mut was_used = false;
    loop {
        tokio::time::sleep(LOCK_LOOK_INTERVAL).await;
        let Some(database) = database.upgrade().map(Database) else {
            return;
        };
        let is_used = database.pool().is_used();
        if is_used && was_used {
            database.look_for_lock_waits().await;
        }
        was_used = is_used;
    }
}
