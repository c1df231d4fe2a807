//! A database for statements of the host's own: a pool and its thread, without what statements of guests need.
//! Whose statements these are, and what their tables hold, is left to the caller.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::BytesMut;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{AsyncMessage, Config};

use super::address::Address;
use super::failures::Failed;
use super::functions::Objects;
use super::job::Stop;
use super::open::{self, Opened};
use super::pool::Pool;
use super::tls::Connector;
use super::values::Bound;
use crate::clock;
use crate::driver::Driver;
use crate::failure::EngineFailure;
use crate::sql::error::Error;
use crate::sql::limits::{LISTEN_PAUSE, MAX_HOST_ATTEMPTS};
use crate::sql::open::{OpenError, PostgresOptions, wait};
use crate::value::Value;

/// A database on a Postgres server. Clones are the same database.
#[derive(Clone, Debug)]
pub(crate) struct HostDatabase(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: Arc<Pool>,
    heard: Arc<Heard>,
    driver: Driver,
}

/// A parameter of a statement.
#[derive(Debug)]
pub(crate) enum Parameter {
    One(Value),
    Texts(Vec<String>),
    Blobs(Vec<Option<Vec<u8>>>),
    Integers(Vec<i64>),
}

/// What was told on a channel and nobody has taken.
#[derive(Debug, Default)]
struct Heard {
    payloads: Mutex<BTreeSet<String>>,
    news: Notify,
}

impl HostDatabase {
    /// Reaches the server and judges it. Makes what is missing of `versions` in the schema `name`, and listens on the channel of
    /// that name. It blocks the calling thread.
    pub(crate) fn open(
        url: &str,
        options: &PostgresOptions,
        name: &'static str,
        versions: &'static [&'static str],
    ) -> Result<Self, OpenError> {
        let address = Address::read(url, options, name)?;
        let connector = Connector::new(&address)?;
        let driver =
            Driver::start("queue-postgres").map_err(|source| OpenError::Thread { source })?;
        let (shown, secure) = (address.shown.clone(), connector.clone());
        let deadline = clock::now() + options.open_timeout;
        let objects = Objects::of_host(name, versions);
        let opening = async move { open::open_host(&address, &secure, &objects, deadline).await };
        let Opened { config, is_direct } = wait(&driver, shown, options.open_timeout, opening)?;
        let heard = Arc::<Heard>::default();
        // A pooler gives each transaction another connection, and what it hears is lost.
        if is_direct {
            let listening = listen(config.clone(), connector.clone(), name, Arc::clone(&heard));
            driver.spawn(listening);
        }
        let statistics = Arc::default();
        let pool = Pool::new(config, connector, is_direct, options, statistics);
        let inner = Inner {
            pool,
            heard,
            driver,
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Executes a statement, which is a transaction, to its end, even if its caller leaves. One that loses against others is
    /// executed again.
    pub(crate) async fn execute(
        &self,
        sql: &str,
        parameters: Vec<Parameter>,
        deadline: Instant,
    ) -> Result<Vec<Vec<Value>>, EngineFailure> {
        let (pool, sql) = (Arc::clone(&self.0.pool), sql.to_owned());
        let work = async move {
            let mut stop = Stop::at(deadline);
            let parameters: Vec<_> = parameters
                .iter()
                .map(|parameter| (parameter as &(dyn ToSql + Sync), parameter.kind()))
                .collect();
            let mut attempts = 0;
            loop {
                let mut checkout = pool.checkout(&mut stop).await?;
                let rows = checkout.connection().rows(&sql, &parameters, &mut stop);
                attempts += 1;
                match rows.await {
                    Ok(rows) => return Ok(rows),
                    Err(failed) if failed.is_conflict() && attempts < MAX_HOST_ATTEMPTS => {}
                    Err(Failed::Lost(_)) => return Err(EngineFailure::OutcomeUnknown),
                    Err(failed) => return Err(Error::of_own_statement(failed.error())),
                }
            }
        };
        let worked = self.0.driver.spawn(work).await;
        worked.unwrap_or(Err(EngineFailure::Closed))
    }

    /// Runs a task to its end on the thread of the connections, even if its caller leaves.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.driver.spawn(task);
    }

    /// Waits until something was told on the channel. What is told while there is no connection is lost.
    pub(crate) async fn heard(&self) -> String {
        loop {
            let payload = self.0.heard.payloads().pop_first();
            match payload {
                Some(payload) => return payload,
                None => self.0.heard.news.notified().await,
            }
        }
    }

    /// Waits for the statements that run, and closes the connections.
    pub(crate) async fn close(&self, deadline: Instant) -> Result<(), EngineFailure> {
        self.0.pool.close(&mut Stop::at(deadline)).await
    }
}

impl Heard {
    fn payloads(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.payloads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, payload: &str) {
        self.payloads().insert(payload.to_owned());
        self.news.notify_one();
    }
}

/// Listens for as long as the thread runs.
async fn listen(config: Config, connector: Connector, channel: &str, heard: Arc<Heard>) {
    loop {
        if let Err(error) = listen_once(&config, connector.clone(), channel, &heard).await {
            tracing::debug!("the database does not tell of messages: {error}");
        }
        sleep(LISTEN_PAUSE).await;
    }
}

/// Listens until the connection ends.
async fn listen_once(
    config: &Config,
    connector: Connector,
    channel: &str,
    heard: &Heard,
) -> Result<(), tokio_postgres::Error> {
    let (client, mut connection) = config.connect(connector).await?;
    let driving = async {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notification) = message? {
                heard.add(notification.payload());
            }
        }
        Ok(())
    };
    let listening = async {
        client.batch_execute(&format!("LISTEN {channel}")).await?;
        std::future::pending().await
    };
    tokio::select! {
        ended = driving => ended,
        failed = listening => failed,
    }
}

impl Parameter {
    fn kind(&self) -> Type {
        match self {
            // Whatever may be absent is a number.
            Self::One(Value::Integer(_) | Value::Null) => Type::INT8,
            Self::One(Value::Real(_)) => Type::FLOAT8,
            Self::One(Value::Text(_)) => Type::TEXT,
            Self::One(Value::Blob(_)) => Type::BYTEA,
            Self::Texts(_) => Type::TEXT_ARRAY,
            Self::Blobs(_) => Type::BYTEA_ARRAY,
            Self::Integers(_) => Type::INT8_ARRAY,
        }
    }
}

impl ToSql for Parameter {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::One(value) => Bound::Given(value).to_sql(ty, out),
            Self::Texts(texts) => texts.to_sql(ty, out),
            Self::Blobs(blobs) => blobs.to_sql(ty, out),
            Self::Integers(integers) => integers.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
