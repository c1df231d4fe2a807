//! Owns backups of the SQLite files of an installation: which files they are, making a backup while they are written to, and
//! restoring it. Copying pages is left to [`storage::sql::backup`], state on servers to the tools of those servers.

mod installation;
mod make;
mod manifest;
mod restore;
#[cfg(test)]
mod tests;

pub(crate) use installation::{Elsewhere, Installation};
pub(crate) use make::{Made, make};
pub(crate) use restore::{Restored, restore};

use serde::Serialize;
use storage::sql::backup::BackupError;

use crate::state::LockError;

/// How far the work is.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Progress<'a> {
    /// The database: the first of the names that the settings have for it.
    pub(crate) database: &'a str,
    /// The bytes that are done.
    pub(crate) bytes: u64,
    /// The bytes of this database.
    pub(crate) of: u64,
}

/// Why a backup was not made or restored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// What the user named cannot be used.
    #[error("{0}")]
    Refused(String),
    /// The state folder cannot be used now.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A file cannot be copied.
    #[error(transparent)]
    Copy(#[from] BackupError),
    /// The operating system refused something.
    #[error("{0}")]
    System(String),
}
