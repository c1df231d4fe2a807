//! Queues in the tables of a database, an SQLite file or a schema in Postgres. Each call that changes something is one statement, so
//! it is done as a whole. The database keeps the counts, the order of keys and the ids that were seen. The callers have checked
//! sizes.

mod notes;
mod postgres;
mod rows;
mod sending;
mod server;
mod sqlite;
mod together;

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

pub(super) use self::notes::{Dead, Note};
use self::rows::{
    claimed, count, duration, figures, foreign_tables, listed, milliseconds, name, schedule,
};
use self::server::Server;
use super::error::Error;
use super::limits::{
    LEASE, MAX_CLAIM_BYTES, MAX_FAILURES, MAX_LISTED, MAX_SWEPT, MAX_UNKNOWN_CLAIMS,
};
use super::message::{Claim, Claimed, End, Figures, Listed, Owner, Schedule};
use crate::failure::EngineFailure;
use crate::sql::open::{OpenError, PostgresOptions, SqliteOptions};
use crate::sql::postgres::{HostDatabase, Parameter};
use crate::sql::{self, Value, sqlite::Database};

/// All queues of one database.
#[derive(Clone, Debug)]
pub(super) struct Queues {
    store: Store,
    claims: Arc<Claims>,
}

/// The claims of this process.
#[derive(Debug, Default)]
struct Claims {
    /// How many there were: each has a number of its own.
    count: AtomicI64,
    /// Those whose outcome is not known. Their messages would be this process's for as long as it renews its lease.
    unknown: Mutex<Vec<(Owner, i64)>>,
}

#[derive(Clone, Debug)]
enum Store {
    Sqlite(Database),
    Postgres(Server),
}

/// The statements of an engine. They have the same parameters and columns.
struct Statements {
    join: &'static str,
    renew: &'static str,
    leave: &'static str,
    /// Whether there are leases that have ended, and ids that are to be forgotten.
    old: &'static str,
    end_leases: &'static str,
    forget: &'static str,
    /// The time until the next message is due, and whether the caller is told of others only from now on.
    next: &'static str,
    claim: &'static str,
    /// Gives back what a claim got.
    forgo: &'static str,
    retry: &'static str,
    bury: &'static str,
    release: &'static str,
    figures: &'static str,
    list: &'static str,
    redrive: &'static str,
    delete: &'static str,
    note_failure: &'static str,
    note_release: &'static str,
    note: &'static str,
    forget_note: &'static str,
    keep: &'static str,
    kept: &'static str,
    schedules: &'static str,
    schedule: &'static str,
    reschedule: &'static str,
    unschedule: &'static str,
}

impl Queues {
    pub(super) fn open_sqlite(path: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        let database = Database::open(path, options, &sqlite::schema())?;
        Ok(Self::new(Store::Sqlite(database)))
    }

    pub(super) fn open_postgres(url: &str, options: &PostgresOptions) -> Result<Self, OpenError> {
        let versions = &postgres::VERSIONS;
        let database = HostDatabase::open(url, options, postgres::CHANNEL, versions)?;
        Ok(Self::new(Store::Postgres(Server::new(database))))
    }

    fn new(store: Store) -> Self {
        let claims = Arc::default();
        Self { store, claims }
    }

