//! Reading what the user wrote, and opening what it names.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::listeners::Listeners;
use super::{ServingOptions, StartError, failed};
use crate::budget::InstanceBudget;
use crate::deployment::{self, Files, Loader, Rendered};
use crate::engine::{Engine, EngineSize};
use crate::environment;
use crate::fault::{Fault, Faults, Reason, did_you_mean};
use crate::limits::{DEFAULT_MEMORY, MAX_INSTANCES};
use crate::manifest::{App, Target};
use crate::outbound::ProtectedNetworks;
use crate::settings::{Config, SETTINGS_FILE, STATE_DIRECTORY, Settings};
use crate::state::State;
use crate::variables::{VariableSources, Variables, from_environment};

/// What the user wrote, read and judged.
pub(super) struct Reading {
    pub(super) app: App,
    pub(super) config: Config,
    pub(super) state_directory: PathBuf,
    variables: Variables,
}

impl Reading {
    /// Reads manifest and settings, and collects everything that is wrong in either of them.
    pub(super) fn new(options: &ServingOptions) -> Result<Self, Faults> {
        let folder = manifest_folder(&options.manifest);
        let state_directory = options
            .state_dir
            .clone()
            .unwrap_or_else(|| folder.join(STATE_DIRECTORY));
        let settings = match &options.config {
            Some(file) => Settings::read(file),
            None => Settings::read_if_present(&folder.join(SETTINGS_FILE)),
        };
        let config = settings.and_then(|settings| settings.judge(&state_directory));
        let app = App::load_for(&options.manifest, &options.only)
            .and_then(|app| only(app, &options.only));
        let (mut app, config) = both(app, config)?;
        let sources = VariableSources {
            arguments: options.variables.clone(),
            settings: config.variables.clone(),
            environment: from_environment(environment::variables()),
        };
        let labels = config.check_labels(&app);
        let ((), variables) = both(
            labels,
            Variables::resolve(&app.variables, &app.manifest, sources),
        )?;
        app.directory = folder;
        Ok(Self {
            app,
            config,
            state_directory,
            variables,
        })
    }

    /// What each component may read and reach, by its id.
    pub(super) fn rendered(&self) -> Result<BTreeMap<String, Rendered>, Faults> {
        let mut faults = Faults::default();
        let mut all = BTreeMap::new();
        for component in &self.app.components {
            let hosts = &component.allowed_outbound_hosts;
            match self.variables.allowed_hosts(&component.id, hosts) {
                Ok(allowed_hosts) => {
                    let variables = self.variables.for_component(&component.variables);
                    all.insert(
                        component.id.clone(),
                        Rendered {
                            variables,
                            allowed_hosts,
                        },
                    );
                }
                Err(reason) => faults.0.push(Fault::new(&self.app.manifest, reason)),
            }
        }
        faults.or(all)
    }
}

/// The folder of the manifest, to which the files of an installation are relative.
fn manifest_folder(manifest: &Path) -> PathBuf {
    if manifest.is_dir() {
        manifest.into()
    } else {
        manifest.parent().unwrap_or(Path::new("")).into()
    }
}

/// Both results, or the faults of both.
fn both<A, B>(first: Result<A, Faults>, second: Result<B, Faults>) -> Result<(A, B), Faults> {
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (Err(mut first), Err(second)) => {
            first.0.extend(second.0);
            Err(first)
        }
        (Err(faults), _) | (_, Err(faults)) => Err(faults),
    }
}

/// The app without the components that are not named.
fn only(mut app: App, ids: &[String]) -> Result<App, Faults> {
    if ids.is_empty() {
        return Ok(app);
    }
    let known: Vec<&str> = app
        .components
        .iter()
        .map(|component| component.id.as_str())
        .collect();
    let unknown = ids.iter().filter(|id| !known.contains(&id.as_str()));
    let faults = unknown.map(|id| {
        let reason = Reason::new(format!(
            "--only names the component `{id}`, which the app does not have"
        ));
        Fault::new(
            &app.manifest,
            reason.help(did_you_mean(id, &known, "components")),
        )
    });
    let faults = Faults(faults.collect());
    let kept: Vec<usize> = (0..known.len())
        .filter(|&index| ids.iter().any(|id| id == known[index]))
        .collect();
    app.triggers
        .retain_mut(|trigger| match &mut trigger.target {
            Target::Static(_) => true,
            Target::Component(index) => match kept.binary_search(index) {
                Ok(position) => {
                    *index = position;
                    true
                }
                Err(_) => false,
            },
        });
    app.components
        .retain(|component| ids.contains(&component.id));
    app.labels.retain(|used| ids.contains(&used.component));
    faults.or(app)
}

/// The engine that the app needs; without a folder, compiled code is not kept.
pub(super) fn engine(reading: &Reading, cache: Option<&Path>) -> wasmtime::Result<Engine> {
    let largest = reading
        .app
        .components
        .iter()
        .map(|component| component.limits.memory)
        .max();
    let memory = largest.unwrap_or(0).max(DEFAULT_MEMORY);
    let size = EngineSize {
        memory: usize::try_from(memory).unwrap_or(usize::MAX),
        instances: MAX_INSTANCES,
    };
    Engine::new(size, cache)
}

pub(super) fn fault(reading: &Reading, error: &wasmtime::Error) -> Faults {
    Faults(vec![Fault::new(
        &reading.app.manifest,
        Reason::new(format!("{error:#}")),
    )])
}

/// Loads each component and throws it away.
pub(super) fn check_components(engine: &Engine, reading: &Reading) -> Result<(), Faults> {
    let mut faults = reading.rendered().err().unwrap_or_default();
    for component in reading.app.functions() {
        if let Err(found) = deployment::handler(engine, &reading.app, component) {
            faults.0.extend(found.0);
        }
    }
    faults.or(())
}

/// Opens the state and makes the engine.
pub(super) fn loader(reading: &Reading, listeners: &Listeners) -> Result<Loader, StartError> {
    let directory = &reading.state_directory;
    make_state_directory(directory)?;
    let state = State::default();
    state.open(&reading.config, &reading.app).map_err(failed)?;
    let engine = engine(reading, Some(&reading.config.cache_directory)).map_err(failed)?;
    Ok(Loader {
        engine,
        budget: InstanceBudget::new(MAX_INSTANCES, reading.config.instance_memory),
        state,
        files: Files::in_state_directory(directory).map_err(|error| {
            failed(format!(
                "files can't be laid out in {}: {error}",
                directory.display()
            ))
        })?,
        metrics: Arc::clone(listeners.metrics()),
        log: listeners.log().clone(),
        networks: Arc::new(ProtectedNetworks::new(
            reading.config.blocked_networks.clone(),
            [Some(listeners.http()), listeners.admin()]
                .into_iter()
                .flatten(),
        )),
        workers: reading.config.listen.workers.get(),
    })
}

fn make_state_directory(directory: &Path) -> Result<(), StartError> {
    // It will hold what users trusted the app with, so it is its owner's only.
    let made = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory);
    made.map_err(|error| {
        failed(format!(
            "the state folder {} can't be made: {error}; choose another with --state-dir",
            directory.display()
        ))
    })
}

#[cfg(test)]
mod tests;
