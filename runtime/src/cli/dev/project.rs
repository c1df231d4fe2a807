//! The files that an app is made from, and what a change of one of them asks for.
//! Doing it is left to `session`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use notify::RecursiveMode;

use super::debounce::Changes;
use crate::cli::arguments::ServeArguments;
use crate::cli::build::{Inputs, watch_unknown};
use crate::cli::paths::{parent, resolved, resolved_file};
use crate::cli::selection;
use crate::cli::watch_pattern::WatchPattern;
use crate::fault::Faults;
use crate::manifest::{App, Component};
use crate::settings::{SETTINGS_FILE, STATE_DIRECTORY};

/// An app and the files that it is made from.
#[derive(Debug)]
pub(super) struct Project {
    /// The manifest as the user named it.
    from: PathBuf,
    /// The components that are served; empty if all are.
    only: Vec<String>,
    manifest: PathBuf,
    settings: PathBuf,
    /// The state folder. It changes while the app is served, so its files are never followed.
    state: PathBuf,
    parts: Vec<Part>,
}

/// A component that is served, or a dependency of one.
#[derive(Debug)]
struct Part {
    component: Component,
    /// The files of WebAssembly: its own, and those of its dependencies.
    sources: Vec<PathBuf>,
    /// The files that it is built from.
    inputs: Inputs,
    /// The entries of `files` in the manifest.
    mounts: Vec<WatchPattern>,
    /// The files that these entries named when the manifest was read.
    mounted: Vec<PathBuf>,
}

/// The files that each component is loaded from, as they were at one moment.
pub(super) type Stamps = BTreeMap<String, Vec<(PathBuf, Option<Stamp>)>>;

/// When a file was written, and its length in bytes.
type Stamp = (SystemTime, u64);

/// What changes ask for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Read the manifest again, and swap the app.
    pub(super) manifest: bool,
    /// Look again which files are mounted, and swap the app if they are others.
    pub(super) mounts: bool,
    /// Say that the settings changed.
    pub(super) settings: bool,
    /// Start to watch anew: a folder that is watched, or one that leads to it, came, went or was replaced.
    pub(super) folders: bool,
    /// Build these components.
    pub(super) build: BTreeSet<String>,
}

impl Part {
    fn of(component: Component, directory: &Path, state: &Path) -> Self {
        let patterns = component.file_patterns.iter();
        let mounts = patterns.filter_map(|text| WatchPattern::parse(directory, text));
        let files = component.files.iter().filter(|file| file.host.is_file());
        let files = files.map(|file| resolved_file(&file.host));
        Self {
            sources: sources(&component),
            inputs: Inputs::of(&component),
            mounts: mounts.collect(),
            mounted: files.filter(|file| !file.starts_with(state)).collect(),
            component,
        }
    }

    /// The bases of all patterns.
    fn places(&self) -> impl Iterator<Item = &Path> {
        let mounts = self.mounts.iter().flat_map(WatchPattern::places);
        self.inputs.places().chain(mounts)
    }
}

impl Project {
    /// The project that the arguments name.
    ///
    /// # Errors
    /// All faults of its manifest.
    pub(super) fn load(arguments: &ServeArguments) -> Result<Self, Faults> {
        let state = arguments.state_dir.as_deref().map(resolved);
        let mut project = Self::read(&arguments.manifest.from, &arguments.only, state)?;
        if let Some(settings) = &arguments.settings.config {
            project.settings = resolved_file(settings);
        }
        Ok(project)
    }

    /// The project as its manifest is now.
    ///
    /// # Errors
    /// All faults of the manifest.
    pub(super) fn reload(&self) -> Result<Self, Faults> {
        let mut project = Self::read(&self.from, &self.only, Some(self.state.clone()))?;
        project.settings.clone_from(&self.settings);
        Ok(project)
    }

    fn read(from: &Path, only: &[String], state: Option<PathBuf>) -> Result<Self, Faults> {
        let app = App::load_unbuilt(from)?;
        let state = state.unwrap_or_else(|| resolved(&app.directory.join(STATE_DIRECTORY)));
        let components = selection::components(&app, "--only", only)?.into_iter();
        let part = |component: &Component| Part::of(component.clone(), &app.directory, &state);
        Ok(Self {
            from: from.to_owned(),
            only: only.to_owned(),
            parts: components.map(part).collect(),
            manifest: resolved_file(&app.manifest),
            settings: resolved_file(&app.directory.join(SETTINGS_FILE)),
            state,
        })
    }

    /// Finds the files again: folders may have become links, and links may lead elsewhere.
    pub(super) fn resolve_again(&mut self) {
        let directory = parent(&self.manifest);
        let parts = std::mem::take(&mut self.parts).into_iter();
        let part = |part: Part| Part::of(part.component, &directory, &self.state);
        self.parts = parts.map(part).collect();
    }

    /// The file of the settings, whether it is there or not.
    pub(super) fn settings(&self) -> &Path {
        &self.settings
    }

    /// The components that are served, and their dependencies.
    pub(super) fn components(&self) -> Vec<&Component> {
        self.parts.iter().map(|part| &part.component).collect()
    }

    /// The components whose manifest does not name the files that they are built from.
    pub(super) fn unwatched(&self) -> impl Iterator<Item = &str> {
        let components = self.parts.iter().map(|part| &part.component);
        let unwatched = components.filter(|component| watch_unknown(component));
        unwatched.map(|component| component.id.as_str())
    }

