//! The app as `spin.toml` (Spin manifest v2) describes it: plain, validated data.
//! [`crate::settings`] has the data of the installation, [`crate::variables`] the values of variables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderMap, StatusCode};

use crate::fault::{Fault, Faults, Position, Reason, Source};
use crate::router::RoutePattern;
use crate::variables::{Template, Variable};

mod application;
mod build;
mod check;
mod component;
mod consumes;
mod dependency;
mod files;
mod name;
mod read;
mod reader;
mod schedules;
mod source;
mod spin;
#[cfg(test)]
pub(crate) mod tests;
mod tool;
mod trigger;

pub use consumes::{EVENTS, KindPattern};
pub(crate) use name::check_label;
pub use schedules::{Missed, Schedule};

/// The name of the manifest in a directory.
pub const MANIFEST_FILE: &str = "spin.toml";

/// The extension of a bundle, which holds a manifest and is none.
pub const BUNDLE_EXTENSION: &str = "terrace";

/// An app, as its manifest describes it.
#[derive(Debug, Clone)]
pub struct App {
    /// The name of the app.
    pub name: String,
    /// Its version; empty if the manifest has none.
    pub version: String,
    /// The manifest, as the user named it.
    pub manifest: PathBuf,
    /// The directory of the manifest, to which its paths are relative.
    pub directory: PathBuf,
    /// The components in the order of the manifest, those defined within a trigger last.
    pub components: Vec<Component>,
    /// The triggers in the order of the manifest. No two of them match the same paths.
    pub triggers: Vec<Trigger>,
    /// The application variables by name.
    pub variables: BTreeMap<String, Variable>,
    /// The folders of migrations, from `[application.tool.terrace.migrations]`.
    pub migrations: Vec<MigrationFolder>,
    /// The labels of the databases with an outbox, from `outbox` of `[application.tool.terrace]`.
    pub outboxes: Vec<String>,
    /// All labels that components name. The settings know which labels exist.
    pub labels: Vec<LabelUse>,
}

impl App {
    /// Reads and judges a manifest: a file, or a directory with a `spin.toml`.
    ///
    /// # Errors
    /// Everything that is wrong with it, including source files that are not there.
    pub fn load(path: &Path) -> Result<Self, Faults> {
        Self::load_for(path, &[])
    }

    /// The same for some components, or for all if the list is empty. The source files of the others need not exist.
    ///
    /// # Errors
    /// Everything else that is wrong with it.
    pub fn load_for(path: &Path, components: &[String]) -> Result<Self, Faults> {
        Self::load_with(path, Artefacts::Present(components.to_vec()))
    }

    /// The same before the app is built. The files that a build creates need not exist.
    ///
    /// # Errors
    /// Everything else that is wrong with it.
    pub fn load_unbuilt(path: &Path) -> Result<Self, Faults> {
        Self::load_with(path, Artefacts::ToBeBuilt)
    }

    /// The app as this manifest describes it in another directory, of which no file need exist.
    ///
    /// # Errors
    /// Everything else that is wrong with it.
    pub fn moved_to(&self, directory: &Path) -> Result<Self, Faults> {
        let Source { text, .. } = Source::read(&self.manifest)?;
        let file = directory.join(MANIFEST_FILE);
        read::app(Source { file, text }, Artefacts::ToBeBuilt)
    }

    /// The component of that identifier, with its index.
    pub fn component(&self, id: &str) -> Option<(usize, &Component)> {
        let mut components = self.components.iter().enumerate();
        components.find(|(_, component)| component.id == id)
    }

    /// The components that answer requests: all except those that exist only as dependencies.
    pub fn functions(&self) -> impl Iterator<Item = &Component> {
        let components = self.components.iter().enumerate();
        let is_function = |&(index, component): &(usize, &Component)| {
            let mut triggers = self.triggers.iter();
            let mut composed = self.components.iter().flat_map(|other| &other.dependencies);
            triggers.any(
                |trigger| matches!(trigger.target, Target::Component(target) if target == index),
            ) || composed.all(|dependency| dependency.source != component.source)
        };
        components
            .filter(is_function)
            .map(|(_, component)| component)
    }

