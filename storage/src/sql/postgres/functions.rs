//! The schema `terrace` of a database: the functions that translated statements call, and the record of its definitions. Each
//! version is made once, whichever node comes first.

use super::connection::Connection;
use super::failures::Failed;
use super::job::Stop;
use crate::dialect::FUNCTIONS;

/// The advisory lock of whoever changes a schema: this one, or that of guests.
pub(super) const LOCK: &str = "SELECT pg_advisory_xact_lock(8387236756170467873)";

/// The record of the versions of the functions, and of the changes of the schema. The newest version counts.
const RECORD: &str = "CREATE SCHEMA IF NOT EXISTS terrace; \
     CREATE TABLE IF NOT EXISTS terrace.functions (version integer PRIMARY KEY, made_at timestamptz NOT NULL DEFAULT now()); \
     CREATE TABLE IF NOT EXISTS terrace.definitions (number bigint PRIMARY KEY, text text NOT NULL)";

/// Makes what is missing, in one transaction.
///
/// # Errors
///
/// Of the server. Nothing was made then.
pub(super) async fn make(connection: &mut Connection, stop: &mut Stop<'_>) -> Result<(), Failed> {
    if version(connection, stop).await? >= FUNCTIONS.len() {
        return Ok(());
    }
    connection.in_transaction = true;
    let begin = format!("BEGIN; {LOCK}; SET LOCAL client_min_messages = error; {RECORD}");
    connection.command(&begin, stop).await?;
    // Another node may have made them while this one waited for the lock.
    let made = version(connection, stop).await?;
    for (number, functions) in (1..).zip(FUNCTIONS).skip(made) {
        connection.command(functions, stop).await?;
        let note = format!("INSERT INTO terrace.functions (version) VALUES ({number})");
        connection.command(&note, stop).await?;
    }
    connection.command("COMMIT", stop).await?;
    connection.in_transaction = false;
    Ok(())
}

/// The version that the database has; 0 for none.
async fn version(connection: &mut Connection, stop: &mut Stop<'_>) -> Result<usize, Failed> {
    let exists = "SELECT to_regclass('terrace.functions') IS NOT NULL AND to_regclass('terrace.definitions') IS NOT NULL";
    if connection.texts(exists, stop).await? != [["t"]] {
        return Ok(0);
    }
    let query = "SELECT coalesce(max(version), 0) FROM terrace.functions";
    let rows = connection.texts(query, stop).await?;
    let version = rows.first().and_then(|row| row.first()?.parse().ok());
    Ok(version.unwrap_or(0))
}
