//! What a guest may use beside WASI: variables, key-value stores and databases, each granted by the manifest.
//!
//! One module for each capability holds what the versions of its interface share, and their bindings. The engines
//! behind them live in the crate [`storage`], which knows nothing of WebAssembly.

mod current_request;
mod key_value;
mod response;
mod sqlite;
mod variables;

use std::collections::BTreeMap;
use std::sync::Arc;

use storage::{kv, sql};
use wasmtime::component::{HasSelf, Linker};

use crate::function::CallState;
use crate::host::Host;
use crate::variables::ComponentVariables;

use current_request::CurrentRequest;
use sqlite::OpenSessions;

/// The host's side of the interfaces in `wit/`, generated.
mod bindings {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "terrace:runtime/capabilities",
        imports: { default: async | trappable },
        with: {
            "spin:key-value/key-value.store": storage::kv::Store,
            "spin:sqlite/sqlite.connection": super::sqlite::Connection,
            "fermyon:spin/key-value.store": storage::kv::Store,
            "fermyon:spin/sqlite.connection": super::sqlite::Connection,
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
    response::link(linker)?;
    bindings::Capabilities::add_to_linker::<_, HasSelf<Host>>(linker, |host| host)
}

/// What the manifest grants to one component.
#[derive(Debug, Default)]
pub struct Grants {
    /// The variables that it may read.
    pub variables: ComponentVariables,
    /// Key-value stores by label.
    pub key_value_stores: BTreeMap<String, kv::Store>,
    /// Databases by label.
    pub databases: BTreeMap<String, sql::Database>,
}

/// The grants of a component, and what its instance has open.
pub struct Capabilities {
    grants: Arc<Grants>,
    request: CurrentRequest,
    sessions: OpenSessions,
}

impl Capabilities {
    pub(crate) fn new(grants: Arc<Grants>) -> Self {
        Self {
            grants,
            request: CurrentRequest::none(),
            sessions: OpenSessions::default(),
        }
    }

    pub(crate) fn begin_request(&mut self, call: &CallState) {
        let deadline = self.request.deadline.max(call.deadline);
        self.request = CurrentRequest::new(deadline, Arc::clone(&call.context));
    }

    /// Rolls back what requests left open, once none is under way.
    pub(crate) fn end_request(&mut self) {
        self.request = CurrentRequest::none();
        self.sessions.roll_back();
    }
}
