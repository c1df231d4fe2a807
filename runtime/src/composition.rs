//! Composes a component with its dependencies into one component, before it is compiled.
//! [`crate::manifest`] reads the dependencies; [`grants`] decides about the host's interfaces that a dependency gets.

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, InstantiationArgumentError, NodeId, PackageId};

use crate::engine;
use crate::fault::{Fault, Faults, Reason, did_you_mean};
use crate::manifest::{App, Component, Dependency};

mod grants;

/// Composes the component `wasm` with its dependencies. The result lacks the imports that they satisfy.
///
/// # Errors
/// All faults of the dependencies, with their places in the manifest.
pub(crate) fn compose(app: &App, component: &Component, wasm: Vec<u8>) -> Result<Vec<u8>, Faults> {
    let fault = |reason: Reason| {
        let message = format!("component `{}`: {}", component.id, reason.message);
        Fault::new(&app.manifest, Reason { message, ..reason })
    };
    let mut composer = Composer::new(&component.id, wasm).map_err(fault)?;
    let mut faults = Faults::default();
    for dependency in &component.dependencies {
        if let Err(reason) = composer.add(dependency) {
            faults.0.push(fault(reason).at(dependency.position.clone()));
        }
    }
    faults.or(())?;
    Ok(composer.finish().map_err(fault)?)
}

/// A composition in progress.
struct Composer {
    graph: CompositionGraph,
    /// The component that is composed with its dependencies.
    socket: Part,
}

/// A component in a composition.
#[derive(Clone, Copy)]
struct Part {
    package: PackageId,
    instance: NodeId,
}

impl Composer {
    fn new(id: &str, wasm: Vec<u8>) -> Result<Self, Reason> {
        let mut graph = CompositionGraph::new();
        let socket = part(&mut graph, id, wasm)?;
        Ok(Self { graph, socket })
    }

    /// Connects the dependency to the imports that it is for.
    fn add(&mut self, dependency: &Dependency) -> Result<(), Reason> {
        let imports: Vec<_> = self
            .imports(self.socket)
            .into_iter()
            .filter(|import| is_for(&dependency.name, import))
            .collect();
        if imports.is_empty() {
            return Err(self.unwanted(dependency));
        }
        let wasm =
            engine::read(&dependency.source).map_err(|error| Reason::new(error.to_string()))?;
        let plug = part(&mut self.graph, &dependency.name, wasm)?;
        grants::restrict(&mut self.graph, plug, dependency)?;
        for import in imports {
            self.connect(&import, plug, dependency)?;
        }
        Ok(())
    }

    fn connect(&mut self, import: &str, plug: Part, dependency: &Dependency) -> Result<(), Reason> {
        let export = dependency.export.as_deref().unwrap_or(import);
        let file = dependency.source.display();
        let alias = self.graph.alias_instance_export(plug.instance, export);
        let found = alias.map_err(|_| {
            let exports = self.exports(plug);
            let exports: Vec<_> = exports.iter().map(String::as_str).collect();
            let help = did_you_mean(export, &exports, "exports");
            let help = format!("{help}; name one with `export = \"…\"`");
            Reason::new(format!("{file} does not export `{export}`")).help(help)
        })?;
        let connected = self
            .graph
            .set_instantiation_argument(self.socket.instance, import, found);
        connected.map_err(|error| match error {
            InstantiationArgumentError::ArgumentTypeMismatch { source, .. } => {
                let message = format!("`{export}` of {file} is not what `{import}` is: {source:#}");
                Reason::new(message).help("build both from the same WIT")
            }
            InstantiationArgumentError::ArgumentAlreadyPassed { .. } => {
                let message = format!("`{import}` is another dependency's already");
                Reason::new(message).help("name the interface that each of the two is for")
            }
            error => Reason::new(error.to_string()),
        })
    }

    /// The composed component, with the exports of the original one.
    fn finish(mut self) -> Result<Vec<u8>, Reason> {
        let not_composed = |error: &dyn std::error::Error| {
            let source = error
                .source()
                .map(|source| format!(": {source}"))
                .unwrap_or_default();
            let message = format!("it cannot be composed with its dependencies: {error}{source}");
            Reason::new(message).help("build all of them against the same version of WASI")
        };
        for export in self.exports(self.socket) {
            let alias = self
                .graph
                .alias_instance_export(self.socket.instance, &export)
                .map_err(|error| not_composed(&error))?;
            self.graph
                .export(alias, export)
                .map_err(|error| not_composed(&error))?;
        }
        self.graph
            .encode(EncodeOptions::default())
            .map_err(|error| not_composed(&error))
    }

    fn unwanted(&self, dependency: &Dependency) -> Reason {
        let imports = self.imports(self.socket);
        let imports: Vec<_> = imports
            .iter()
            .map(String::as_str)
            .filter(|import| !grants::is_the_hosts(import))
            .collect();
        let message = format!("nothing that it imports is called `{}`", dependency.name);
        Reason::new(message).help(did_you_mean(&dependency.name, &imports, "imports"))
    }

    fn imports(&self, part: Part) -> Vec<String> {
        let world = &self.graph.types()[self.graph[part.package].ty()];
        world.imports.keys().cloned().collect()
    }

    fn exports(&self, part: Part) -> Vec<String> {
        let world = &self.graph.types()[self.graph[part.package].ty()];
        world.exports.keys().cloned().collect()
    }
}

/// Adds a component to the graph. The name must be unique in the graph.
fn part(graph: &mut CompositionGraph, name: &str, wasm: Vec<u8>) -> Result<Part, Reason> {
    let package = Package::from_bytes(name, None, wasm, graph.types_mut())
        .map_err(|error| Reason::new(format!("`{name}` is damaged: {error:#}")))?;
    let package = graph
        .register_package(package)
        .map_err(|error| Reason::new(error.to_string()))?;
    let instance = graph.instantiate(package);
    Ok(Part { package, instance })
}

/// Whether a dependency with this name is for an import. A name without an interface is for all interfaces of the package,
/// and one without a version is for all versions.
fn is_for(name: &str, import: &str) -> bool {
    let name = Name::parse(name);
    let import = Name::parse(import);
    name.package == import.package
        && (name.interface.is_none() || name.interface == import.interface)
        && (name.version.is_none() || name.version == import.version)
}

/// `package/interface@version`, where interface and version may be absent.
struct Name<'n> {
    package: &'n str,
    interface: Option<&'n str>,
    version: Option<&'n str>,
}

impl<'n> Name<'n> {
    fn parse(text: &'n str) -> Self {
        let (name, version) = split(text, '@');
        let (package, interface) = split(name, '/');
        Self {
            package,
            interface,
            version,
        }
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests;
