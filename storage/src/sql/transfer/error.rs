//! Why a move stopped. What was changed until then, the same command continues, or `--abandon` removes.

use super::finding::{Finding, Findings};
use super::limits::MAX_WHOLE_ROWS;
use crate::sql::open::OpenError;

/// Why a move stopped. The source serves as before, unless a variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// A database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Neither of the two is on a Postgres server.
    #[error(
        "both databases are SQLite files: stop the server and copy the file, or name a Postgres server"
    )]
    NoServer,
    /// Source and target are the same database.
    #[error("{place} is the database itself; name another one")]
    SameDatabase {
        /// The database.
        place: String,
    },
    /// The target has tables already.
    #[error("the target {place} is not empty: it has {found}; name an empty database")]
    NotEmpty {
        /// The target.
        place: String,
        /// Something that is in it.
        found: String,
    },
    /// Another process moves this database now.
    #[error("another `terrace sql move` is at work on {place}; wait for it, or end it")]
    AtWork {
        /// The database on a server.
        place: String,
    },
    /// A move to another target has begun.
    #[error(
        "a move to {to} has begun; finish it with `--to` that database, or give it up with `--abandon`"
    )]
    UnderWay {
        /// The other target.
        to: String,
    },
    /// There is no move to give up.
    #[error("there is no move to give up")]
    NothingToAbandon,
    /// The database was moved, and nothing can be given up any more.
    #[error("the database was moved to {to}: there is nothing to give up any more")]
    Moved {
        /// The target.
        to: String,
    },
    /// The user of the database lacks a right.
    #[error("the user of {place} lacks a right: {right}")]
    Rights {
        /// The database.
        place: String,
        /// The right.
        right: String,
    },
    /// The target cannot hold some values or tables. Nothing was changed, unless they were written during the move.
    #[error("the target cannot hold {count} of the values and tables")]
    Findings {
        /// The first ones.
        findings: Vec<Finding>,
        /// How many there are.
        count: usize,
    },
    /// A table without a key has too many rows.
    #[error(
        "the table {table} has no key and {rows} rows; give it a primary key, or at most {MAX_WHOLE_ROWS} rows"
    )]
    NoKey {
        /// The table.
        table: String,
        /// Its rows.
        rows: u64,
    },
    /// The tables were changed after the move began.
    #[error(
        "the tables of {place} were changed after the move began; give it up with `--abandon`, and begin it again"
    )]
    SchemaChanged {
        /// The source.
        place: String,
    },
    /// The two databases have other rows.
    #[error(
        "the table {table} differs at {key}: something else writes to the target; give the move up with `--abandon`, and begin it again"
    )]
    Differs {
        /// The table.
        table: String,
        /// The key of the first row that differs, or the numbers of rows.
        key: String,
    },
    /// Writers did not let go in time.
    #[error(
        "{place} is held by a long transaction, so that the move cannot go on; try the same command again"
    )]
    Busy {
        /// The database.
        place: String,
    },
    /// The running server does not stop to write.
    #[error("the running server does not switch: {message}")]
    Server {
        /// What it says.
        message: String,
    },
    /// A database failed. The same command continues.
    #[error("{place} failed: {message}; the same command continues the move")]
    Failed {
        /// The database.
        place: String,
        /// Its words.
        message: String,
    },
}

/// Refuses to go on if there are findings.
pub(super) fn refuse(findings: Findings) -> Result<(), MoveError> {
    if findings.count == 0 {
        return Ok(());
    }
    Err(MoveError::Findings {
        findings: findings.listed,
        count: findings.count,
    })
}
