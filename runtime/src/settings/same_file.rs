//! Whether two paths lead to one file, which may not exist yet.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Links that are followed to a file that does not exist: as many as Linux follows.
const MAX_LINKS: u32 = 40;

/// Whether two paths lead to one file: by spelling, by symbolic links or as hard links.
pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    if resolved(one) == resolved(other) {
        return true;
    }
    let identity = |path| fs::metadata(path).map(|file| (file.dev(), file.ino()));
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}

/// The absolute path of a file without links, `.` or `..`.
pub(super) fn resolved(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    follow(&path, MAX_LINKS)
}

fn follow(path: &Path, links: u32) -> PathBuf {
    if let Ok(path) = path.canonicalize() {
        return path;
    }
    let Some(parent) = path.parent() else {
        return path.to_owned();
    };
    if let (Ok(target), Some(links)) = (path.read_link(), links.checked_sub(1)) {
        return follow(&parent.join(target), links);
    }
    let mut resolved = follow(parent, links);
    match path.file_name() {
        Some(name) => resolved.push(name),
        // It ends in `..`.
        None => drop(resolved.pop()),
    }
    resolved
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn paths_to_one_file_are_the_same_however_they_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::create_dir(at("state")).unwrap();
        symlink(at("state"), at("link")).unwrap();
        symlink("kv.db", at("state/dangling.db")).unwrap();
        for other in [
            "state/kv.db",
            "state/./kv.db",
            "state/../state/kv.db",
            "missing/../state/kv.db",
            "link/kv.db",
            "state/dangling.db",
        ] {
            assert!(is_same(&at("state/kv.db"), &at(other)), "{other}");
        }
        assert!(!is_same(&at("state/kv.db"), &at("state/other.db")));
        assert!(!is_same(&at("state/kv.db"), &at("kv.db")));
        fs::write(at("state/kv.db"), "").unwrap();
        fs::hard_link(at("state/kv.db"), at("hard.db")).unwrap();
        assert!(is_same(&at("state/kv.db"), &at("hard.db")));
        assert!(is_same(&at("state/kv.db"), &at("state/dangling.db")));
    }

    #[test]
    fn links_in_a_circle_end() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        symlink("b", at("a")).unwrap();
        symlink("a", at("b")).unwrap();
        assert!(!is_same(&at("a"), &at("c")));
    }
}
