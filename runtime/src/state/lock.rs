//! Owns how processes that use one state folder keep away from one that restores it.
//! Others than these are left to SQLite's own locks.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The file whose lock servers and commands share, and a restore has alone. The lock ends with the process, however that ends.
const LOCK_FILE: &str = "state.lock";

/// The file that is there while databases are exchanged for those of a backup.
pub(crate) const UNFINISHED_FILE: &str = "restore.unfinished";

/// The right to use a state folder, for as long as it lives.
#[derive(Debug)]
pub(crate) struct StateLock(#[expect(dead_code, reason = "the open file is the lock")] File);

/// Why a state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// A process restores it now.
    #[error("the state in {} is being restored from a backup; try again when that has ended", .0.display())]
    BeingRestored(PathBuf),
    /// A process that restored it was killed.
    #[error(
        "the state in {} was not restored to the end, so its databases may not belong together; run `terrace restore` again", .0.display()
    )]
    Unfinished(PathBuf),
    /// Others use it.
    #[error("a server or another command uses the state in {}; end it first", .0.display())]
    Used(PathBuf),
    /// The lock cannot be had.
    #[error("the state folder {} cannot be locked: {error}", .folder.display())]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// The words of the operating system.
        error: io::Error,
    },
}

impl StateLock {
    /// The right to use a folder together with others.
    ///
    /// # Errors
    ///
    /// See [`LockError`].
    pub(crate) fn shared(folder: &Path) -> Result<Self, LockError> {
        let file = open(folder)?;
        match file.try_lock_shared() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::BeingRestored(folder.to_owned()));
            }
            Err(TryLockError::Error(error)) => return Err(unusable(folder, error)),
        }
        match folder.join(UNFINISHED_FILE).exists() {
            true => Err(LockError::Unfinished(folder.to_owned())),
            false => Ok(Self(file)),
        }
    }

    /// The right to exchange what is in the folder.
    ///
    /// # Errors
    ///
    /// See [`LockError`].
    pub(crate) fn alone(folder: &Path) -> Result<Self, LockError> {
        let file = open(folder)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(LockError::Used(folder.to_owned())),
            Err(TryLockError::Error(error)) => Err(unusable(folder, error)),
        }
    }
}

/// A lock needs no right to write, so a file that another user made does as well.
fn open(folder: &Path) -> Result<File, LockError> {
    let path = folder.join(LOCK_FILE);
    if let Ok(file) = File::open(&path) {
        return Ok(file);
    }
    let mut options = OpenOptions::new();
    let made = options.append(true).create(true).open(&path);
    made.map_err(|error| unusable(folder, error))
}

fn unusable(folder: &Path, error: io::Error) -> LockError {
    LockError::Unusable {
        folder: folder.to_owned(),
        error,
    }
}

/// Makes a state folder. It will hold data of the app's users, so only its owner may read it.
///
/// # Errors
///
/// If it cannot be made.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder)
}
