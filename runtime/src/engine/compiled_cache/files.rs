//! Owns how files come to be in the folder of compiled code: whole, and for their owner alone.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The extension of a file that is being written.
pub(super) const UNFINISHED: &str = "new";

/// Puts `bytes` at `path` in one step, in place of what is there.
pub(super) fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = Unfinished::write(path, bytes)?;
    fs::rename(&unfinished.0, path)
}

/// Puts `bytes` at `path` in one step, unless something is there.
pub(super) fn put_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = Unfinished::write(path, bytes)?;
    fs::hard_link(&unfinished.0, path)
}

/// A file under a name that nobody else has, removed on drop if it has not got another name.
struct Unfinished(PathBuf);

impl Unfinished {
    fn write(path: &Path, bytes: &[u8]) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let random = u64::from_ne_bytes(random);
        let unfinished = Self(path.with_extension(format!("{random:016x}.{UNFINISHED}")));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished.0)?;
        file.write_all(bytes)?;
        Ok(unfinished)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Nothing is left to remove where it was renamed.
        let _ = fs::remove_file(&self.0);
    }
}
