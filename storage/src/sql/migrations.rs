//! Migrations: numbered SQL files that are applied once to a database, by whichever process comes first.
//! When they are applied, and from which folder, is left to the program.
//!
//! Each file is one transaction, which holds a lock that no two processes have: it looks at what is recorded, runs the
//! next file and records it. The table `terrace_migrations` has a row for each applied file.

mod breaking;
mod files;
mod recorded;

pub use breaking::{Breaking, breaking};
pub use files::{Migration, read};

use std::path::PathBuf;
use std::time::Instant;

use super::database::Database;
use super::error::Error;
use super::limits::MAX_MIGRATION_DURATION;
use super::session::Session;
use crate::clock;
use crate::failure::EngineFailure;
use recorded::Recorded;

/// Why migrations are not applied. Those before the one that failed are; of that one, nothing is left.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The folder or a file in it cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The folder or the file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// A file has no number.
    #[error("{name} has no number: name a migration like 0001_users.sql")]
    NoNumber {
        /// The file's name.
        name: String,
    },
    /// Two files have the same number.
    #[error(
        "{name} and {other} have the same number: give the one that was never applied a greater number"
    )]
    SameNumber {
        /// The file's name.
        name: String,
        /// The other's.
        other: String,
    },
    /// A file begins or ends transactions, or does something that no transaction can.
    #[error(
        "{name}, line {line}: {word} is not possible here, because a migration is one transaction: remove it"
    )]
    Transaction {
        /// The file's name.
        name: String,
        /// From 1.
        line: usize,
        /// The statement's first word.
        word: String,
    },
    /// A file is not what was applied.
    #[error(
        "{name} was changed after it was applied to this database: put it back as it was, and make the change in a new file"
    )]
    Changed {
        /// The file's name.
        name: String,
    },
    /// A file that was applied is gone.
    #[error("{name} was applied to this database, but is not in the folder any more: put it back")]
    Missing {
        /// The name that it had.
        name: String,
    },
    /// A file that was not applied comes before one that was.
    #[error(
        "{name} was never applied to this database, but {later} was, which comes after it: give it a greater number"
    )]
    Late {
        /// The file's name.
        name: String,
        /// The name of the applied one.
        later: String,
    },
    /// A statement failed.
    #[error("{name}, line {line}: {source}")]
    Statement {
        /// The file's name.
        name: String,
        /// The line in the file, from 1.
        line: usize,
        /// Why.
        #[source]
        source: Error,
    },
    /// The lock was not to be had, or what is recorded could not be read or written.
    #[error("the record of applied migrations: {0}")]
    Record(#[from] Error),
}

impl MigrationError {
    /// Whether others were in the way, so that the same migration may succeed now.
    fn is_conflict(&self) -> bool {
        let (Self::Statement { source, .. } | Self::Record(source)) = self else {
            return false;
        };
        source.engine_failure() == Some(&EngineFailure::SerializationFailure)
    }
}

/// A migration that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The file's name.
    pub name: String,
    /// Whether a function had applied it itself, so that it was only recorded.
    pub by_function: bool,
}

/// A migration that would be applied.
#[derive(Clone, Copy, Debug)]
pub struct Pending<'m> {
    /// The file.
    pub migration: &'m Migration,
    /// Whether a function has applied it itself, so that it would only be recorded.
    pub by_function: bool,
}

/// The migrations that would be applied now, in order.
///
/// # Errors
/// See [`MigrationError`].
pub async fn pending<'m>(
    database: &Database,
    migrations: &'m [Migration],
) -> Result<Vec<Pending<'m>>, MigrationError> {
    let mut session = database.session();
    let recorded = Recorded::read(&mut session, deadline()).await?;
    let pending = recorded.pending(migrations)?.into_iter();
    let pending = pending.map(|migration| Pending {
        migration,
        by_function: recorded.was_applied_by_the_function(migration),
    });
    Ok(pending.collect())
}

/// Applies the migrations that the database lacks, and returns them. Several processes may do so at once: each
/// migration is applied by one of them, and the others wait for it.
///
/// # Errors
/// See [`MigrationError`].
pub async fn apply(
    database: &Database,
    migrations: &[Migration],
) -> Result<Vec<Applied>, MigrationError> {
    let mut applied = Vec::new();
    // Most starts have nothing to apply, and should not wait for a lock.
    if pending(database, migrations).await?.is_empty() {
        return Ok(applied);
    }
    let mut session = database.session();
    let deadline = deadline();
    loop {
        match apply_next(&mut session, migrations).await {
            Ok(Some(next)) => applied.push(next),
            Ok(None) => return Ok(applied),
            // Nothing is left of it. The session waits before it begins again.
            Err(error) if error.is_conflict() && clock::now() < deadline => {}
            Err(error) => return Err(error),
        }
    }
}

async fn apply_next(
    session: &mut Session,
    migrations: &[Migration],
) -> Result<Option<Applied>, MigrationError> {
    let deadline = deadline();
    session
        .execute("BEGIN IMMEDIATE", Vec::new(), deadline)
        .await?;
    let outcome = within(session, migrations, deadline).await;
    // Without a commit, nothing is left.
    session.roll_back();
    outcome
}

/// One migration, in the transaction of the session.
async fn within(
    session: &mut Session,
    migrations: &[Migration],
    deadline: Instant,
) -> Result<Option<Applied>, MigrationError> {
    // On SQLite, the transaction has the lock of the only writer. On other engines, a change of the schema takes a lock, so it
    // comes first.
    recorded::create(session, deadline).await?;
    let recorded = Recorded::read(session, deadline).await?;
    let Some(next) = recorded.pending(migrations)?.into_iter().next() else {
        return Ok(None);
    };
    let by_function = recorded.was_applied_by_the_function(next);
    if !by_function {
        run(session, next, deadline).await?;
    }
    recorded::record(session, next, deadline).await?;
    session.execute("COMMIT", Vec::new(), deadline).await?;
    let name = next.name.clone();
    Ok(Some(Applied { name, by_function }))
}

async fn run(
    session: &mut Session,
    migration: &Migration,
    deadline: Instant,
) -> Result<(), MigrationError> {
    for range in migration.statements() {
        let text = &migration.text[range.clone()];
        let executed = session.execute(text, Vec::new(), deadline).await;
        executed.map_err(|source| MigrationError::Statement {
            name: migration.name.clone(),
            line: migration.line(range.start + source.place().map_or(0, |(offset, _)| offset)),
            source,
        })?;
    }
    Ok(())
}

fn deadline() -> Instant {
    clock::now() + MAX_MIGRATION_DURATION
}
