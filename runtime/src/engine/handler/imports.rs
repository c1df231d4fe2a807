//! Finds all imports of a component that the host does not offer. wasmtime reports only the first.

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceType};

use crate::host::Host;

/// A placeholder for a resource that is never created.
struct Absent;

/// The imports that `linker` cannot satisfy, sorted. An interface that differs from the host's has a reason.
pub(super) fn missing(linker: &Linker<Host>, component: &Component) -> Vec<String> {
    let component_type = component.component_type();
    let mut imports: Vec<_> = component_type.imports(linker.engine()).collect();
    // Each round defines the import that is missing, so that wasmtime reports the next one. None is ever called.
    let mut linker = linker.clone();
    linker.allow_shadowing(true);
    let mut missing = Vec::new();
    while let Err(error) = linker.instantiate_pre(component) {
        let message = error.to_string();
        let is_meant = |name: &str| message.contains(&format!("`{name}`"));
        let found = imports.iter().position(|(name, _)| is_meant(name));
        let Some((name, import)) = found.map(|index| imports.swap_remove(index)) else {
            missing.push(format!("{error:#}"));
            break;
        };
        missing.push(named(name, &error));
        if define(&mut linker, name, import.ty).is_err() {
            break;
        }
    }
    missing.sort_unstable();
    missing
}

/// The import, with the reason if the host has another interface with that name.
fn named(name: &str, error: &wasmtime::Error) -> String {
    let cause = error.root_cause().to_string();
    if cause.ends_with("implementation is missing") {
        name.to_owned()
    } else {
        format!("{name} ({cause})")
    }
}

/// Defines an interface as the component imports it.
fn define(linker: &mut Linker<Host>, name: &str, import: ComponentItem) -> wasmtime::Result<()> {
    let ComponentItem::ComponentInstance(interface) = import else {
        return Err(wasmtime::format_err!("{name} is no interface"));
    };
    let engine = linker.engine().clone();
    let mut defined = linker.instance(name)?;
    for (name, export) in interface.exports(&engine) {
        match export.ty {
            ComponentItem::ComponentFunc(function) if function.async_() => {
                defined.func_new_concurrent(name, |_, _, _, _| Box::pin(async { Ok(()) }))?;
            }
            ComponentItem::ComponentFunc(_) => defined.func_new(name, |_, _, _, _| Ok(()))?,
            ComponentItem::Resource(_) => {
                defined.resource(name, ResourceType::host::<Absent>(), |_, _| Ok(()))?;
            }
            _ => {}
        }
    }
    Ok(())
}
