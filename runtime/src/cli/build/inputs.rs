//! The files that a component is built from: those that its `watch` patterns match.

use std::path::{Path, PathBuf};

use notify::RecursiveMode;

use crate::cli::paths::resolved;
use crate::cli::watch_pattern::WatchPattern;
use crate::manifest::{Build, Component};

/// What cargo builds from, where the manifest has no `watch`.
const CARGO_INPUTS: [&str; 2] = ["src/**", "Cargo.toml"];

/// Folders that builds and tools write to. Files in them are never inputs.
const OUTPUT_FOLDERS: [&str; 2] = ["target", "node_modules"];

/// The files that a component is built from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inputs {
    workdir: PathBuf,
    patterns: Vec<WatchPattern>,
}

impl Inputs {
    /// The inputs of a component: none, if it has no build command.
    pub(crate) fn of(component: &Component) -> Self {
        let Some(build) = &component.build else {
            return Self::default();
        };
        let texts: Vec<&str> = match build.watch.is_empty() {
            true if runs_cargo(build) => CARGO_INPUTS.to_vec(),
            _ => build.watch.iter().map(String::as_str).collect(),
        };
        let workdir = resolved(&build.workdir);
        let pattern = |text: &&str| WatchPattern::parse(&workdir, text);
        Self {
            patterns: texts.iter().filter_map(pattern).collect(),
            workdir,
        }
    }

    /// Whether the file is an input.
    pub(crate) fn contain(&self, path: &Path) -> bool {
        !self.is_output(path) && self.patterns.iter().any(|pattern| pattern.matches(path))
    }

    /// Whether the built file is an input: it is outside of the output folders, or a pattern names it in full.
    pub(super) fn contain_built(&self, path: &Path) -> bool {
        let mut patterns = self.patterns.iter();
        self.contain(path) || patterns.any(|pattern| pattern.is_exactly(path))
    }

    /// The folders to watch.
    pub(crate) fn roots(&self) -> impl Iterator<Item = (PathBuf, RecursiveMode)> {
        self.patterns.iter().map(WatchPattern::root)
    }

    /// The folders and files that the patterns begin with, each with its links and without them.
    pub(crate) fn places(&self) -> impl Iterator<Item = &Path> {
        self.patterns.iter().flat_map(WatchPattern::places)
    }

    /// Whether the file is in an output folder below the component's own folder. The app itself may be in a folder
    /// that is called `target`.
    fn is_output(&self, path: &Path) -> bool {
        let Ok(relative) = path.strip_prefix(&self.workdir) else {
            return false;
        };
        let mut names = relative.iter().filter_map(|name| name.to_str());
        names.any(|name| OUTPUT_FOLDERS.contains(&name))
    }
}

/// Whether the component has a build command whose inputs are unknown.
pub(crate) fn watch_unknown(component: &Component) -> bool {
    let unknown = |build: &Build| build.watch.is_empty() && !runs_cargo(build);
    component.build.as_ref().is_some_and(unknown)
}

fn runs_cargo(build: &Build) -> bool {
    let is_cargo = |command: &String| command.split_whitespace().next() == Some("cargo");
    build.command.iter().any(is_cargo)
}

#[cfg(test)]
mod tests;
