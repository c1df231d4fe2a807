//! Makes a [`Deployment`] of an app that was read and judged: compiles and links its components, lays out their files.
//! Opening databases and stores is left to `serving`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use super::process_folder::ProcessFolder;
use super::{Consumer, Deployment, Target, Trigger};
use crate::budget::InstanceBudget;
use crate::capability::{Grants, OpenDatabase, OpenStore};
use crate::composition;
use crate::engine::{self, Engine, Handler};
use crate::fault::{Fault, Faults, Reason};
use crate::function::{Function, FunctionParts};
use crate::grants::AllowedHosts;
use crate::host::{FileTree, HostFactory};
use crate::manifest::{
    App, Component, Consumes, FileMount, Subscription, Target as ManifestTarget,
};
use crate::observe::{ComponentMetrics, Log, Metrics};
use crate::outbound::{AppCalls, Outbound, ProtectedNetworks};
use crate::queues::{AppQueues, Firing, Outbox, Queues};
use crate::router::Router;
use crate::state::State;
use crate::variables::ComponentVariables;

/// The parts that all deployments of one process share.
pub struct Loader {
    /// Compiles and links.
    pub engine: Engine,
    /// The bound on instances, and on their memory together.
    pub budget: Arc<InstanceBudget>,
    /// The databases and key-value stores.
    pub state: Arc<State>,
    /// The queues.
    pub queues: Arc<Queues>,
    /// Where the files that components may read are laid out.
    pub files: Files,
    /// Where requests and instances are counted.
    pub metrics: Arc<Metrics>,
    /// Where guests' output goes.
    pub log: Log,
    /// The networks that no guest reaches, whatever the manifest grants.
    pub networks: Arc<ProtectedNetworks>,
    /// Number of worker threads.
    pub workers: usize,
}

/// The folder in the state folder that holds the files of components, by process.
const FILES_DIRECTORY: &str = "files";

/// The way from a component to the app that it becomes part of.
#[derive(Clone)]
struct AppLink {
    app: Arc<OnceLock<Weak<dyn AppCalls>>>,
    queues: Arc<AppQueues>,
}

impl Loader {
    /// Loads every component of `app`. `rendered` has their rendered templates, by their ids.
    ///
    /// # Errors
    /// Every component that can't be loaded, with the reason.
    pub fn load(
        &self,
        app: &App,
        mut rendered: BTreeMap<String, Rendered>,
    ) -> Result<Arc<Deployment>, Faults> {
        let link = AppLink {
            app: Arc::default(),
            queues: Arc::new(AppQueues {
                queues: Arc::clone(&self.queues),
                consumes: app.consumes().cloned().collect(),
                outboxes: self.outboxes(app),
                components: app.components.iter().map(|of| of.id.clone()).collect(),
                schedules: schedules(app),
            }),
        };
        let files = self.files.next();
        let mut faults = Faults::default();
        let mut functions = BTreeMap::new();
        for component in app.functions() {
            let rendered = rendered.remove(&component.id).unwrap_or_default();
            match self.function(app, component, rendered, &link, &files.join(&component.id)) {
                Ok(function) => {
                    functions.insert(component.id.clone(), function);
                }
                Err(found) => faults.0.extend(found.0),
            }
        }
        let functions = faults.or(functions)?;
        let deployment = Arc::new(Deployment {
            name: app.name.clone(),
            version: app.version.clone(),
            router: Router::new(app.routes()),
            triggers: app
                .triggers
                .iter()
                .map(|trigger| self.trigger(app, trigger, &functions))
                .collect(),
            consumers: self.consumers(app, &functions),
            queues: Arc::clone(&link.queues),
            functions,
        });
        let app: Weak<dyn AppCalls> = Arc::downgrade(&deployment) as _;
        assert!(link.app.set(app).is_ok(), "it is set here only");
        Ok(deployment)
    }

    fn function(
        &self,
        app: &App,
        component: &Component,
        rendered: Rendered,
        link: &AppLink,
        files: &Path,
    ) -> Result<Arc<Function>, Faults> {
        let handler = handler(&self.engine, app, component)?;
        let id: Arc<str> = component.id.as_str().into();
        let hosts = HostFactory {
            component: Arc::clone(&id),
            log: self.log.clone(),
            environment: component.environment.clone(),
            files: self
                .files
                .tree(app, component, files.to_owned())
                .map_err(|error| fault(app, component, &format!("its files: {error}")))?,
            memory: usize::try_from(component.limits.memory).unwrap_or(usize::MAX),
            budget: Arc::clone(&self.budget),
            grants: Arc::new(self.grants(app, component, rendered.variables)),
            outbound: Arc::new(Outbound {
                allowed_hosts: rendered.allowed_hosts,
                networks: Arc::clone(&self.networks),
                queues: Arc::clone(&link.queues),
                app: Arc::clone(&link.app),
            }),
        };
        let parts = FunctionParts {
            limits: component.limits.clone(),
            metrics: self.metrics.component(&component.id),
            hosts,
            budget: Arc::clone(&self.budget),
            workers: self.workers,
            id,
        };
        Ok(Function::new(self.engine.clone(), handler, parts))
    }

