//! The host side of an instance: the data of its store, and the interfaces that its guest can import.
//! [`crate::capability`] has the interfaces of variables, key-value stores and databases.

mod file_tree;
mod response;

pub use file_tree::FileTree;

use std::io;
use std::sync::Arc;

use storage::sql;
use tokio::sync::OwnedSemaphorePermit;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::budget::{InstanceBudget, MemoryLimiter};
use crate::capability::{self, Capabilities, CapabilitiesView, Grants};
use crate::guest_output::GuestOutput;
use crate::observe::{GuestStream, Log};
use crate::outbound::{GuestCall, Outbound, OutboundHooks};

/// Adds all interfaces that a component can import to the linker. Each call then checks the component's grants.
///
/// # Errors
/// When two of the interfaces define the same name.
pub(crate) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi::p3::add_to_linker(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    wasmtime_wasi_http::p3::add_to_linker(linker)?;
    response::link(linker)?;
    capability::link(linker, Host::capabilities)
}

/// The data of a wasmtime store: everything that its guest can reach.
pub struct Host {
    /// The bound on the guest's memory.
    pub memory: MemoryLimiter,
    /// The guest's handles on host objects.
    table: ResourceTable,
    capabilities: Capabilities,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: OutboundHooks,
    outputs: [GuestOutput; 2],
    /// Returns the permit to the budget when the store is dropped.
    _permit: OwnedSemaphorePermit,
}

/// Makes the host side of each instance of one component.
pub struct HostFactory {
    /// The component's id, for the log lines of its guests.
    pub component: Arc<str>,
    /// The log that gets the output of its guests.
    pub log: Log,
    /// Environment variables.
    pub environment: Vec<(String, String)>,
    /// The files that the guest can read, at `/`.
    pub files: Option<FileTree>,
    /// Limit of an instance's memory, in bytes.
    pub memory: usize,
    /// The budget that the instances of all components share.
    pub budget: Arc<InstanceBudget>,
    /// The capabilities that the manifest grants.
    pub grants: Arc<Grants>,
    /// The servers and components that the guest can reach.
    pub outbound: Arc<Outbound>,
}

impl HostFactory {
    /// The host side of a new instance.
    ///
    /// # Errors
    /// When the folder of the guest's files can't be opened.
    pub fn host(&self, permit: OwnedSemaphorePermit) -> io::Result<Host> {
        let outputs = [GuestStream::Stdout, GuestStream::Stderr]
            .map(|stream| GuestOutput::new(&self.log, &self.component, stream));
        let [stdout, stderr] = outputs.clone();
        let mut wasi = WasiCtxBuilder::new();
        wasi.envs(&self.environment);
        wasi.stdout(stdout).stderr(stderr);
        if let Some(files) = &self.files {
            wasi.preopened_dir(files.path(), "/", FsPerms::ReadOnly)
                .map_err(io::Error::other)?;
        }
        Ok(Host {
            table: ResourceTable::new(),
            memory: MemoryLimiter::new(self.memory, Arc::clone(&self.budget)),
            capabilities: Capabilities::new(Arc::clone(&self.grants)),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            hooks: OutboundHooks::new(Arc::clone(&self.outbound)),
            outputs,
            _permit: permit,
        })
    }
}

impl Host {
    /// Begins a request. Output and calls of the guest belong to it from now on.
    /// Returns for whom its statements are counted, if there are databases.
    pub fn begin_request(&mut self, mut call: GuestCall) -> Option<Arc<sql::Request>> {
        for output in &self.outputs {
            output.begin_request(&call.context.id);
        }
        let context = Arc::clone(&call.context);
        let queries = self.capabilities.begin_request(call.deadline, context);
        call.queries.clone_from(&queries);
        self.hooks.begin_request(call);
        queries
    }

    /// Ends the request: rolls back its open transactions.
    pub fn end_request(&mut self) {
        self.capabilities.end_request();
        self.memory.forget_refusal();
    }

    fn capabilities(&mut self) -> CapabilitiesView<'_> {
        CapabilitiesView {
            capabilities: &mut self.capabilities,
            table: &mut self.table,
        }
    }
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Host {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.hooks,
        }
    }
}
