//! The host's interfaces that a dependency gets. Without `inherit` it gets only interfaces that give access to nothing:
//! clocks, random numbers, output. Files and environment exist but are empty, because most languages import them in any
//! case. All other imports are refused when the app is loaded. Composing is the parent's.

use wac_graph::CompositionGraph;

use super::{Part, part};
use crate::fault::Reason;
use crate::manifest::Dependency;

/// Interfaces that give access to nothing. A type alone gives none: its values must come from another interface.
const HARMLESS: [&str; 13] = [
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/types",
    "wasi:filesystem/types",
    "wasi:http/types",
    "wasi:sockets/network",
];

/// Packages whose interfaces all give access to nothing.
const HARMLESS_PACKAGES: [&str; 3] = ["wasi:clocks/", "wasi:io/", "wasi:random/"];

/// Interfaces that an empty one replaces, and the replacement as text.
const EMPTY: [(&str, &str); 2] = [
    ("wasi:cli/environment", include_str!("no_environment.wat")),
    ("wasi:filesystem/preopens", include_str!("no_files.wat")),
];

/// The export of a replacement.
const INSTEAD: &str = "instead";

/// Whether the import is an interface of the host.
pub(super) fn is_the_hosts(import: &str) -> bool {
    ["wasi:", "spin:", "fermyon:"]
        .iter()
        .any(|namespace| import.starts_with(namespace))
}

/// Replaces or refuses the imports that a dependency does not inherit.
///
/// # Errors
/// An import that the dependency may not have.
pub(super) fn restrict(
    graph: &mut CompositionGraph,
    plug: Part,
    dependency: &Dependency,
) -> Result<(), Reason> {
    let world = &graph.types()[graph[plug.package].ty()];
    let imports: Vec<_> = world.imports.keys().cloned().collect();
    for import in imports {
        let (interface, version) = import.split_once('@').unwrap_or((&import, ""));
        if !is_the_hosts(&import) {
            return Err(unsatisfied(dependency, &import));
        }
        if dependency.inherit || is_harmless(interface) {
            continue;
        }
        let empty = EMPTY.iter().find(|(name, _)| *name == interface);
        let Some((_, text)) = empty else {
            return Err(denied(dependency, &import));
        };
        let text = text.replace("VERSION", version);
        let wasm = wat::parse_str(text).map_err(|error| Reason::new(error.to_string()))?;
        let empty = part(
            graph,
            &format!("{} without {interface}", dependency.name),
            wasm,
        )?;
        let given = graph.alias_instance_export(empty.instance, INSTEAD);
        let given = given.map_err(|error| Reason::new(error.to_string()))?;
        let set = graph.set_instantiation_argument(plug.instance, &import, given);
        set.map_err(|_| denied(dependency, &import))?;
    }
    Ok(())
}

fn is_harmless(interface: &str) -> bool {
    let mut packages = HARMLESS_PACKAGES.iter();
    HARMLESS.contains(&interface) || packages.any(|package| interface.starts_with(package))
}

fn denied(dependency: &Dependency, import: &str) -> Reason {
    let file = dependency.source.display();
    let message = format!("{file} imports `{import}`, which a dependency has no grant for");
    Reason::new(message).help(
        "`dependencies_inherit_configuration = true` lets the dependencies use what the component is granted",
    )
}

fn unsatisfied(dependency: &Dependency, import: &str) -> Reason {
    let file = dependency.source.display();
    let message = format!("{file} imports `{import}`, which nothing gives it");
    Reason::new(message).help("compose the two when they are built, for example with `wac plug`")
}
