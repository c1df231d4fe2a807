//! The host side of one instance: what its store holds.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use wasmtime::ResourceLimiterAsync;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::capability::{Capabilities, Grants};
use crate::function::{CallState, InstanceBudget};
use crate::guest_output::GuestOutput;
use crate::observe::{GuestStream, Log};
use crate::outbound::{Outbound, OutboundHooks};

/// The data of a store: everything that a guest can reach.
pub struct Host {
    /// The guest's handles on host objects.
    pub table: ResourceTable,
    /// The bound on the guest's memory.
    pub memory: MemoryLimiter,
    /// What the manifest grants.
    pub capabilities: Capabilities,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: OutboundHooks,
    outputs: [GuestOutput; 2],
    /// Gives the place back to the budget when the store is dropped.
    _permit: OwnedSemaphorePermit,
}

/// A folder that a guest may read.
#[derive(Debug)]
pub struct Preopen {
    host: PathBuf,
    guest: String,
    /// Whether the folder was made for this component and goes with it.
    is_gathered: bool,
}

impl Preopen {
    /// The user's folder at `host`, which the guest knows as `guest`.
    #[must_use]
    pub fn folder(host: PathBuf, guest: String) -> Self {
        Self {
            host,
            guest,
            is_gathered: false,
        }
    }

    /// A new, empty folder at `host` for files that are the guest's root. It is removed on drop.
    ///
    /// # Errors
    /// When the folder can't be made, or what a run before has left there can't be removed.
    pub fn gathered(host: PathBuf) -> io::Result<Self> {
        if host.exists() {
            fs::remove_dir_all(&host)?;
        }
        fs::create_dir_all(&host)?;
        Ok(Self {
            host,
            guest: "/".into(),
            is_gathered: true,
        })
    }
}

impl Drop for Preopen {
    fn drop(&mut self) {
        if self.is_gathered
            && let Err(error) = fs::remove_dir_all(&self.host)
        {
            tracing::warn!("{} can't be removed: {error}", self.host.display());
        }
    }
}

/// Makes the host side of each instance of one component.
pub struct HostFactory {
    /// The component's id, which tags what its guests print.
    pub component: Arc<str>,
    /// Where its guests' output goes.
    pub log: Log,
    /// Environment variables.
    pub environment: Vec<(String, String)>,
    /// Folders that the guest may read.
    pub preopens: Vec<Preopen>,
    /// Bytes of memory that an instance may use.
    pub memory: usize,
    /// What the instances of all components share.
    pub budget: Arc<InstanceBudget>,
    /// What the manifest grants.
    pub grants: Arc<Grants>,
    /// The way to other servers and to other components.
    pub outbound: Arc<Outbound>,
}

impl HostFactory {
    /// The host side of a new instance.
    ///
    /// # Errors
    /// When a folder that the guest may read can't be opened.
    pub fn host(&self, permit: OwnedSemaphorePermit) -> io::Result<Host> {
        let outputs = [GuestStream::Stdout, GuestStream::Stderr]
            .map(|stream| GuestOutput::new(&self.log, &self.component, stream));
        let [stdout, stderr] = outputs.clone();
        let mut wasi = WasiCtxBuilder::new();
        wasi.envs(&self.environment);
        wasi.stdout(stdout).stderr(stderr);
        for preopen in &self.preopens {
            wasi.preopened_dir(&preopen.host, &preopen.guest, FsPerms::ReadOnly)
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
    /// A request begins: what the guest prints and asks for from now on is on its behalf.
    pub fn begin_request(&mut self, call: &Arc<CallState>) {
        for output in &self.outputs {
            output.begin_request(&call.context.id);
        }
        self.hooks.begin_request(call);
        self.capabilities.begin_request(call);
    }

    /// The request has ended: what it left open is closed.
    pub fn end_request(&mut self) {
        self.capabilities.end_request();
        self.memory.refusal = None;
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

/// Bounds the linear memories of one instance, all together, and each of its tables.
pub struct MemoryLimiter {
    limit: usize,
    used: usize,
    refusal: Option<MemoryRefusal>,
    budget: Arc<InstanceBudget>,
}

/// Why a guest was refused memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryRefusal {
    /// It has all that its component may have.
    OwnLimit,
    /// The instances of all components together have all that there is.
    NoneLeft,
}

impl MemoryLimiter {
    fn new(limit: usize, budget: Arc<InstanceBudget>) -> Self {
        Self {
            limit,
            used: 0,
            refusal: None,
            budget,
        }
    }

    /// Why the guest was refused memory, if it was since the last request ended.
    #[must_use]
    pub fn refusal(&self) -> Option<MemoryRefusal> {
        self.refusal
    }

    /// Bytes of linear memory that the instance has.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used
    }

    async fn grow(&mut self, by: usize) -> Result<(), MemoryRefusal> {
        let used = self.used.saturating_add(by);
        if used > self.limit {
            return Err(MemoryRefusal::OwnLimit);
        }
        if !self.budget.take_memory(by as u64).await {
            return Err(MemoryRefusal::NoneLeft);
        }
        self.used = used;
        Ok(())
    }
}

impl Drop for MemoryLimiter {
    fn drop(&mut self) {
        self.budget.give_back_memory(self.used as u64);
    }
}

/// Asynchronous, because a guest waits a moment for memory that other instances are about to give back.
#[wasmtime_wasi::async_trait]
impl ResourceLimiterAsync for MemoryLimiter {
    async fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // What the memory's own type forbids will not happen, so it must not be counted.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let grown = self.grow(desired.saturating_sub(current)).await;
        self.refusal = grown.err().or(self.refusal);
        Ok(grown.is_ok())
    }

    async fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= crate::limits::MAX_TABLE_ELEMENTS)
    }
}

#[cfg(test)]
mod tests;
