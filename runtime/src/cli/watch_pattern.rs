//! Patterns of files, as the manifest writes them, and the folders to watch for them.
//! Which patterns matter, and what a change means, is up to the callers.

use std::path::{Component as PathPart, Path, PathBuf};

use glob::{MatchOptions, Pattern};
use notify::RecursiveMode;

use super::paths::{parent, resolved};

/// As in a shell: `*` stays within one directory, and no wildcard matches a leading dot, because files and
/// folders of that kind belong to editors, version control and caches.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// A file, a folder with all that is in it, or a glob.
#[derive(Debug, Clone)]
pub(crate) struct WatchPattern {
    /// The part before the first wildcard, without links.
    base: PathBuf,
    /// The same part with its links, each of which may be replaced.
    named: PathBuf,
    /// The part from the first wildcard on. Without it the base is meant, and all that is in it.
    rest: Option<Pattern>,
}

impl WatchPattern {
    /// A pattern below `directory`; none if it is no pattern, which the manifest reports.
    pub(crate) fn parse(directory: &Path, text: &str) -> Option<Self> {
        let is_literal = |part: &PathPart<'_>| {
            let part = part.as_os_str().as_encoded_bytes();
            !part.iter().any(|byte| b"*?[".contains(byte))
        };
        let parts = Path::new(text).components();
        let base: PathBuf = parts.clone().take_while(is_literal).collect();
        let rest: PathBuf = parts.skip_while(is_literal).collect();
        let rest = match rest.to_str()? {
            "" => None,
            rest => Some(Pattern::new(rest).ok()?),
        };
        let named = directory.join(base);
        Some(Self {
            base: resolved(&named),
            named,
            rest,
        })
    }

    /// Whether the pattern matches the path.
    pub(crate) fn matches(&self, path: &Path) -> bool {
        let Ok(relative) = path.strip_prefix(&self.base) else {
            return false;
        };
        match &self.rest {
            Some(rest) => rest.matches_path_with(relative, OPTIONS),
            None => true,
        }
    }

    /// Whether the path is the base or lies below it.
    pub(crate) fn is_around(&self, path: &Path) -> bool {
        path.starts_with(&self.base)
    }

    /// Whether the pattern is just this path.
    pub(crate) fn is_exactly(&self, path: &Path) -> bool {
        self.rest.is_none() && self.base == path
    }

    /// The folder to watch.
    pub(crate) fn root(&self) -> (PathBuf, RecursiveMode) {
        match &self.rest {
            // A file is watched through its folder: editors replace files rather than write them.
            None if !self.base.is_dir() => (parent(&self.base), RecursiveMode::NonRecursive),
            Some(rest) if !rest.as_str().contains(['/', '\\']) && !rest.as_str().contains("**") => {
                (self.base.clone(), RecursiveMode::NonRecursive)
            }
            _ => (self.base.clone(), RecursiveMode::Recursive),
        }
    }

    /// The base, with its links and without them.
    pub(crate) fn places(&self) -> [&Path; 2] {
        [&self.base, &self.named]
    }
}
