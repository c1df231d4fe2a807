//! Changes of the schema: one at a time in all nodes, recorded in the transaction that makes them.

use std::sync::Arc;
use std::time::Instant;

use tokio::time::sleep;
use tokio_postgres::types::Type;

use super::catalog::{Catalog, Known};
use super::connection::Connection;
use super::failures::Failed;
use super::functions::LOCK;
use super::job::Stop;
use crate::clock;
use crate::failure::EngineFailure;
use crate::sql::error::Error;
use crate::sql::limits::SCHEMA_LEASE;
use crate::value::Value;

/// A change of the schema by a guest.
pub(super) struct Change<'c> {
    pub(super) sql: &'c str,
    pub(super) parameters: &'c [Value],
    /// The schema with the earlier changes of the same transaction, which has the lock.
    pub(super) own: Option<Arc<Known>>,
    /// Whether other statements may follow in the transaction.
    pub(super) is_in_transaction: bool,
}

/// The schema in a transaction after a change.
pub(super) enum Made {
    /// It changed, and is the transaction's own until it commits.
    Own(Arc<Known>),
    /// There was nothing to change.
    Unchanged(Arc<Known>),
}

/// Makes a change inside of a transaction, after the commands `before`.
///
/// # Errors
///
/// The transaction, or the part of it after a savepoint, must then be rolled back.
pub(super) async fn make(
    change: Change<'_>,
    before: &str,
    catalog: &Catalog,
    connection: &mut Connection,
    stop: &mut Stop<'_>,
) -> Result<Made, Error> {
    let known = match change.own {
        Some(own) => {
            if !before.is_empty() {
                connection.command(before, stop).await?;
            }
            own
        }
        None => {
            let begin = format!("{before};{LOCK}");
            connection.command(&begin, stop).await?;
            // Others may have changed the schema before this transaction got the lock.
            let known = catalog.seen_by(connection, stop).await?;
            catalog.learn(&known);
            if change.is_in_transaction {
                exclude_writers(&known, connection, stop).await?;
            }
            known
        }
    };
    let translation = known.translate(change.sql, change.parameters)?;
    let texts = &translation.translated.texts;
    if texts.is_empty() {
        return Ok(Made::Unchanged(known));
    }
    connection.command(&texts.join(";\n"), stop).await?;
    // It only counts rows, for the planner.
    if texts[0] == "ANALYZE" {
        return Ok(Made::Unchanged(known));
    }
    let next = known.with(known.version + 1, change.sql)?;
    let record = "INSERT INTO terrace.definitions (number, text) VALUES ($1, $2)";
    let values: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&next.version, Type::INT8), (&change.sql, Type::TEXT)];
    match connection.change(record, &values, stop).await {
        Ok(()) => Ok(Made::Own(Arc::new(next))),
        // The transaction sees a schema that others have changed since.
        Err(failed) if failed.code() == "23505" => Err(EngineFailure::SerializationFailure.into()),
        Err(failed) => Err(failed.into()),
    }
}

/// Keeps others from writing until the transaction ends, as SQLite does. A transaction that copies a table and drops the old one
/// would lose the rows that others write in between.
async fn exclude_writers(
    known: &Known,
    connection: &mut Connection,
    stop: &mut Stop<'_>,
) -> Result<(), Error> {
    let tables: Vec<String> = known.schema.printed_tables().collect();
    if tables.is_empty() {
        return Ok(());
    }
    let lock = format!(
        "LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE",
        tables.join(", ")
    );
    Ok(connection.command(&lock, stop).await?)
}

/// Has a change known that was committed, and waits until no other node can translate with the schema before it.
pub(super) async fn publish(
    known: Arc<Known>,
    committed: Instant,
    node: &Node<'_>,
    catalog: &Catalog,
    connection: &mut Connection,
) {
    catalog.install(known, committed);
    // Without an answer it waits, as if there were others.
    let mut stop = Stop::at(clock::now() + SCHEMA_LEASE);
    if !node.is_alone(connection, &mut stop).await.unwrap_or(false) {
        sleep(SCHEMA_LEASE.saturating_sub(clock::now() - committed)).await;
    }
}

/// A node among others that use the same database.
pub(super) struct Node<'n> {
    pub(super) name: &'n str,
    /// Whether the server sees each node's connections. Behind a pooler it does not.
    pub(super) is_seen: bool,
}

/// How the names begin by which nodes tell each other from other clients.
pub(super) const NODE: &str = "terrace ";

impl Node<'_> {
    async fn is_alone(
        &self,
        connection: &mut Connection,
        stop: &mut Stop<'_>,
    ) -> Result<bool, Failed> {
        if !self.is_seen {
            return Ok(false);
        }
        let query = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND \
             starts_with(application_name, '{NODE}') AND application_name <> '{}'",
            self.name
        );
        Ok(connection.texts(&query, stop).await? == [["0"]])
    }
}
