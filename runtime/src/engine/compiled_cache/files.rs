//! Writes the files of compiled code: complete at once, and only for their owner.
//! Their contents are the parent's.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The extension of a file that is being written.
pub(super) const UNFINISHED: &str = "new";

/// Writes `bytes` to `path` in one step, and replaces a file that exists.
pub(super) fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = Unfinished::write(path, bytes)?;
    fs::rename(&unfinished.0, path)
}

/// Writes `bytes` to `path` in one step, unless a file exists.
pub(super) fn put_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = Unfinished::write(path, bytes)?;
    fs::hard_link(&unfinished.0, path)
}

/// A file with a unique name, removed on drop.
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
        // Fails if the file was renamed.
        let _ = fs::remove_file(&self.0);
    }
}