    /// The folders to watch.
    pub(super) fn roots(&self) -> BTreeMap<PathBuf, RecursiveMode> {
        let files = self
            .files()
            .map(|file| (parent(file), RecursiveMode::NonRecursive));
        let mut roots: BTreeMap<_, _> = files.collect();
        let inputs = self.parts.iter().flat_map(|part| part.inputs.roots());
        for (root, mode) in inputs.chain(self.mounts().map(WatchPattern::root)) {
            let known = roots.entry(root).or_insert(mode);
            if mode == RecursiveMode::Recursive {
                *known = mode;
            }
        }
        let folders = self.places().flat_map(|place| self.folders_above(place));
        for folder in folders {
            let mode = RecursiveMode::NonRecursive;
            roots.entry(folder.to_owned()).or_insert(mode);
        }
        roots
    }

    /// The files that are known by name.
    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let sources = self.parts.iter().flat_map(|part| &part.sources);
        sources.chain([&self.manifest, &self.settings])
    }

    /// The files and folders that are watched, whether they are there or not.
    fn places(&self) -> impl Iterator<Item = &Path> {
        let patterns = self.parts.iter().flat_map(Part::places);
        patterns.chain(self.files().map(PathBuf::as_path))
    }

    /// The folders above a place, up to the first that contains the app's folder as well. The system stops watching
    /// a folder that is removed, even if it is made again; the folder above it shows that.
    fn folders_above<'p>(&'p self, place: &'p Path) -> impl Iterator<Item = &'p Path> {
        let app = self.manifest.parent().unwrap_or(&self.manifest);
        let mut above = place.ancestors().skip(1);
        let mut ended = false;
        std::iter::from_fn(move || {
            let folder = above.next().filter(|_| !ended)?;
            ended = app != folder && app.starts_with(folder);
            Some(folder)
        })
    }

    /// Whether that path is a folder that is watched, or one above it.
    pub(super) fn is_above_a_place(&self, path: &Path) -> bool {
        let is_file = self.files().any(|file| file == path);
        !is_file && self.places().any(|place| place.starts_with(path))
    }

    /// Whether a change of that file asks for anything.
    pub(super) fn concerns(&self, path: &Path) -> bool {
        let is_input = |part: &Part| part.inputs.contain(path);
        self.files().any(|file| file == path)
            || self.parts.iter().any(is_input)
            || self.is_mounted(path)
    }

    /// Whether that path lies in a mounted folder, or where a glob of `files` may match. Reading the manifest again
    /// shows whether it is mounted.
    fn is_mounted(&self, path: &Path) -> bool {
        !path.starts_with(&self.state) && self.mounts().any(|mount| mount.is_around(path))
    }

    fn mounts(&self) -> impl Iterator<Item = &WatchPattern> {
        self.parts.iter().flat_map(|part| &part.mounts)
    }

    /// What changes ask for. The session finds a source that changed by its stamp.
    pub(super) fn plan(&self, changes: &Changes) -> Plan {
        match changes {
            Changes::Files(files) => Plan {
                manifest: files.contains(&self.manifest),
                mounts: files.iter().any(|file| self.changes_mounts(file)),
                settings: files.contains(&self.settings),
                folders: files.iter().any(|file| self.is_above_a_place(file)),
                build: self.built_from(files),
            },
            Changes::Unknown => Plan {
                manifest: true,
                mounts: true,
                settings: false,
                folders: true,
                build: self.ids(|part| part.component.build.is_some()),
            },
        }
    }

    fn changes_mounts(&self, path: &Path) -> bool {
        let mut places = self.mounts().flat_map(WatchPattern::places);
        self.is_mounted(path) || places.any(|place| place.starts_with(path))
    }

    /// The components that some of the files are inputs of. Sources do not count: a component that is built from
    /// another one is built right after it.
    fn built_from(&self, files: &BTreeSet<PathBuf>) -> BTreeSet<String> {
        let sources: BTreeSet<_> = self.parts.iter().flat_map(|part| &part.sources).collect();
        let inputs: Vec<_> = files
            .iter()
            .filter(|file| !sources.contains(file))
            .collect();
        let concern = |part: &Part, file: &Path| {
            let mut places = part.inputs.places();
            part.inputs.contain(file) || places.any(|place| place.starts_with(file))
        };
        self.ids(|part| inputs.iter().any(|file| concern(part, file)))
    }

    /// The components that are new since `earlier`, or are built in another way.
    pub(super) fn built_otherwise(&self, earlier: &Self) -> BTreeSet<String> {
        let same = |part: &Part| {
            let mut earlier = earlier.parts.iter().map(|part| &part.component);
            let earlier = earlier.find(|earlier| earlier.id == part.component.id);
            earlier.is_some_and(|earlier| {
                earlier.build == part.component.build && earlier.source == part.component.source
            })
        };
        self.ids(|part| part.component.build.is_some() && !same(part))
    }

    fn ids(&self, chosen: impl Fn(&Part) -> bool) -> BTreeSet<String> {
        let parts = self.parts.iter().filter(|part| chosen(part));
        parts.map(|part| part.component.id.clone()).collect()
    }

    /// How the files that components are loaded from are now.
    pub(super) fn stamps(&self) -> Stamps {
        let stamps = |part: &Part| {
            let files = part.sources.iter().chain(&part.mounted);
            files.map(|file| (file.clone(), stamp(file))).collect()
        };
        let parts = self.parts.iter();
        parts
            .map(|part| (part.component.id.clone(), stamps(part)))
            .collect()
    }
}

fn sources(component: &Component) -> Vec<PathBuf> {
    let dependencies = component.dependencies.iter();
    std::iter::once(&component.source)
        .chain(dependencies.map(|dependency| &dependency.source))
        .map(|source| resolved_file(source))
        .collect()
}

fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests;