    fn grants(&self, app: &App, component: &Component, variables: ComponentVariables) -> Grants {
        let stores = component.key_value_stores.iter();
        let databases = component.sqlite_databases.iter();
        Grants {
            component: component.id.as_str().into(),
            variables,
            key_value_stores: stores
                .filter_map(|label| {
                    let store = self.state.store(label)?;
                    let opened = OpenStore::new(label, store, &self.metrics);
                    Some((label.clone(), opened))
                })
                .collect(),
            databases: databases
                .filter_map(|label| {
                    let has_outbox = app.outboxes.contains(label);
                    let opened = OpenDatabase {
                        database: self.state.database(label)?,
                        outbox: has_outbox.then(|| self.queues.news_of_outbox(label)),
                    };
                    Some((label.clone(), opened))
                })
                .collect(),
        }
    }

    fn outboxes(&self, app: &App) -> Vec<Outbox> {
        let outboxes = app.outboxes.iter().filter_map(|label| {
            Some(Outbox {
                label: label.clone(),
                database: self.state.database(label)?,
                news: self.queues.news_of_outbox(label),
            })
        });
        outboxes.collect()
    }

    fn consumers(
        &self,
        app: &App,
        functions: &BTreeMap<String, Arc<Function>>,
    ) -> Vec<Arc<Consumer>> {
        let components = app.functions().flat_map(|component| {
            let consumes = component.consumes.iter();
            consumes.map(|consumes| (&functions[&component.id], consumes))
        });
        let consumer = |(function, consumes): (&Arc<Function>, &Consumes)| {
            let metrics = self.metrics.component(&function.id);
            let route = format!("queue:{}", consumes.queue());
            let routes = (0..self.workers).map(|_| self.metrics.route(&metrics, &route));
            Arc::new(Consumer::new(consumes, function, routes.collect()))
        };
        components.map(consumer).collect()
    }

    fn trigger(
        &self,
        app: &App,
        trigger: &crate::manifest::Trigger,
        functions: &BTreeMap<String, Arc<Function>>,
    ) -> Trigger {
        let (id, target) = match &trigger.target {
            ManifestTarget::Static(response) => ("static", Target::Static(response.clone())),
            ManifestTarget::Component(index) => {
                let id = app.components[*index].id.as_str();
                (id, Target::Function(Arc::clone(&functions[id])))
            }
        };
        let component: Arc<ComponentMetrics> = self.metrics.component(id);
        let route = match &trigger.route {
            crate::manifest::Route::Path(pattern) => pattern.raw(),
            crate::manifest::Route::Private => "",
        };
        Trigger {
            target,
            metrics: (0..self.workers)
                .map(|_| self.metrics.route(&component, route))
                .collect(),
        }
    }
}

/// The schedules of all components.
fn schedules(app: &App) -> Vec<Firing> {
    let schedules = app.schedules().map(|(component, schedule)| {
        let queue = Subscription::Schedules(component.to_owned()).queue();
        Firing::new(component, queue, schedule)
    });
    schedules.collect()
}

/// Reads, composes, compiles and links a component.
///
/// # Errors
/// Every fault of it and its dependencies.
pub fn handler(engine: &Engine, app: &App, component: &Component) -> Result<Handler, Faults> {
    let wasm = wasm(app, component)?;
    let loaded = engine.load(&component.source, &wasm);
    Ok(loaded.map_err(|error| fault(app, component, &error.to_string()))?)
}

/// The bytes of a component with its dependencies, as they are compiled.
///
/// # Errors
/// Every fault of it and its dependencies.
pub fn wasm(app: &App, component: &Component) -> Result<Vec<u8>, Faults> {
    let wasm = engine::read(&component.source);
    let wasm = wasm.map_err(|error| fault(app, component, &error.to_string()))?;
    if component.dependencies.is_empty() {
        return Ok(wasm);
    }
    composition::compose(app, component, wasm)
}

fn fault(app: &App, component: &Component, what: &str) -> Fault {
    let reason = Reason::new(format!("component `{}`: {what}", component.id));
    Fault::new(&app.manifest, reason)
}

/// A component's rendered templates.
#[derive(Clone, Default)]
pub struct Rendered {
    /// The variables that it may read.
    pub variables: ComponentVariables,
    /// The hosts that it may reach.
    pub allowed_hosts: AllowedHosts,
}

/// The folder of this process in the state folder, where the files that components may read are laid out.
pub struct Files {
    state_directory: PathBuf,
    own: ProcessFolder,
    /// How many apps were loaded so far: each has its files, as the one before it may still be reading its own.
    loads: AtomicU64,
}

impl Files {
    /// Makes the folder.
    ///
    /// # Errors
    /// When the state folder can't be written.
    pub fn in_state_directory(directory: &Path) -> io::Result<Self> {
        Ok(Self {
            state_directory: directory.canonicalize()?,
            own: ProcessFolder::make(&directory.join(FILES_DIRECTORY))?,
            loads: AtomicU64::new(0),
        })
    }

    /// The folder of the next app that is loaded.
    fn next(&self) -> PathBuf {
        let load = self.loads.fetch_add(1, Ordering::Relaxed);
        self.own.path().join(load.to_string())
    }

    /// The tree of a component, if its manifest names any files.
    fn tree(
        &self,
        app: &App,
        component: &Component,
        root: PathBuf,
    ) -> io::Result<Option<FileTree>> {
        let mut files: Vec<FileMount> = component.files.clone();
        // A component that reads the app's whole folder does not read the state in it.
        // One that was unpacked there from a bundle is not state.
        if !self.is_state(&app.directory) {
            files.retain(|file| !self.is_state(&file.host));
        }
        if files.is_empty() {
            return Ok(None);
        }
        FileTree::lay_out(root, &files).map(Some)
    }

    fn is_state(&self, host: &Path) -> bool {
        let path = host.canonicalize();
        path.is_ok_and(|path| path.starts_with(&self.state_directory))
    }
}