    /// What all components consume.
    pub fn consumes(&self) -> impl Iterator<Item = &Consumes> {
        let components = self.components.iter();
        components.flat_map(|component| &component.consumes)
    }

    /// The routes that clients may take, each with the index of its trigger.
    pub fn routes(&self) -> impl Iterator<Item = (usize, &RoutePattern)> {
        let triggers = self.triggers.iter().enumerate();
        triggers.filter_map(|(index, trigger)| match &trigger.route {
            Route::Path(pattern) => Some((index, pattern)),
            Route::Private => None,
        })
    }

    fn load_with(path: &Path, artefacts: Artefacts) -> Result<Self, Faults> {
        let file = if path.is_dir() {
            path.join(MANIFEST_FILE)
        } else {
            path.to_owned()
        };
        if file
            .extension()
            .is_some_and(|found| file.is_file() && found == BUNDLE_EXTENSION)
        {
            let reason = Reason::new("is a bundle, and this command takes a manifest");
            let help = "`terrace up`, `terrace check` and `terrace bundle --list` take bundles";
            return Err(Fault::new(file, reason.help(help)).into());
        }
        let source = Source::read(&file).map_err(|mut fault| {
            let help =
                "name the manifest or the bundle with `--from`, or make an app with `terrace new`";
            fault.suggestion = Some(help.into());
            fault
        })?;
        read::app(source, artefacts)
    }
}

/// Whether the files that a build creates must exist.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Artefacts {
    /// Those of these components must, or all if the list is empty.
    Present(Vec<String>),
    ToBeBuilt,
}

impl Artefacts {
    /// Whether any file must exist.
    fn are_present(&self) -> bool {
        matches!(self, Self::Present(_))
    }

    /// Whether the source of a component must exist.
    fn are_present_of(&self, component: &str) -> bool {
        match self {
            Self::Present(components) => {
                components.is_empty() || components.iter().any(|id| id == component)
            }
            Self::ToBeBuilt => false,
        }
    }
}

/// A component, its grants and its limits.
#[derive(Debug, Clone)]
pub struct Component {
    /// Its name for triggers and other components.
    pub id: String,
    /// The WebAssembly file.
    pub source: PathBuf,
    /// The components that provide some of its imports.
    pub dependencies: Vec<Dependency>,
    /// The description; empty if the manifest has none.
    pub description: String,
    /// Its environment variables.
    pub environment: Vec<(String, String)>,
    /// The files it may read.
    pub files: Vec<FileMount>,
    /// The paths and globs that name these files, relative to the app's directory.
    pub file_patterns: Vec<String>,
    /// The variables it may read, each made from application variables.
    pub variables: BTreeMap<String, Template>,
    /// The hosts it may reach; literal ones are known to be well-formed.
    pub allowed_outbound_hosts: Vec<Template>,
    /// The labels of the key-value stores it may open.
    pub key_value_stores: Vec<String>,
    /// The labels of the databases it may open.
    pub sqlite_databases: Vec<String>,
    /// How it is built, if the manifest says so.
    pub build: Option<Build>,
    /// Its limits.
    pub limits: ComponentLimits,
    /// The messages that it is called with, among them those of its schedules.
    pub consumes: Vec<Consumes>,
    /// When it is called by the clock.
    pub schedules: Vec<Schedule>,
}

/// The messages that a component is called with, from `[[component.ID.tool.terrace.consumes]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumes {
    /// Which messages.
    pub subscription: Subscription,
    /// How many deliveries a node works on at once.
    pub concurrency: u32,
    /// How often a message is delivered again before it is a dead letter.
    pub retries: u32,
    /// The pause before the second delivery. It doubles with each further one.
    pub backoff: Duration,
    /// The longest such pause.
    pub max_backoff: Duration,
    /// How long a delivery may take, if not as long as a request of the component.
    pub timeout: Option<Duration>,
    /// The attribute of events that are delivered one at a time, in their order.
    pub ordered_by: Option<String>,
    /// The most messages of one delivery. If it is more than one, they come as a batch of CloudEvents.
    pub batch: u32,
    /// Its place in the manifest.
    pub position: Position,
}

