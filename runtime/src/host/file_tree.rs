//! The files that one component can read, copied or linked into one folder as Spin's loader does.
//! The manifest decides which files these are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::manifest::FileMount;

/// A folder that a guest finds at `/`. It is removed on drop.
#[derive(Debug)]
pub struct FileTree {
    root: PathBuf,
}

impl FileTree {
    /// Creates the files below `root`, which must not exist yet.
    ///
    /// A file is a hard link to its source if the file system allows that, else a copy. A source that is replaced later
    /// keeps its old content here.
    ///
    /// # Errors
    /// The first path that can't be made, with the reason.
    pub fn lay_out(root: PathBuf, mounts: &[FileMount]) -> io::Result<Self> {
        fs::create_dir_all(&root)?;
        let tree = Self { root };
        for mount in mounts {
            tree.add(mount).map_err(|error| {
                io::Error::new(error.kind(), format!("`{}`: {error}", mount.guest))
            })?;
        }
        Ok(tree)
    }

    /// The folder that is the guest's `/`.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }

    fn add(&self, mount: &FileMount) -> io::Result<()> {
        let path = self.root.join(mount.guest.trim_start_matches('/'));
        if mount.host.is_dir() {
            return fs::create_dir_all(path);
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        // A hard link to a symbolic link would be a symbolic link with a wrong target.
        let source = mount.host.canonicalize()?;
        fs::hard_link(&source, &path).or_else(|_| copy(&source, &path))
    }
}

/// Copies a file with its time, because a function may tell by the time whether a file has changed.
fn copy(source: &Path, path: &Path) -> io::Result<()> {
    fs::copy(source, path)?;
    let modified = fs::metadata(source)?.modified()?;
    fs::File::open(path)?.set_modified(modified)
}

impl Drop for FileTree {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.root) {
            tracing::warn!("{} can't be removed: {error}", self.root.display());
        }
    }
}

#[cfg(test)]
mod tests;
