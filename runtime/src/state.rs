//! Opens and closes the databases and key-value stores of an installation, and finds them by label.
//! The engines are those of the crate [`storage`].

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use futures::future;
use parking_lot::Mutex;
use storage::queue::JetStreamOptions;
use storage::shared::{Level, Secret};
use storage::sql::transfer;
use storage::{OpenError, PostgresOptions, RedisOptions, SqliteOptions, kv, queue, sql};

use crate::clock;
use crate::limits::{STATE_CLOSE_TIMEOUT, STATE_OPEN_TIMEOUT};
use crate::manifest::{App, LabelKind};
use crate::observe::{ConnectionFigures, DatabaseFigures};
use crate::settings::{Config, Engine, Postgres, QueueEngine, Redis, StoreEngine};

/// The open databases and stores.
#[derive(Default)]
pub struct State {
    opened: Mutex<Opened>,
    replicated: ArcSwapOption<Replicated>,
    /// Keeps a restore away for as long as the process lives.
    lock: Mutex<Option<StateLock>>,
}

/// The databases with replicas.
struct Replicated {
    databases: Vec<sql::Database>,
    /// A key that all processes on the same databases have.
    secret: Secret,
}

#[derive(Default)]
struct Opened {
    databases: BTreeMap<String, sql::Database>,
    stores: BTreeMap<String, kv::Store>,
    /// Databases by file or URL. Labels with the same one share its database, and with it one queue of writes, or one pool.
    database_places: BTreeMap<PathBuf, sql::Database>,
    /// Where each database is, by label.
    engines: BTreeMap<String, Engine>,
    /// Stores by file or server. Several labels may share one.
    store_places: BTreeMap<PathBuf, kv::Stores>,
}

impl State {
    /// Keeps the state in a folder from being exchanged for that of a backup while this process lives.
    ///
    /// # Errors
    /// If that happens now, or was cut short.
    pub(crate) fn hold(&self, folder: &Path) -> Result<(), LockError> {
        *self.lock.lock() = Some(StateLock::shared(folder)?);
        Ok(())
    }

    /// Opens the databases and stores of `app` that are not open yet. All labels are configured: the settings were checked.
    ///
    /// # Errors
    /// The first database or store that can't be opened, with the reason. Those that were open stay open.
    pub fn open(&self, config: &Config, app: &App) -> Result<(), OpenError> {
        let mut opened = self.opened.lock();
        for used in &app.labels {
            match used.kind {
                LabelKind::Sqlite => opened.open_database(config, &used.label)?,
                LabelKind::KeyValue => opened.open_store(config, &app.name, &used.label)?,
            }
        }
        let replicated = Replicated::of(opened.databases.values());
        self.replicated.store(replicated.map(Arc::new));
        Ok(())
    }

    /// The database with that label.
    #[must_use]
    pub fn database(&self, label: &str) -> Option<sql::Database> {
        self.opened.lock().databases.get(label).cloned()
    }

    /// The open databases by label.
    #[must_use]
    pub fn databases(&self) -> BTreeMap<String, sql::Database> {
        self.opened.lock().databases.clone()
    }

    /// What the open databases tell about themselves, by label.
    #[must_use]
    pub fn figures(&self) -> Vec<DatabaseFigures> {
        let opened = self.opened.lock();
        let databases = opened.databases.iter();
        databases
            .map(|(label, database)| figures(label, database))
            .collect()
    }

    /// Whether a database has replicas.
    #[must_use]
    pub fn has_replicas(&self) -> bool {
        self.replicated.load().is_some()
    }

    /// The positions of the newest writes of this process in the databases with replicas. Who must see its writes needs at least this.
    #[must_use]
    pub fn written(&self) -> sql::Positions {
        let replicated = self.replicated.load();
        let databases = replicated.iter().flat_map(|of| &of.databases);
        let written = databases.map(sql::Database::written);
        written.fold(sql::Positions::default(), |all, one| all.and(&one))
    }

    /// A key that all processes on the same databases with replicas have; `None` without replicas.
    #[must_use]
    pub fn common_secret(&self) -> Option<Secret> {
        self.replicated.load().as_ref().map(|of| of.secret)
    }

