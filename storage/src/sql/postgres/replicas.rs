//! Reads of requests on replicas. A read that finds none with what it must see, or whose replica fails, runs on the primary.

use super::connection::Around;
use super::database::Database;
use super::failures::Failed;
use super::job::{Counters, Stop};
use super::server::{Seen, Server, ask};
use super::statement::Statement;
use super::translations::Translation;
use crate::dialect::Effect;
use crate::sql::error::Error;
use crate::sql::position::Place;
use crate::value::Rows;

type Done = Result<(Rows, Counters), Error>;

/// A read for a replica.
struct Read<'r> {
    statement: &'r Statement,
    translation: &'r Translation,
    /// The place that the replica must have reached.
    need: Place,
}

/// Runs a statement on a replica, if it is a read that one can answer; `None` if it must run on the primary.
pub(super) async fn read(
    database: &Database,
    statement: &Statement,
    stop: &mut Stop<'_>,
) -> Option<Done> {
    let servers = database.servers();
    let needs = statement
        .needs
        .as_deref()
        .filter(|_| servers.system().is_some())?;
    // Without a primary, nobody changes the schema.
    let known = match servers.is_primary_out() {
        true => database.catalog().last(),
        false => database.catalog().valid(),
    }?;
    let translation = known
        .translate(&statement.sql, &statement.parameters)
        .ok()?;
    if translation.translated.effect != Effect::Read {
        return None;
    }
    let need = servers.need(needs, known.version)?;
    let at = servers.replica(need)?;
    let server = servers.server(at);
    let read = Read {
        statement,
        translation: &translation,
        need,
    };
    let mut seen = server.seen.subscribe();
    let left = seen.wait_for(|seen| !matches!(seen, Seen::Replica(_) | Seen::Primary(_)));
    let done = tokio::select! {
        biased;
        done = run(database, at, read, stop) => done?,
        // It hangs. The connection is closed, since its statement has not ended.
        _ = left => return None,
    };
    if done.is_ok() {
        count(database, server);
    }
    Some(done)
}

fn count(database: &Database, server: &Server) {
    server.reads.increment();
    database.statistics().reads.increment();
}

async fn run(database: &Database, at: usize, read: Read<'_>, stop: &mut Stop<'_>) -> Option<Done> {
    let servers = database.servers();
    let mut checkout = servers.server(at).pool.checkout(stop).await.ok()?;
    let connection = checkout.connection();
    // It stays so if this is dropped.
    connection.in_transaction = true;
    if connection.reached < read.need {
        let answer = ask(connection, stop).await.ok()?;
        if !servers.has(&answer) {
            return None;
        }
        // What it has reached it has for good.
        connection.reached = answer.place;
        servers.note_found(at, answer.place);
    }
    let is_behind = connection.reached < read.need;
    let done = match is_behind {
        true => None,
        false => {
            let Read {
                statement,
                translation,
                ..
            } = read;
            let around = Around::default();
            Some(statement.run(around, translation, connection, stop).await)
        }
    };
    connection.in_transaction = false;
    match done? {
        Ok(done) => Some(Ok(done)),
        Err(failed @ (Failed::Stopped | Failed::TooLarge)) => Some(Err(failed.error())),
        Err(_) => None,
    }
}
