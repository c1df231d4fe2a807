//! What an app is made from, and what a change of a file asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use notify::RecursiveMode;

use super::debounce::Changes;
use crate::cli::arguments::ServeArguments;
use crate::cli::build::{Inputs, parent, resolved_file, watch_unknown};
use crate::cli::selection;
use crate::fault::Faults;
use crate::manifest::{App, Component};

/// The settings that are read where no others are named.
const SETTINGS_FILE: &str = "terrace.toml";

/// An app and the files that it is made from.
#[derive(Debug)]
pub(super) struct Project {
    /// The manifest as the user named it.
    from: PathBuf,
    /// The components that are served; all if there are none.
    only: Vec<String>,
    manifest: PathBuf,
    settings: PathBuf,
    parts: Vec<Part>,
}

/// A component that is served, or that one is composed with.
#[derive(Debug)]
struct Part {
    component: Component,
    /// What it is loaded from: its own file, and those of its dependencies.
    sources: Vec<PathBuf>,
    inputs: Inputs,
}

/// How the files of each component were when they were looked at.
pub(super) type Stamps = BTreeMap<String, Vec<Option<Stamp>>>;

/// When a file was written, and its length in bytes.
type Stamp = (SystemTime, u64);

/// What changes ask for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// The manifest is to be read again.
    pub(super) manifest: bool,
    /// The settings changed.
    pub(super) settings: bool,
    /// A folder that is watched, or one that leads to it, came, went or was replaced: watching begins anew.
    pub(super) folders: bool,
    /// The components to be built.
    pub(super) build: BTreeSet<String>,
}

impl Part {
    fn of(component: Component) -> Self {
        Self {
            sources: sources(&component),
            inputs: Inputs::of(&component),
            component,
        }
    }
}

impl Project {
    /// The project that the arguments name.
    ///
    /// # Errors
    /// Everything that is wrong with its manifest.
    pub(super) fn load(arguments: &ServeArguments) -> Result<Self, Faults> {
        let from = &arguments.manifest.from;
        let mut project = Self::read(from, &arguments.only)?;
        if let Some(settings) = &arguments.settings.config {
            project.settings = resolved_file(settings);
        }
        Ok(project)
    }

    /// The project as its manifest is now.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn reload(&self) -> Result<Self, Faults> {
        let mut project = Self::read(&self.from, &self.only)?;
        project.settings.clone_from(&self.settings);
        Ok(project)
    }

    fn read(from: &Path, only: &[String]) -> Result<Self, Faults> {
        let app = App::load_unbuilt(from)?;
        let components = selection::components(&app, "--only", only)?;
        Ok(Self {
            from: from.to_owned(),
            only: only.to_owned(),
            parts: components.into_iter().cloned().map(Part::of).collect(),
            manifest: resolved_file(&app.manifest),
            settings: resolved_file(&app.directory.join(SETTINGS_FILE)),
        })
    }

    /// Finds the files again: folders may have become links, and links may lead elsewhere.
    pub(super) fn resolve_again(&mut self) {
        let parts = std::mem::take(&mut self.parts).into_iter();
        self.parts = parts.map(|part| Part::of(part.component)).collect();
    }

    /// The file of the settings, whether it is there or not.
    pub(super) fn settings(&self) -> &Path {
        &self.settings
    }

    /// The components that are served, and those that they are composed with.
    pub(super) fn components(&self) -> Vec<&Component> {
        self.parts.iter().map(|part| &part.component).collect()
    }

    /// The components whose manifest does not say what they are built from.
    pub(super) fn unwatched(&self) -> impl Iterator<Item = &str> {
        let components = self.parts.iter().map(|part| &part.component);
        let unwatched = components.filter(|component| watch_unknown(component));
        unwatched.map(|component| component.id.as_str())
    }

    /// The directories whose files matter.
    pub(super) fn roots(&self) -> BTreeMap<PathBuf, RecursiveMode> {
        let files = [&self.manifest, &self.settings].into_iter();
        let files = files.chain(self.parts.iter().flat_map(|part| &part.sources));
        let mut roots: BTreeMap<_, _> = files
            .map(|file| (parent(file), RecursiveMode::NonRecursive))
            .collect();
        for (root, mode) in self.parts.iter().flat_map(|part| part.inputs.roots()) {
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

    /// Everything that is watched, before it is known whether it is there.
    fn places(&self) -> impl Iterator<Item = &Path> {
        let inputs = self.parts.iter().flat_map(|part| part.inputs.places());
        let sources = self.parts.iter().flat_map(|part| &part.sources);
        let files = sources.chain([&self.manifest, &self.settings]);
        inputs.chain(files.map(PathBuf::as_path))
    }

    /// The folders that tell when a place comes, goes or is replaced: those above it, up to the first one that the
    /// app's folder is in too. The system stops watching a folder that is removed, also if it is made again.
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
        let is_file = self.manifest == path
            || self.settings == path
            || self
                .parts
                .iter()
                .any(|part| part.sources.iter().any(|source| source == path));
        !is_file && self.places().any(|place| place.starts_with(path))
    }

    /// Whether a change of that file asks for anything.
    pub(super) fn concerns(&self, path: &Path) -> bool {
        let is_part = |part: &Part| {
            part.sources.iter().any(|source| source == path) || part.inputs.contain(path)
        };
        path == self.manifest || path == self.settings || self.parts.iter().any(is_part)
    }

    /// What changes ask for. A source that changed is found by its stamp.
    pub(super) fn plan(&self, changes: &Changes) -> Plan {
        match changes {
            Changes::Files(files) => Plan {
                manifest: files.contains(&self.manifest),
                settings: files.contains(&self.settings),
                folders: files.iter().any(|file| self.is_above_a_place(file)),
                build: self.built_from(files),
            },
            Changes::Unknown => Plan {
                manifest: true,
                settings: false,
                folders: true,
                build: self.ids(|part| part.component.build.is_some()),
            },
        }
    }

    /// The components that some of the files are inputs of. Sources are not: what is built from another
    /// component is built with it.
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

    /// The components that are built in another way than in `earlier`, or were not there.
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

    /// How the sources are now.
    pub(super) fn stamps(&self) -> Stamps {
        let stamps = |part: &Part| part.sources.iter().map(|source| stamp(source)).collect();
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