    /// The database with that label, and where it is.
    #[must_use]
    pub fn located(&self, label: &str) -> Option<(sql::Database, Engine)> {
        let opened = self.opened.lock();
        let database = opened.databases.get(label)?.clone();
        Some((database, opened.engines.get(label)?.clone()))
    }

    /// Notes that a database, with all its labels, is elsewhere now.
    pub fn relocate(&self, label: &str, to: &Engine) {
        let mut opened = self.opened.lock();
        let Some(from) = opened.engines.get(label).map(Engine::place) else {
            return;
        };
        for engine in opened.engines.values_mut() {
            if engine.place() == from {
                *engine = to.clone();
            }
        }
    }

    /// The key-value store with that label.
    #[must_use]
    pub fn store(&self, label: &str) -> Option<kv::Store> {
        self.opened.lock().stores.get(label).cloned()
    }

    /// Closes all databases and stores at the same time, within [`STATE_CLOSE_TIMEOUT`]. If that fails, acknowledged writes
    /// are still on disk.
    pub async fn close(&self) {
        let deadline = clock::now() + STATE_CLOSE_TIMEOUT;
        let (databases, stores) = self.opened.lock().files();
        let databases = databases.iter().map(async |database| {
            let closed = database.close(deadline).await;
            closed.map_err(|error| error.to_string())
        });
        let stores = stores.iter().map(async |stores| {
            let closed = stores.close(deadline).await;
            closed.map_err(|error| error.to_string())
        });
        let (databases, stores) =
            future::join(future::join_all(databases), future::join_all(stores)).await;
        for error in databases.into_iter().chain(stores).filter_map(Result::err) {
            tracing::warn!("a database was not closed in order: {error}");
        }
    }
}

impl Replicated {
    fn of<'d>(all: impl Iterator<Item = &'d sql::Database>) -> Option<Self> {
        let with_systems = all.filter_map(|database| Some((database.clone(), database.system()?)));
        let (databases, systems): (Vec<_>, Vec<_>) = with_systems.unzip();
        let systems: Vec<u8> = systems.into_iter().flat_map(u64::to_be_bytes).collect();
        let context = "terrace: bookmarks of databases with replicas";
        (!databases.is_empty()).then(|| Self {
            databases,
            secret: blake3::derive_key(context, &systems),
        })
    }
}

impl Opened {
    fn files(&self) -> (Vec<sql::Database>, Vec<kv::Stores>) {
        let databases = self.database_places.values().cloned().collect();
        (databases, self.store_places.values().cloned().collect())
    }

    fn open_database(&mut self, config: &Config, label: &str) -> Result<(), OpenError> {
        let Some(engine) = config.sql.get(label) else {
            return Ok(());
        };
        let database = match self.database_places.entry(engine.place()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(open_database(engine)?),
        };
        self.databases.insert(label.to_owned(), database.clone());
        // It may be elsewhere than the settings say, since it was moved.
        let at = self.engines.entry(label.to_owned());
        at.or_insert_with(|| engine.clone());
        Ok(())
    }

    fn open_store(&mut self, config: &Config, app: &str, label: &str) -> Result<(), OpenError> {
        let Some(engine) = config.kv.get(label) else {
            return Ok(());
        };
        let stores = match self.store_places.entry(engine.place()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(open_stores(engine, app)?),
        };
        self.stores.insert(label.to_owned(), stores.store(label));
        Ok(())
    }
}

/// Opens the stores of an app on one engine, and warns of the values that it may lose.
fn open_stores(engine: &StoreEngine, app: &str) -> Result<kv::Stores, OpenError> {
    let stores = match engine {
        StoreEngine::Sqlite(path) => kv::Stores::open_sqlite(path, options())?,
        StoreEngine::Redis(redis) => {
            let owner = redis.prefix.as_deref().unwrap_or(app);
            kv::Stores::open_redis(&redis.url, owner, &redis_options(redis))?
        }
    };
    for caution in stores.cautions() {
        tracing::warn!("the server of a key-value store: {caution}");
    }
    Ok(stores)
}

