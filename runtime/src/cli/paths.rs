//! Paths as a file watcher reports them: without links. Which paths matter is up to the callers.

use std::path::{Path, PathBuf};

/// The path without links, as far as it exists.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    if let Ok(path) = path.canonicalize() {
        return path;
    }
    match path.file_name() {
        Some(name) => resolved(&parent(path)).join(name),
        None => path.to_owned(),
    }
}

/// The same for a file. The file itself may be a link, which a watcher reports by its own name.
pub(crate) fn resolved_file(path: &Path) -> PathBuf {
    match path.file_name() {
        Some(name) => resolved(&parent(path)).join(name),
        None => resolved(path),
    }
}

/// The directory that a file is in.
pub(crate) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
