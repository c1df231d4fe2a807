//! What is in a directory tree, without following links to directories: such a link may lead out of
//! the app, or back into itself without end.

use std::fs;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};

/// `*` stays within one directory, as in a shell.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Whether a path below the app's directory matches.
pub(super) fn matches(pattern: &Pattern, relative: &Path) -> bool {
    pattern.matches_path_with(relative, OPTIONS)
}

/// Files and links below `root` that match a pattern. What cannot be read does not exist for a guest.
pub(super) fn matching(root: &Path, text: &str, pattern: &Pattern) -> Vec<PathBuf> {
    // Only where the pattern can match: an app's directory may hold large build directories.
    let literal = |part: &&str| !part.contains(['*', '?', '[']);
    let base: PathBuf = text.split('/').take_while(literal).collect();
    let levels = match text.contains("**") {
        true => usize::MAX,
        false => text.split('/').skip_while(literal).count(),
    };
    let mut found = below(&root.join(base), levels);
    found.retain(|path| {
        path.strip_prefix(root)
            .is_ok_and(|path| matches(pattern, path))
    });
    found
}

/// Files and links that are at most so many levels below a directory.
pub(super) fn below(directory: &Path, levels: usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![(directory.to_owned(), levels)];
    while let Some((directory, levels)) = directories.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            // The kind of the entry itself: a link to a directory is not a directory.
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if !is_directory {
                found.push(entry.path());
            } else if levels > 1 {
                directories.push((entry.path(), levels - 1));
            }
        }
    }
    found
}
