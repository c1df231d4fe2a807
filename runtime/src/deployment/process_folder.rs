//! Owns the folder of this process among those of the others that use the same state folder.
//! Its content is left to the caller.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The extension of the file that a living process holds locked beside its folder.
const LOCK: &str = "lock";
/// How often a name is tried. A try fails only if another process clears the name up in that very moment.
const TRIES: u32 = 8;

/// A folder that no other process uses, removed on drop.
///
/// The lock on the file beside it ends with the process, however the process ends. So a folder whose lock can be
/// taken belongs to nobody, and the next process that starts removes it.
#[derive(Debug)]
pub(crate) struct ProcessFolder {
    path: PathBuf,
    lock_path: PathBuf,
    _lock: File,
}

impl ProcessFolder {
    /// Makes a folder below `parent`, and removes those that processes left behind when they were killed.
    ///
    /// # Errors
    /// When the folder or its lock can't be made.
    pub(crate) fn make(parent: &Path) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)?;
        remove_abandoned(parent)?;
        for _ in 0..TRIES {
            let path = parent.join(random_name()?);
            let lock_path = path.with_extension(LOCK);
            if let Some(lock) = new_lock(&lock_path)? {
                let folder = Self {
                    path,
                    lock_path,
                    _lock: lock,
                };
                DirBuilder::new().mode(0o700).create(&folder.path)?;
                return Ok(folder);
            }
        }
        Err(io::Error::other("other processes keep taking its lock"))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ProcessFolder {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path, &self.lock_path) {
            tracing::warn!("{} can't be removed: {error}", self.path.display());
        }
    }
}

fn random_name() -> io::Result<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(format!("{:016x}", u64::from_ne_bytes(bytes)))
}

/// A new file that this process has locked, or none when another process has it.
fn new_lock(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // Between the two steps above another process may have taken it for abandoned, and removed it.
    let is_still_there = fs::metadata(path).is_ok_and(|there| {
        let own = file.metadata();
        own.is_ok_and(|own| (own.dev(), own.ino()) == (there.dev(), there.ino()))
    });
    Ok(is_still_there.then_some(file))
}

/// Removes the folders below `parent` whose processes are gone.
fn remove_abandoned(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let lock_path = entry?.path();
        if lock_path.extension().is_none_or(|found| found != LOCK) {
            continue;
        }
        // Another process that starts now may do the same, and be done already.
        let Ok(lock) = File::open(&lock_path) else {
            continue;
        };
        if lock.try_lock().is_err() {
            continue;
        }
        let path = lock_path.with_extension("");
        if let Err(error) = remove(&path, &lock_path) {
            tracing::warn!(
                "{}, which an earlier process left behind, can't be removed: {error}",
                path.display()
            );
        }
    }
    Ok(())
}

/// The lock goes last: until then the next process tries again.
fn remove(path: &Path, lock_path: &Path) -> io::Result<()> {
    absent_is_fine(fs::remove_dir_all(path))?;
    absent_is_fine(fs::remove_file(lock_path))
}

fn absent_is_fine(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests;
