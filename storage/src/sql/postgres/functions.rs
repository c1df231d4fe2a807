//! Makes a schema of the host's own in a database, by versions. Each version is made once, whichever node comes first. The schema
//! `terrace` has the functions that translated statements call, and the record of the database's definitions.

use super::connection::Connection;
use super::failures::Failed;
use super::job::Stop;
use crate::dialect::FUNCTIONS;

/// The advisory lock of whoever changes a schema: this one, or that of guests.
pub(super) const LOCK: &str = "SELECT pg_advisory_xact_lock(8387236756170467873)";

/// What is made in a schema.
#[derive(Debug)]
pub(super) struct Objects {
    schema: &'static str,
    /// Made with the schema, before the first version.
    record: &'static str,
    versions: &'static [&'static str],
}

/// For statements of guests: the functions, and the record of the changes of the schema.
pub(super) const OF_GUESTS: Objects = Objects {
    schema: "terrace",
    record: "CREATE TABLE IF NOT EXISTS terrace.definitions (number bigint PRIMARY KEY, text text NOT NULL)",
    versions: &FUNCTIONS,
};

impl Objects {
    /// For statements of the host's own.
    pub(super) fn of_host(schema: &'static str, versions: &'static [&'static str]) -> Self {
        let record = "";
        Self {
            schema,
            record,
            versions,
        }
    }

    /// Makes what is missing, in one transaction.
    ///
    /// # Errors
    ///
    /// Of the server. Nothing was made then.
    pub(super) async fn make(
        &self,
        connection: &mut Connection,
        stop: &mut Stop<'_>,
    ) -> Result<(), Failed> {
        let Self {
            schema,
            record,
            versions,
        } = self;
        if self.version(connection, stop).await? >= versions.len() {
            return Ok(());
        }
        connection.in_transaction = true;
        let begin = format!(
            "BEGIN; {LOCK}; SET LOCAL client_min_messages = error; CREATE SCHEMA IF NOT EXISTS {schema}; \
             CREATE TABLE IF NOT EXISTS {schema}.functions (\
             version integer PRIMARY KEY, made_at timestamptz NOT NULL DEFAULT now()); {record}"
        );
        connection.command(&begin, stop).await?;
        // Another node may have made them while this one waited for the lock.
        let made = self.version(connection, stop).await?;
        for (number, functions) in (1..).zip(*versions).skip(made) {
            connection.command(functions, stop).await?;
            let note = format!("INSERT INTO {schema}.functions (version) VALUES ({number})");
            connection.command(&note, stop).await?;
        }
        connection.command("COMMIT", stop).await?;
        connection.in_transaction = false;
        Ok(())
    }

    /// The version that the database has; 0 for none.
    async fn version(
        &self,
        connection: &mut Connection,
        stop: &mut Stop<'_>,
    ) -> Result<usize, Failed> {
        let schema = self.schema;
        let mut exists = format!("SELECT to_regclass('{schema}.functions') IS NOT NULL");
        if !self.record.is_empty() {
            exists += " AND to_regclass('terrace.definitions') IS NOT NULL";
        }
        if connection.texts(&exists, stop).await? != [["t"]] {
            return Ok(0);
        }
        let query = format!("SELECT coalesce(max(version), 0) FROM {schema}.functions");
        let rows = connection.texts(&query, stop).await?;
        let version = rows.first().and_then(|row| row.first()?.parse().ok());
        Ok(version.unwrap_or(0))
    }
}
