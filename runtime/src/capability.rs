//! The capabilities beside WASI: variables, key-value stores and databases. The manifest grants each of them.
//!
//! Each capability is one module with the bindings to all versions of its interface. The crate [`storage`] has the
//! engines. [`crate::host`] keeps an instance's capabilities and links the rest of the imports.

mod current_request;
mod key_value;
mod sqlite;
mod variables;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use storage::sql;
use wasmtime::component::{HasData, Linker, ResourceTable};

use crate::request::RequestContext;
use crate::variables::ComponentVariables;

use current_request::CurrentRequest;
pub use key_value::OpenStore;
pub use sqlite::OpenDatabase;
use sqlite::OpenSessions;

/// The host's side of the interfaces in `wit/`, generated.
mod bindings {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "terrace:runtime/capabilities",
        imports: { default: async | trappable },
        with: {
            "spin:key-value/key-value.store": super::key_value::OpenStore,
            "spin:sqlite/sqlite.connection": super::sqlite::Connection,
            "wasi:keyvalue/store.bucket": super::key_value::OpenStore,
            "wasi:keyvalue/atomics.cas": super::key_value::wasi::Swap,
            "fermyon:spin/key-value.store": super::key_value::OpenStore,
            "fermyon:spin/sqlite.connection": super::sqlite::Connection,
        },
    });
}

/// Adds the interfaces to the linker. `view` gives them access to the data of a store.
///
/// # Errors
/// When two of the interfaces define the same name.
pub(crate) fn link<T: Send>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> CapabilitiesView<'_>,
) -> wasmtime::Result<()> {
    bindings::Capabilities::add_to_linker::<T, HasCapabilities>(linker, view)
}

/// The part of a store's data that the interfaces use.
pub(crate) struct CapabilitiesView<'a> {
    pub(crate) capabilities: &'a mut Capabilities,
    pub(crate) table: &'a mut ResourceTable,
}

/// Tells the generated bindings that they work on a [`CapabilitiesView`].
struct HasCapabilities;

impl HasData for HasCapabilities {
    type Data<'a> = CapabilitiesView<'a>;
}

/// The capabilities that the manifest grants to one component.
#[derive(Debug, Default)]
pub struct Grants {
    /// The component's id.
    pub component: Arc<str>,
    /// The variables that it can read.
    pub variables: ComponentVariables,
    /// Key-value stores by label.
    pub key_value_stores: BTreeMap<String, OpenStore>,
    /// Databases by label.
    pub databases: BTreeMap<String, OpenDatabase>,
}

/// The grants of a component, and the sessions that its instance has open.
pub struct Capabilities {
    grants: Arc<Grants>,
    request: CurrentRequest,
    sessions: OpenSessions,
    /// Bytes of the values that the guest may still swap.
    swap_bytes: usize,
}

impl Capabilities {
    pub(crate) fn new(grants: Arc<Grants>) -> Self {
        Self {
            grants,
            request: CurrentRequest::none(),
            sessions: OpenSessions::default(),
            swap_bytes: 0,
        }
    }

    /// Begins a request that must end by `deadline`. Requests that share the instance share the latest of their deadlines.
    /// Returns for whom its statements are counted, if there are databases.
    pub(crate) fn begin_request(
        &mut self,
        deadline: Instant,
        context: Arc<RequestContext>,
    ) -> Option<Arc<sql::Request>> {
        let latest = self.request.deadline.unwrap_or(deadline);
        let deadline = latest.max(deadline);
        let queries = self.queries(&context);
        self.request = CurrentRequest::new(deadline, context, queries.clone());
        queries
    }

    /// For whom statements are counted, if there are databases.
    fn queries(&self, context: &RequestContext) -> Option<Arc<sql::Request>> {
        if self.grants.databases.is_empty() {
            return None;
        }
        let component = Arc::clone(&self.grants.component);
        let route = context.route().map(|route| Arc::clone(route.route()));
        let route = route.unwrap_or_default();
        Some(Arc::new(match (self.request.deadline, context.needs()) {
            (Some(_), _) => sql::Request::shared(component, route),
            (None, Some(needs)) => sql::Request::new(component, route).with_needs(needs),
            (None, None) => sql::Request::new(component, route),
        }))
    }

    /// Rolls back open transactions. Called when no request is under way.
    pub(crate) fn end_request(&mut self) {
        self.request = CurrentRequest::none();
        self.sessions.roll_back();
    }
}
