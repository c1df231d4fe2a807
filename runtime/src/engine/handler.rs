//! Checks that a component can serve HTTP, and links it to the host.
//! [`imports`] finds the imports that are missing.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use wasmtime::component::{Component, Linker};
use wasmtime_wasi_http::handler::ProxyPre;
use wasmtime_wasi_http::{p2, p3};

use crate::host::Host;

mod imports;

/// The first bytes of every WebAssembly component: magic, version 13, layer 1 (component).
const COMPONENT_PREAMBLE: &[u8] = b"\0asm\x0d\0\x01\0";
/// The first bytes of a core module: magic, version 1, layer 0.
const MODULE_PREAMBLE: &[u8] = b"\0asm\x01\0\0\0";

const HANDLER_0_2: &str = "wasi:http/incoming-handler@0.2.";
const HANDLER_0_3: &str = "wasi:http/handler@0.3.";

/// The interfaces that a component may import, for messages.
const OFFERED: &str = "Terrace offers WASI 0.2 and 0.3, wasi:http, wasi:config/store, and Spin's variables, key-value \
     stores and SQLite";

/// A component that was checked and linked, ready to be instantiated.
pub struct Handler {
    /// The linked component, with its interface version.
    pub pre: ProxyPre<Host>,
    /// Whether an instance may serve several requests. `wasi:http` 0.3 allows it; an instance of 0.2 serves one.
    pub reusable: bool,
}

/// Why a file can't be served.
#[derive(Debug)]
pub enum LoadError {
    /// The file can't be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: std::io::Error,
    },
    /// The file is not WebAssembly, is damaged, or is a core module.
    NotAComponent {
        /// The file.
        path: PathBuf,
        /// What was found in it.
        found: String,
    },
    /// The component exports no handler, or several.
    Handlers {
        /// The file.
        path: PathBuf,
        /// The handler interfaces that it exports.
        found: Vec<String>,
        /// All that it exports.
        exports: Vec<String>,
    },
    /// The component imports something that the host does not offer.
    Imports {
        /// The file.
        path: PathBuf,
        /// All of these imports, by name.
        missing: Vec<String>,
    },
    /// The component can't be linked for another reason.
    Unlinkable {
        /// The file.
        path: PathBuf,
        /// What wasmtime said.
        error: String,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, error } => {
                write!(formatter, "{} can't be read: {error}", path.display())
            }
            Self::NotAComponent { path, found } => write!(
                formatter,
                "{} holds {found}; expected a WebAssembly component (for Rust: --target wasm32-wasip2)",
                path.display()
            ),
            Self::Handlers {
                path,
                found,
                exports,
            } if found.is_empty() => write!(
                formatter,
                "{} exports no HTTP handler (exports: {}); expected one of {HANDLER_0_2}x, {HANDLER_0_3}x",
                path.display(),
                list(exports)
            ),
            Self::Handlers { path, found, .. } => write!(
                formatter,
                "{} exports {} HTTP handlers ({}); expected exactly one",
                path.display(),
                found.len(),
                list(found)
            ),
            Self::Imports { path, missing } => write!(
                formatter,
                "{} imports interfaces that Terrace does not offer: {}; remove the code that needs them, or name a component \
                 that has them in `[component.ID.dependencies]` ({OFFERED})",
                path.display(),
                list(missing)
            ),
            Self::Unlinkable { path, error } => {
                write!(formatter, "{} can't be linked: {error}", path.display())
            }
        }
    }
}

impl std::error::Error for LoadError {}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ")
    }
}

/// Reads a component from its file.
///
/// # Errors
/// [`LoadError::Unreadable`], or [`LoadError::NotAComponent`] where the first bytes are not a component's.
pub fn read(source: &Path) -> Result<Vec<u8>, LoadError> {
    let wasm = fs::read(source).map_err(|error| LoadError::Unreadable {
        path: source.into(),
        error,
    })?;
    check_preamble(source, &wasm)?;
    Ok(wasm)
}

/// Whether a file holds a component at all, by its first bytes.
fn check_preamble(source: &Path, wasm: &[u8]) -> Result<(), LoadError> {
    let found = if wasm.starts_with(COMPONENT_PREAMBLE) {
        return Ok(());
    } else if wasm.starts_with(MODULE_PREAMBLE) {
        "a core module of WebAssembly".to_owned()
    } else if wasm.is_empty() {
        "nothing (the file is empty)".to_owned()
    } else {
        "something else than WebAssembly".to_owned()
    };
    Err(LoadError::NotAComponent {
        path: source.into(),
        found,
    })
}

/// Checks that `component` exports exactly one handler and binds its imports to the host.
pub(super) fn link(
    linker: &Linker<Host>,
    component: &Component,
    path: &Path,
) -> Result<Handler, LoadError> {
    let unlinkable = |error: wasmtime::Error| LoadError::Unlinkable {
        path: path.into(),
        error: format!("{error:#}"),
    };
    let exports: Vec<String> = component
        .component_type()
        .exports(linker.engine())
        .map(|(name, _)| name.to_owned())
        .collect();
    let found: Vec<String> = exports
        .iter()
        .filter(|name| is_handler(name))
        .cloned()
        .collect();
    let [interface] = found.as_slice() else {
        return Err(LoadError::Handlers {
            path: path.into(),
            found,
            exports,
        });
    };
    let reusable = interface.starts_with(HANDLER_0_3);
    let pre = linker
        .instantiate_pre(component)
        .map_err(|_first| LoadError::Imports {
            path: path.into(),
            missing: imports::missing(linker, component),
        })?;
    let pre = if reusable {
        ProxyPre::P3(p3::bindings::ServicePre::new(pre).map_err(unlinkable)?)
    } else {
        ProxyPre::P2(p2::bindings::ProxyPre::new(pre).map_err(unlinkable)?)
    };
    Ok(Handler { pre, reusable })
}

fn is_handler(export: &str) -> bool {
    export.starts_with(HANDLER_0_2) || export.starts_with(HANDLER_0_3)
}

#[cfg(test)]
mod tests;
