//! What a guest may use beside WASI: variables, key-value stores and databases, each granted by the manifest.

mod variables;

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker, ResourceTable};

use crate::function::CallState;
use crate::host::Host;

/// The host's side of the interfaces in `wit/`, generated.
#[expect(missing_docs, clippy::all, reason = "generated code")]
pub(crate) mod bindings {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "terrace:runtime/capabilities",
        imports: { default: async | trappable },
        with: {
        },
    });
}

/// Adds all that a component may import to the linker. Whether it may be used is decided at each call, by the
/// component's grants.
///
/// # Errors
/// When two of the interfaces define the same name.
pub(crate) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi::p3::add_to_linker(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    wasmtime_wasi_http::p3::add_to_linker(linker)?;
    Ok(())
}

/// What the manifest grants to one component.
#[derive(Debug, Default)]
pub struct Grants {
    /// Values by name.
    pub variables: BTreeMap<String, String>,
}

/// The grants of a component, and what its instance has open.
pub struct Capabilities {
    pub(crate) grants: Arc<Grants>,
}

impl Capabilities {
    pub(crate) fn new(grants: Arc<Grants>) -> Self {
        Self { grants }
    }

    pub(crate) fn begin(&mut self, _call: &Arc<CallState>) {}

    pub(crate) fn end(&mut self, _table: &mut ResourceTable) {}
}
