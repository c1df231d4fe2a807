//! Moves a database to another engine while it serves, or back. Triggers of the source note each change; rows are copied in the
//! order of their keys, and the changes with them; then writes pause for the last changes, and the source refuses them from then on.
//!
//! The state of a move is in both databases, so the same call continues after an end at any point. Asking a running server to
//! switch is left to whoever starts the move ([`Watch`]).

mod error;
mod finding;
mod limits;
mod moving;
mod postgres;
mod row;
mod side;
mod sqlite;
mod steps;
#[cfg(test)]
mod tests;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use crate::sql::open::{OpenError, PostgresOptions};

pub use error::MoveError;
pub use finding::Finding;
pub use limits::{
    MAX_CATCH_UP_ROUNDS, MAX_CHUNK_BYTES, MAX_CHUNK_ROWS, MAX_KEY_BYTES, MAX_LAST_CHANGES,
    MAX_LISTED_FINDINGS, MAX_LOCK_ATTEMPTS, MAX_LOCK_WAIT, MAX_MOVER_WAIT, MAX_OPEN_WAIT,
    MAX_WHOLE_ROWS,
};
pub use watch::{Progress, Watch};

use finding::Holder;
use postgres::Postgres;
use sqlite::Sqlite;

/// A database that is moved, or the one that takes its place.
#[derive(Clone, Debug)]
pub enum Place {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A database on a Postgres server.
    Postgres {
        /// Its URL.
        url: String,
        /// Its password, if it is not in the URL.
        options: PostgresOptions,
    },
}

/// What a move would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The source, without a password.
    pub from: String,
    /// The target, without a password.
    pub to: String,
    /// The tables.
    pub tables: Vec<PlannedTable>,
    /// Whether the move has begun, and would be continued.
    pub is_begun: bool,
}

/// A table of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedTable {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// The bytes of their values, about.
    pub bytes: u64,
}

/// A move that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The target, without a password.
    pub to: String,
    /// Its rows.
    pub rows: u64,
    /// How long writes were paused; none if they were not, because the move had been made already.
    pub pause: Option<Duration>,
}

/// Both sides, opened.
enum Opened {
    ToPostgres(Sqlite, Postgres),
    ToSqlite(Postgres, Sqlite),
    BetweenServers(Postgres, Postgres),
}

/// What a move would do. Nothing is changed.
///
/// # Errors
///
/// All that would keep the move from being made.
pub async fn plan(from: &Place, to: &Place) -> Result<Plan, MoveError> {
    let planned = match &mut open(from, to).await? {
        Opened::ToPostgres(source, target) => moving::plan(source, target).await,
        Opened::ToSqlite(source, target) => moving::plan(source, target).await,
        Opened::BetweenServers(source, target) => moving::plan(source, target).await,
    };
    planned.map(|planned| planned.plan)
}

/// Moves a database, or continues a move.
///
/// # Errors
///
/// See [`MoveError`]. The source serves as before, unless writes were already paused and the record of the move was made: then the
/// same call ends it.
pub async fn run(from: &Place, to: &Place, watch: &mut impl Watch) -> Result<Moved, MoveError> {
    match &mut open(from, to).await? {
        Opened::ToPostgres(source, target) => {
            moving::run(source, target, Holder::Postgres, watch).await
        }
        Opened::ToSqlite(source, target) => {
            moving::run(source, target, Holder::Sqlite, watch).await
        }
        Opened::BetweenServers(source, target) => {
            moving::run(source, target, Holder::Postgres, watch).await
        }
    }
}

/// Gives a move up: the source notes no changes any more, and what was copied is removed if the target is named.
///
/// # Errors
///
/// If there is no move, or it has been made.
pub async fn abandon(from: &Place, to: Option<&Place>) -> Result<(), MoveError> {
    let Some(to) = to else {
        return match from {
            Place::Sqlite(path) => {
                moving::abandon_source(&mut Sqlite::open(path, false, Holder::Postgres)?).await
            }
            Place::Postgres { url, options } => {
                let mut source = Postgres::connect(url, options, Holder::Sqlite).await?;
                source.lock_out_others().await?;
                moving::abandon_source(&mut source).await
            }
        };
    };
    match &mut open(from, to).await? {
        Opened::ToPostgres(source, target) => moving::abandon(source, target).await,
        Opened::ToSqlite(source, target) => moving::abandon(source, target).await,
        Opened::BetweenServers(source, target) => moving::abandon(source, target).await,
    }
}

/// Opens both sides, and keeps other movers away.
async fn open(from: &Place, to: &Place) -> Result<Opened, MoveError> {
    Ok(match (from, to) {
        (Place::Sqlite(_), Place::Sqlite(_)) => return Err(MoveError::NoServer),
        (Place::Sqlite(path), Place::Postgres { url, options }) => {
            let source = open_source(path)?;
            let mut target = Postgres::connect(url, options, Holder::Sqlite).await?;
            target.lock_out_others().await?;
            Opened::ToPostgres(source, target)
        }
        (Place::Postgres { url, options }, Place::Sqlite(path)) => {
            let mut source = Postgres::connect(url, options, Holder::Sqlite).await?;
            source.lock_out_others().await?;
            Opened::ToSqlite(source, Sqlite::open_target(path, Holder::Postgres)?)
        }
        (
            Place::Postgres { url, options },
            Place::Postgres {
                url: to,
                options: others,
            },
        ) => {
            let mut source = Postgres::connect(url, options, Holder::Postgres).await?;
            let mut target = Postgres::connect(to, others, Holder::Postgres).await?;
            if source.identity().await? == target.identity().await? {
                let place = source.place().to_owned();
                return Err(MoveError::SameDatabase { place });
            }
            source.lock_out_others().await?;
            target.lock_out_others().await?;
            Opened::BetweenServers(source, target)
        }
    })
}

fn open_source(path: &std::path::Path) -> Result<Sqlite, OpenError> {
    Sqlite::open(path, false, Holder::Postgres)
}

/// What a source that was moved says to each write.
fn refusal(to: &str) -> String {
    format!("this database was moved to {to}: restart the server with that URL in its settings")
}
