//! Opens the folder of an app's state, its databases and stores, and the engine, before its components are loaded.
//! Reading the user's files is left to `inputs`, loading the components to `deployment`.

use std::path::Path;
use std::sync::Arc;

use super::inputs::AppInputs;
use super::listeners::Listeners;
use super::migrations;
use super::relaying;
use super::{StartError, failed};
use crate::block_on::block_on;
use crate::budget::InstanceBudget;
use crate::clock;
use crate::deployment::{self, Files, Loader};
use crate::engine::{Engine, EngineSize};
use crate::fault::{Fault, Faults, Reason};
use crate::limits::{DEFAULT_MEMORY, MAX_INSTANCES};
use crate::manifest::Consumes;
use crate::outbound::ProtectedNetworks;
use crate::queues::Queues;
use crate::queues::limits::ENGINE_TIMEOUT;
use crate::state::{self, State};

/// The engine that the app needs; without a folder, compiled code is not kept.
pub(super) fn engine(inputs: &AppInputs, cache: Option<&Path>) -> wasmtime::Result<Engine> {
    let size = EngineSize {
        memory: memory(inputs),
        instances: MAX_INSTANCES,
    };
    Engine::new(size, cache)
}

/// The memory that the engine must be able to give an instance, in bytes.
pub(super) fn memory(inputs: &AppInputs) -> usize {
    let components = inputs.app.components.iter();
    let largest = components.map(|component| component.limits.memory).max();
    let memory = largest.unwrap_or(0).max(DEFAULT_MEMORY);
    usize::try_from(memory).unwrap_or(usize::MAX)
}

pub(super) fn fault(inputs: &AppInputs, error: &wasmtime::Error) -> Faults {
    Faults(vec![Fault::new(
        &inputs.app.manifest,
        Reason::new(format!("{error:#}")),
    )])
}

/// The faults of components, migrations and settings. If the app is to be `portable`, its migrations have to be; those of a database on
/// Postgres have to be in any case. So many `nodes` have to be alike.
pub(super) fn check(
    engine: &Engine,
    inputs: &AppInputs,
    portable: bool,
    nodes: u32,
) -> Result<(), Faults> {
    let mut faults = check_components(engine, inputs).err().unwrap_or_default();
    let migrations = inputs.migrations.iter();
    let judged = migrations.filter(|of| portable || inputs.config.is_on_postgres(&of.label));
    let found = judged.map(|migrations| migrations.not_portable().0);
    faults.0.extend(found.flatten());
    let unlike = inputs.check_alike(nodes).err();
    faults.0.extend(unlike.unwrap_or_default().0);
    faults.or(())
}

/// Loads each component and throws it away.
pub(super) fn check_components(engine: &Engine, inputs: &AppInputs) -> Result<(), Faults> {
    let mut faults = inputs.rendered().err().unwrap_or_default();
    for component in inputs.app.functions() {
        if let Err(found) = deployment::handler(engine, &inputs.app, component) {
            faults.0.extend(found.0);
        }
    }
    faults.or(())
}

/// Opens the databases, key-value stores and queues that the app names, and applies all migrations.
pub(super) fn open_state(
    inputs: &AppInputs,
    state: &State,
    queues: &Queues,
) -> Result<(), StartError> {
    make_state_directory(&inputs.state_directory)?;
    state.hold(&inputs.state_directory).map_err(failed)?;
    state.open(&inputs.config, &inputs.app).map_err(failed)?;
    open_queues(inputs, queues)?;
    migrations::apply_all(&inputs.migrations, state)?;
    relaying::check(&inputs.app.outboxes, state)
}

/// Opens the queues if the app consumes any, or has an outbox.
pub(super) fn open_queues(inputs: &AppInputs, queues: &Queues) -> Result<(), StartError> {
    if inputs.app.consumes().next().is_none() && inputs.app.outboxes.is_empty() {
        return Ok(());
    }
    let config = &inputs.config.queue;
    let opened = queues.open(|| state::open_queues(&config.engine, &inputs.app.name));
    opened.map_err(|error| failed(format!("the queues: {error}")))?;
    let Some(engine) = queues.engine() else {
        return Ok(());
    };
    let names: Vec<_> = inputs.app.consumes().map(Consumes::queue).collect();
    let preparing = engine.prepare(&names, config.room, clock::now() + ENGINE_TIMEOUT);
    let prepared = block_on(preparing).map_err(failed)?;
    prepared.map_err(|error| failed(format!("the queues: {error}")))
}

/// The loader of the app, and of the apps that replace it.
pub(super) fn loader(
    inputs: &AppInputs,
    listeners: &Listeners,
    engine: Engine,
) -> Result<Loader, StartError> {
    let directory = &inputs.state_directory;
    let files = Files::in_state_directory(directory).map_err(|error| {
        let directory = directory.display();
        failed(format!("files can't be laid out in {directory}: {error}"))
    })?;
    let own_addresses = [Some(listeners.http()), listeners.https(), listeners.admin()];
    Ok(Loader {
        engine,
        budget: InstanceBudget::new(MAX_INSTANCES, inputs.config.instance_memory),
        state: Arc::clone(&listeners.state),
        queues: Arc::clone(&listeners.queues),
        files,
        metrics: Arc::clone(&listeners.metrics),
        log: listeners.log.clone(),
        networks: Arc::new(ProtectedNetworks::new(
            inputs.config.blocked_networks.clone(),
            own_addresses.into_iter().flatten(),
        )),
        workers: inputs.config.listen.workers.get(),
    })
}

pub(super) fn make_state_directory(directory: &Path) -> Result<(), StartError> {
    state::make_folder(directory).map_err(|error| {
        failed(format!(
            "the state folder {} can't be made: {error}; choose another with --state-dir",
            directory.display()
        ))
    })
}
