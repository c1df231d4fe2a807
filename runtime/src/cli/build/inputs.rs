//! What a component is built from: the files that its `watch` patterns match.

use std::path::{Component as PathPart, Path, PathBuf};

use glob::{MatchOptions, Pattern};
use notify::RecursiveMode;

use crate::manifest::{Build, Component};

/// What cargo builds from, where the manifest does not say it.
const CARGO_INPUTS: [&str; 2] = ["src/**", "Cargo.toml"];

/// Folders that builds and tools write to. What is in them is never an input.
const OUTPUT_FOLDERS: [&str; 2] = ["target", "node_modules"];

/// As in a shell: `*` stays within one directory, and no wildcard stands for a leading dot, because files and
/// folders of that kind belong to editors, version control and caches.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// The files that a component is built from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inputs {
    workdir: PathBuf,
    patterns: Vec<InputPattern>,
}

#[derive(Debug, Clone)]
struct InputPattern {
    /// The part of the pattern without wildcards, where it leads to.
    base: PathBuf,
    /// The same as the manifest names it: it may be a link, which can come to lead elsewhere.
    named: PathBuf,
    /// The rest, if there is one. Without it the base is meant, and all that is in it.
    rest: Option<Pattern>,
}

impl Inputs {
    /// What a component is built from: nothing, if it has no build command.
    pub(crate) fn of(component: &Component) -> Self {
        let Some(build) = &component.build else {
            return Self::default();
        };
        let texts: Vec<&str> = match build.watch.is_empty() {
            true if runs_cargo(build) => CARGO_INPUTS.to_vec(),
            _ => build.watch.iter().map(String::as_str).collect(),
        };
        let workdir = resolved(&build.workdir);
        let pattern = |text: &&str| InputPattern::parse(&workdir, text);
        Self {
            patterns: texts.iter().filter_map(pattern).collect(),
            workdir,
        }
    }

    /// Whether a change of that file asks for a new build.
    pub(crate) fn contain(&self, path: &Path) -> bool {
        !self.is_output(path) && self.patterns.iter().any(|pattern| pattern.matches(path))
    }

    /// Whether that built file is an input, because it is no output folder's or because it is named in full.
    pub(super) fn contain_built(&self, path: &Path) -> bool {
        let mut patterns = self.patterns.iter();
        self.contain(path) || patterns.any(|pattern| pattern.rest.is_none() && pattern.base == path)
    }

    /// The directories to watch.
    pub(crate) fn roots(&self) -> impl Iterator<Item = (PathBuf, RecursiveMode)> {
        self.patterns.iter().map(InputPattern::root)
    }

    /// The folders and files that patterns begin with, by both their names.
    pub(crate) fn places(&self) -> impl Iterator<Item = &Path> {
        let patterns = self.patterns.iter();
        patterns.flat_map(|pattern| [pattern.base.as_path(), pattern.named.as_path()])
    }

    /// Whether the file is in a folder that builds or tools write to. Only folders below the component's own
    /// count: the app itself may well be in one that is called `target`.
    fn is_output(&self, path: &Path) -> bool {
        let Ok(relative) = path.strip_prefix(&self.workdir) else {
            return false;
        };
        let names = relative.iter().filter_map(|name| name.to_str());
        names.into_iter().any(|name| OUTPUT_FOLDERS.contains(&name))
    }
}

impl InputPattern {
    /// A pattern as the manifest has it; it was found to be well-formed there.
    fn parse(workdir: &Path, text: &str) -> Option<Self> {
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
        let named = workdir.join(base);
        Some(Self {
            base: resolved(&named),
            named,
            rest,
        })
    }

    fn matches(&self, path: &Path) -> bool {
        let Ok(relative) = path.strip_prefix(&self.base) else {
            return false;
        };
        match &self.rest {
            Some(rest) => rest.matches_path_with(relative, OPTIONS),
            None => true,
        }
    }

    fn root(&self) -> (PathBuf, RecursiveMode) {
        match &self.rest {
            // A file is watched through its directory: editors replace files rather than write them.
            None if !self.base.is_dir() => (parent(&self.base), RecursiveMode::NonRecursive),
            Some(rest) if !rest.as_str().contains(['/', '\\']) && !rest.as_str().contains("**") => {
                (self.base.clone(), RecursiveMode::NonRecursive)
            }
            _ => (self.base.clone(), RecursiveMode::Recursive),
        }
    }
}

/// Whether nothing tells what a component is built from.
pub(crate) fn watch_unknown(component: &Component) -> bool {
    let unknown = |build: &Build| build.watch.is_empty() && !runs_cargo(build);
    component.build.as_ref().is_some_and(unknown)
}

fn runs_cargo(build: &Build) -> bool {
    let is_cargo = |command: &String| command.split_whitespace().next() == Some("cargo");
    build.command.iter().any(is_cargo)
}

/// A path without links and detours as far as it exists, as a watcher reports it.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    if let Ok(path) = path.canonicalize() {
        return path;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => resolved(parent).join(name),
        _ => path.to_owned(),
    }
}

/// The same for a file that may itself be a link, which a watcher reports by its own name.
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

#[cfg(test)]
mod tests;
