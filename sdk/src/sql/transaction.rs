//! Batches and migrations, on hosts whose connections have transactions.

use super::{Error, Rows, Statement, Value, check_names, script};
use crate::host::Connection;

const VERSION: &str = "SELECT max(version) FROM schema_version";

/// Terrace's own record, if the manifest names the migrations.
const VERSION_OF_HOST: &str = "SELECT max(number) FROM terrace_migrations";

/// The most attempts of a transaction that others are in the way of. The host waits longer before each, and the request's deadline
/// usually ends them.
const MAX_ATTEMPTS: u32 = 100;

pub(crate) async fn batch(
    connection: &Connection,
    statements: &[Statement],
) -> Result<Vec<Rows>, Error> {
    if let [only] = statements {
        // A single statement is atomic by itself.
        return Ok(vec![run(connection, only).await?]);
    }
    all_or_nothing(connection, async || {
        let mut all = Vec::with_capacity(statements.len());
        for statement in statements {
            all.push(run(connection, statement).await?);
        }
        Ok(all)
    })
    .await
}

async fn run(connection: &Connection, statement: &Statement) -> Result<Rows, Error> {
    let rows = connection
        .execute(statement.text(), statement.parameters().to_vec())
        .await?;
    check_names(rows.columns())?;
    Ok(rows)
}

/// Instances that start at the same time wait for each other: each reads the version again once it has the writer's lock.
pub(crate) async fn migrate(connection: &Connection, migrations: &[&str]) -> Result<(), Error> {
    // Without any migration there is no such table. That error looks like others, but others will occur again below.
    if version(connection, VERSION)
        .await
        .is_ok_and(|version| version >= migrations.len())
    {
        return Ok(());
    }
    let by_host = version(connection, VERSION_OF_HOST).await.unwrap_or(0);
    if by_host >= migrations.len() {
        return Ok(());
    }
    all_or_nothing(connection, async || {
        apply_missing(connection, migrations, by_host).await
    })
    .await
}

async fn apply_missing(
    connection: &Connection,
    migrations: &[&str],
    by_host: usize,
) -> Result<(), Error> {
    connection
        .execute(
            "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY)",
            Vec::new(),
        )
        .await?;
    let applied = version(connection, VERSION).await?.max(by_host);
    for (number, migration) in (1_u32..).zip(migrations).skip(applied) {
        apply(connection, number, migration)
            .await
            .map_err(|source| match source {
                Error::Conflict => Error::Conflict,
                source => Error::Migration {
                    number,
                    source: Box::new(source),
                },
            })?;
    }
    Ok(())
}

async fn apply(connection: &Connection, number: u32, migration: &str) -> Result<(), Error> {
    for statement in script::statements(migration) {
        connection.execute(statement, Vec::new()).await?;
    }
    connection
        .execute(
            "INSERT INTO schema_version (version) VALUES (?1)",
            vec![Value::from(number)],
        )
        .await?;
    Ok(())
}

/// The last migration applied, 0 for none.
async fn version(connection: &Connection, read: &str) -> Result<usize, Error> {
    let rows = connection.execute(read, Vec::new()).await?;
    let version = rows.one()?.get::<Option<u64>>(0)?;
    Ok(version
        .and_then(|version| version.try_into().ok())
        .unwrap_or(0))
}

/// Does `work` in a transaction, again if others were in its way.
async fn all_or_nothing<T>(
    connection: &Connection,
    work: impl AsyncFn() -> Result<T, Error>,
) -> Result<T, Error> {
    let mut attempts = 1;
    loop {
        match attempt(connection, &work).await {
            Err(Error::Conflict) if attempts < MAX_ATTEMPTS => attempts += 1,
            outcome => return outcome,
        }
    }
}

async fn attempt<T>(
    connection: &Connection,
    work: impl AsyncFn() -> Result<T, Error>,
) -> Result<T, Error> {
    let run = |text: &'static str| connection.execute(text, Vec::new());
    // On SQLite, IMMEDIATE takes the writer's lock at once. A transaction that reads first and takes the lock later can fail
    // half-way, if another one has written in between.
    run("BEGIN IMMEDIATE").await?;
    let outcome = async {
        let result = work().await?;
        run("COMMIT").await?;
        Ok(result)
    };
    let outcome = outcome.await;
    if outcome.is_err() {
        // The first error is the important one. If the rollback fails too, the connection is gone and the host has rolled back.
        _ = run("ROLLBACK").await;
    }
    outcome
}