/// Which messages a component consumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscription {
    /// Those of a queue.
    Queue(String),
    /// Those of the events that are sent to the queue `events`.
    Events {
        /// The component.
        component: String,
        /// Their types.
        kinds: Vec<KindPattern>,
        /// Their source, or any.
        source: Option<String>,
    },
    /// Those of the component's schedules.
    Schedules(String),
}

/// Another component, which provides imports of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The imports that it is for: a name, or a package `a:b`, an interface `a:b/c`, each with a version or without.
    pub name: String,
    /// The WebAssembly file.
    pub source: PathBuf,
    /// The export to use if it has another name than the import.
    pub export: Option<String>,
    /// Whether it may use the grants of its component.
    pub inherit: bool,
    /// Where it stands in the manifest.
    pub position: Position,
}

/// A file, or a directory without its contents, in the tree that a component can read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileMount {
    /// The file on disk.
    pub host: PathBuf,
    /// Its path for the component: absolute, with `/` between its parts.
    pub guest: String,
}

/// How a component is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// Shell commands, to be run one after the other. Never empty.
    pub command: Vec<String>,
    /// Where they run.
    pub workdir: PathBuf,
    /// Globs, relative to `workdir`, of the files that a build depends on.
    pub watch: Vec<String>,
    /// Environment variables of the commands.
    pub environment: Vec<(String, String)>,
}

/// The limits of a component, from `[component.ID.tool.terrace]`. [`crate::limits`] has the defaults and their reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentLimits {
    /// How long a request may take by the wall clock.
    pub timeout: Duration,
    /// How much CPU time a request may use.
    pub cpu: Duration,
    /// How much linear memory an instance may have, in bytes.
    pub memory: u64,
    /// How many requests may be in the component at once.
    pub concurrency: u32,
    /// How many requests may wait for it.
    pub queue: u32,
    /// How long a request's content may be, in bytes.
    pub request_body: u64,
    /// Whether instances serve more than one request.
    pub reuse: Reuse,
    /// Whether the edge cache may store what its responses allow.
    pub cache: bool,
}

/// How long an instance lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reuse {
    /// Each request has an instance of its own.
    Fresh,
    /// Instances serve several requests.
    Shared {
        /// How many in all before a new instance takes over, at least 1.
        requests: u32,
        /// How many at once, at least 1.
        concurrent: u32,
        /// How long an instance is kept without any.
        idle: Duration,
    },
}

/// A trigger: a route, and the target that answers it.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// The requests that it answers.
    pub route: Route,
    /// The target that answers them.
    pub target: Target,
}

/// The requests that a trigger answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Those whose path matches.
    Path(RoutePattern),
    /// Only those of other components (`http://ID.spin.internal/`).
    Private,
}

/// The target that answers a request.
#[derive(Debug, Clone)]
pub enum Target {
    /// The component at this index of [`App::components`].
    Component(usize),
    /// A response that the manifest holds.
    Static(StaticResponse),
}

/// A response that the manifest holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StaticResponse {
    /// The status, from 200 to 599.
    pub status: StatusCode,
    /// The header fields; none that concern framing or the connection.
    pub headers: HeaderMap,
    /// The content.
    pub body: String,
}

/// A folder of migrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationFolder {
    /// The label of the database.
    pub label: String,
    /// The folder, relative to the app's directory.
    pub folder: PathBuf,
    /// Its place in the manifest.
    pub position: Position,
}

/// A label in a component's grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelUse {
    /// The kind of list that it is in.
    pub kind: LabelKind,
    /// The label.
    pub label: String,
    /// The component that names it.
    pub component: String,
    /// Its place in the manifest.
    pub position: Position,
}

/// The kind of thing that a label names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelKind {
    /// A key-value store, from `key_value_stores`.
    KeyValue,
    /// A database, from `sqlite_databases`.
    Sqlite,
}

impl LabelKind {
    /// The key of a component's list of such labels.
    pub fn key(self) -> &'static str {
        match self {
            Self::KeyValue => "key_value_stores",
            Self::Sqlite => "sqlite_databases",
        }
    }
}