    pub(super) fn engine(&self) -> &'static str {
        match &self.store {
            Store::Sqlite(_) => "sqlite",
            Store::Postgres(_) => "postgres",
        }
    }

    fn statements(&self) -> &'static Statements {
        match &self.store {
            Store::Sqlite(_) => &sqlite::STATEMENTS,
            Store::Postgres(_) => &postgres::STATEMENTS,
        }
    }

    pub(super) async fn close(&self, deadline: Instant) -> Result<(), Error> {
        match &self.store {
            Store::Sqlite(database) => {
                let closed = database.close(deadline).await;
                Ok(closed.map_err(sql::Error::of_own_statement)?)
            }
            Store::Postgres(server) => Ok(server.database.close(deadline).await?),
        }
    }

    /// Waits until another process has sent messages to a queue for which this one waits, and names it.
    pub(super) async fn heard(&self) -> String {
        match &self.store {
            Store::Sqlite(_) => std::future::pending().await,
            Store::Postgres(server) => server.database.heard().await,
        }
    }

    pub(super) async fn join(&self, owner: &Owner, deadline: Instant) -> Result<(), Error> {
        let parameters = vec![name(owner), milliseconds(LEASE)];
        self.perform(self.statements().join, parameters, deadline)
            .await
    }

    pub(super) async fn renew(&self, owner: &Owner, deadline: Instant) -> Result<(), Error> {
        let parameters = vec![name(owner), milliseconds(LEASE)];
        let renewed = self
            .execute(self.statements().renew, parameters, deadline)
            .await?;
        if renewed.is_empty() {
            return Err(Error::LeaseEnded);
        }
        Ok(())
    }

    pub(super) async fn leave(&self, owner: &Owner, deadline: Instant) -> Result<(), Error> {
        let parameters = vec![name(owner)];
        self.perform(self.statements().leave, parameters, deadline)
            .await
    }

    pub(super) async fn sweep(&self, deadline: Instant) -> Result<(), Error> {
        self.forgo_unknown(deadline).await?;
        let old = self
            .execute(self.statements().old, Vec::new(), deadline)
            .await?;
        let [Value::Integer(owners), Value::Integer(accepted)] = old[0][..] else {
            return Err(foreign_tables());
        };
        if owners != 0 {
            self.execute(self.statements().end_leases, Vec::new(), deadline)
                .await?;
        }
        let mut has_old = accepted != 0;
        while has_old {
            let forgotten =
                self.execute(self.statements().forget, vec![count(MAX_SWEPT)], deadline);
            has_old = forgotten.await?.len() == MAX_SWEPT;
        }
        Ok(())
    }

    pub(super) async fn claim(
        &self,
        owner: &Owner,
        queue: &str,
        most: usize,
        deadline: Instant,
    ) -> Result<Claim, Error> {
        if self.claims.unknown().len() >= MAX_UNKNOWN_CLAIMS {
            return Err(EngineFailure::Overloaded.into());
        }
        // A read, so that an idle consumer does not wait for the writer. On a server a claim that finds nothing is a read too.
        if let Store::Sqlite(_) = self.store {
            let next_in = self.next(queue, deadline).await?;
            if next_in != Some(Duration::ZERO) {
                let messages = Vec::new();
                return Ok(Claim { messages, next_in });
            }
        }
        let messages = self.claim_ready(owner, queue, most, deadline).await?;
        let next_in = match self.store {
            Store::Postgres(_) if messages.is_empty() => self.next(queue, deadline).await?,
            _ => Some(Duration::ZERO),
        };
        Ok(Claim { messages, next_in })
    }

    async fn claim_ready(
        &self,
        owner: &Owner,
        queue: &str,
        most: usize,
        deadline: Instant,
    ) -> Result<Vec<Claimed>, Error> {
        let number = self.claims.count.fetch_add(1, Ordering::Relaxed);
        let parameters = vec![
            name(owner),
            queue.into(),
            count(most),
            count(MAX_CLAIM_BYTES),
            number.into(),
        ];
        let rows = self.execute(self.statements().claim, parameters, deadline);
        let rows = rows.await.inspect_err(|error| {
            if !error
                .engine_failure()
                .is_some_and(EngineFailure::retry_is_safe)
            {
                self.claims.unknown().push((owner.clone(), number));
            }
        });
        let messages = rows?.into_iter().map(claimed);
        let mut messages: Vec<_> = messages.collect::<Result<_, _>>()?;
        messages.sort_unstable_by_key(|message| message.number);
        Ok(messages)
    }

    /// Gives back the messages of claims whose outcome is not known.
    async fn forgo_unknown(&self, deadline: Instant) -> Result<(), Error> {
        loop {
            let Some((owner, number)) = self.claims.unknown().first().cloned() else {
                return Ok(());
            };
            let parameters = vec![name(&owner), number.into()];
            self.execute(self.statements().forgo, parameters, deadline)
                .await?;
            let settled = (owner, number);
            self.claims.unknown().retain(|unknown| *unknown != settled);
        }
    }

    /// The time until the next message is due; `None` if none waits for its time only.
    async fn next(&self, queue: &str, deadline: Instant) -> Result<Option<Duration>, Error> {
        let next = self.statements().next;
        loop {
            let rows = self.execute(next, vec![queue.into()], deadline).await?;
            match rows.first().map(Vec::as_slice) {
                // Of those that came before this nobody is told.
                Some([_, Value::Integer(1)]) => {}
                Some([Value::Integer(next), _]) => return Ok(Some(duration(*next))),
                Some([Value::Null, _]) => return Ok(None),
                _ => return Err(foreign_tables()),
            }
        }
    }

    /// Ends the work on a message. Returns whether the owner still had it.
    pub(super) async fn end(
        &self,
        owner: &Owner,
        number: i64,
        end: End<'_>,
        deadline: Instant,
    ) -> Result<bool, Error> {
        let statements = self.statements();
        let failures = |failure: &str| [failure.into(), count(MAX_FAILURES)];
        let (sql, more) = match end {
            End::Acknowledge => match &self.store {
                Store::Sqlite(_) => (sqlite::ACKNOWLEDGE, Vec::new()),
                Store::Postgres(server) => {
                    return server.acknowledge(owner, number, deadline).await;
                }
            },
            End::Release(delay) => (statements.release, vec![milliseconds(delay)]),
            End::Retry(delay, failure) => {
                let [failure, most] = failures(failure);
                (statements.retry, vec![failure, most, milliseconds(delay)])
            }
            End::Bury(failure) => (statements.bury, failures(failure).into()),
        };
        let mut parameters = vec![number.into(), name(owner)];
        parameters.extend(more);
        self.changed(sql, parameters, deadline).await
    }

    pub(super) async fn figures(&self, deadline: Instant) -> Result<Vec<Figures>, Error> {
        let rows = self
            .execute(self.statements().figures, Vec::new(), deadline)
            .await?;
        rows.into_iter().map(figures).collect()
    }

    pub(super) async fn list(
        &self,
        queue: &str,
        after: i64,
        deadline: Instant,
    ) -> Result<Vec<Listed>, Error> {
        let parameters = vec![queue.into(), after.into(), count(MAX_LISTED)];
        let rows = self
            .execute(self.statements().list, parameters, deadline)
            .await?;
        rows.into_iter().map(listed).collect()
    }

    pub(super) async fn redrive(
        &self,
        queue: &str,
        number: Option<i64>,
        deadline: Instant,
    ) -> Result<u64, Error> {
        self.change_some(self.statements().redrive, queue, number, deadline)
            .await
    }

    pub(super) async fn delete(
        &self,
        queue: &str,
        number: Option<i64>,
        deadline: Instant,
    ) -> Result<u64, Error> {
        self.change_some(self.statements().delete, queue, number, deadline)
            .await
    }

    pub(super) async fn schedules(&self, deadline: Instant) -> Result<Vec<Schedule>, Error> {
        let rows = self.execute(self.statements().schedules, Vec::new(), deadline);
        rows.await?.into_iter().map(schedule).collect()
    }

    pub(super) async fn reschedule(
        &self,
        name: &str,
        from: Option<i64>,
        to: Option<i64>,
        deadline: Instant,
    ) -> Result<bool, Error> {
        let statements = self.statements();
        let (sql, times) = match (from, to) {
            (None, None) => return Ok(false),
            (None, Some(to)) => (statements.schedule, vec![to]),
            (Some(from), Some(to)) => (statements.reschedule, vec![from, to]),
            (Some(from), None) => (statements.unschedule, vec![from]),
        };
        let times = times.into_iter().map(Value::Integer);
        let parameters = [name.into()].into_iter().chain(times);
        self.changed(sql, parameters.collect(), deadline).await
    }

    /// Changes messages in steps, so that others have their turn in between.
    async fn change_some(
        &self,
        sql: &str,
        queue: &str,
        number: Option<i64>,
        deadline: Instant,
    ) -> Result<u64, Error> {
        let mut changed = 0;
        loop {
            let number = number.map_or(Value::Null, Value::Integer);
            let parameters = vec![queue.into(), number, count(MAX_SWEPT)];
            let step = self.execute(sql, parameters, deadline).await?.len();
            changed += step;
            if step < MAX_SWEPT {
                return Ok(changed as u64);
            }
        }
    }

    /// Executes a statement whose rows say nothing.
    async fn perform(
        &self,
        sql: &str,
        parameters: Vec<Value>,
        deadline: Instant,
    ) -> Result<(), Error> {
        self.execute(sql, parameters, deadline).await.map(drop)
    }

    /// Executes a statement that changes one row and returns it, and tells whether it did.
    async fn changed(
        &self,
        sql: &str,
        parameters: Vec<Value>,
        deadline: Instant,
    ) -> Result<bool, Error> {
        let rows = self.execute(sql, parameters, deadline).await?;
        Ok(!rows.is_empty())
    }

    async fn execute(
        &self,
        sql: &str,
        parameters: Vec<Value>,
        deadline: Instant,
    ) -> Result<Vec<Vec<Value>>, Error> {
        match &self.store {
            Store::Sqlite(database) => Ok(database.execute(sql, parameters, deadline).await?),
            Store::Postgres(server) => {
                let parameters = parameters.into_iter().map(Parameter::One).collect();
                Ok(server.database.execute(sql, parameters, deadline).await?)
            }
        }
    }
}

impl Claims {
    fn unknown(&self) -> MutexGuard<'_, Vec<(Owner, i64)>> {
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The digits of the digest of a name in a queue, for where bytes may not be.
pub(super) fn hex_digest(queue: &str, name: &str) -> String {
    let digest = digest(queue, name);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Identifies a message or a key of all queues, in few bytes whatever its length.
pub(super) fn digest(queue: &str, id: &str) -> Vec<u8> {
    const BYTES: usize = 16;
    let mut digest = Sha256::new();
    digest.update(queue.as_bytes());
    digest.update([0]);
    digest.update(id.as_bytes());
    digest.finalize()[..BYTES].to_vec()
}