fn figures(label: &str, database: &sql::Database) -> DatabaseFigures {
    let counts = database.statistics();
    let opened = counts.connections_opened.get();
    let connections = database.has_connections().then(|| ConnectionFigures {
        opened,
        open: opened.saturating_sub(counts.connections_closed.get()),
        is_out: database.is_out(),
    });
    DatabaseFigures {
        label: label.to_owned(),
        reads: counts.reads.get() + counts.inline_reads.get() + counts.long_reads.get(),
        writes: counts.writes.get(),
        transactions: counts.transactions.get(),
        transactions_lost: counts.transactions_lost.get(),
        retries: counts.retries.get(),
        overloads: counts.overloads.get(),
        deadlines_exceeded: counts.deadlines_exceeded.get(),
        lock_waits: counts.lock_waits.get(),
        waiting: u64::try_from(database.waiting()).unwrap_or(u64::MAX),
        connections,
        servers: database.servers(),
    }
}

/// Opens the database of one label.
///
/// # Errors
/// If it can't be opened, with the reason.
pub fn open_database(engine: &Engine) -> Result<sql::Database, OpenError> {
    match engine {
        Engine::Sqlite(path) => sql::Database::open_sqlite(path, options()),
        Engine::Postgres(postgres) => {
            sql::Database::open_postgres(&postgres.url, &server_options(postgres))
        }
    }
}

/// Where the database of one label is, for moving it.
#[must_use]
pub fn place(engine: &Engine) -> transfer::Place {
    match engine {
        Engine::Sqlite(path) => transfer::Place::Sqlite(path.clone()),
        Engine::Postgres(postgres) => transfer::Place::Postgres {
            url: postgres.url.clone(),
            options: server_options(postgres),
        },
    }
}

fn server_options(postgres: &Postgres) -> PostgresOptions {
    PostgresOptions {
        open_timeout: STATE_OPEN_TIMEOUT,
        connections: postgres.connections,
        prepared: postgres.prepared,
        password: postgres.password.clone(),
        replicas: postgres.replicas.clone(),
        ..PostgresOptions::default()
    }
}

/// Opens the level that the caches of several servers share. A random secret is that of all if they have none.
///
/// # Errors
/// If the server can't be used, with the reason.
pub fn open_shared_level(redis: &Redis, secret: Secret) -> Result<Level, OpenError> {
    // Its owner is named when the app is known.
    Level::open(&redis.url, "", secret, &redis_options(redis))
}

/// Opens what keeps the messages of queues of an app, and warns of messages that it may lose.
///
/// # Errors
/// If it can't be opened, with the reason.
pub fn open_queues(engine: &QueueEngine, app: &str) -> Result<queue::Queues, OpenError> {
    match engine {
        QueueEngine::Sqlite(path) => queue::Queues::open_sqlite(path, options()),
        QueueEngine::Postgres(postgres) => {
            queue::Queues::open_postgres(&postgres.url, &server_options(postgres))
        }
        QueueEngine::JetStream(jetstream) => {
            let ledger = open_queues(&jetstream.ledger, app)?;
            let options = JetStreamOptions {
                open_timeout: STATE_OPEN_TIMEOUT,
                password: jetstream.password.clone(),
                prefix: jetstream.prefix.clone().unwrap_or_else(|| app.to_owned()),
                replicas: jetstream.replicas,
            };
            let queues = queue::Queues::open_jetstream(&jetstream.url, &options, &ledger)?;
            for caution in queues.cautions() {
                tracing::warn!("the server of the queues: {caution}");
            }
            Ok(queues)
        }
    }
}

fn redis_options(redis: &Redis) -> RedisOptions {
    RedisOptions {
        open_timeout: STATE_OPEN_TIMEOUT,
        password: redis.password.clone(),
    }
}

fn options() -> SqliteOptions {
    SqliteOptions {
        open_timeout: STATE_OPEN_TIMEOUT,
        ..SqliteOptions::default()
    }
}

mod lock;
#[cfg(test)]
mod tests;

pub(crate) use lock::{LockError, StateLock, UNFINISHED_FILE, make_folder};
