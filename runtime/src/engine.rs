//! The WebAssembly engine: compiles, checks and links components, and keeps compiled code on disk.
//!
//! There is one [`Engine`] per process. [`Engine::load`] turns the bytes of a component into a [`Handler`], and
//! [`crate::function`] creates instances from it.

mod compiled_cache;
mod epoch;
mod handler;
mod target;

pub use handler::{Handler, LoadError, read};
pub use target::Target;

use std::io;
use std::path::Path;
use std::sync::Arc;

use wasmtime::component::Linker;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::host::{self, Host};
use crate::limits;

use compiled_cache::CompiledCache;
use epoch::EpochTicker;

/// The capacity of the engine, which follows from the manifest.
#[derive(Clone, Copy, Debug)]
pub struct EngineSize {
    /// The largest memory limit of a component, in bytes.
    pub memory: usize,
    /// The number of instances at once, over all components.
    pub instances: u32,
}

/// Compiles and links components. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    engine: wasmtime::Engine,
    linker: Arc<Linker<Host>>,
    cache: Arc<CompiledCache>,
    size: EngineSize,
    _ticker: Arc<EpochTicker>,
}

impl Engine {
    /// Builds the engine. It keeps compiled code in `cache_directory`. Without a directory that can be written, it compiles
    /// all components at each start.
    ///
    /// # Errors
    /// When the machine can't give the address space or threads that `size` asks for.
    pub fn new(size: EngineSize, cache_directory: Option<&Path>) -> wasmtime::Result<Self> {
        let engine = wasmtime::Engine::new(&config(size))?;
        let mut linker = Linker::new(&engine);
        host::link(&mut linker)?;
        let ticker = EpochTicker::start(engine.clone())?;
        Ok(Self {
            size,
            cache: Arc::new(CompiledCache::open(cache_directory, &engine)),
            linker: Arc::new(linker),
            _ticker: Arc::new(ticker),
            engine,
        })
    }

    /// Compiles a component, or finds its compiled code, then checks and links it. Errors name the file.
    ///
    /// # Errors
    /// A [`LoadError`] with the cause and the expected contents.
    pub fn load(&self, source: &Path, wasm: &[u8]) -> Result<Handler, LoadError> {
        let component = self.cache.component(&self.engine, source, wasm)?;
        handler::link(&self.linker, &component, source)
    }

    /// The best processor of this machine for which there is code, if it is of an engine like this one. `compiled` has names of
    /// processors, and the fingerprints of the engines that compiled for them.
    ///
    /// # Errors
    /// If an engine to compare with cannot be made.
    pub fn fitting(&self, compiled: &[(&str, &str)]) -> wasmtime::Result<Option<Target>> {
        for target in Target::usable() {
            let mut for_it = compiled.iter().filter(|(name, _)| *name == target.name());
            let Some((_, first)) = for_it.next() else {
                continue;
            };
            let own = target::fingerprint(&target.engine(compiling())?).to_hex();
            if *first == own.as_str() && for_it.all(|(_, other)| other == first) {
                return Ok(Some(target));
            }
        }
        Ok(None)
    }

    /// Keeps the code of a component with the other compiled code, unless some is kept already. It is machine code: whoever gives it
    /// can do all that this process can, so only take that of a [`Self::fitting`] processor from somebody whom the user trusts with that.
    /// `wasm` is the [`digest`] of the component.
    ///
    /// # Errors
    /// If it cannot be written, or no compiled code is kept.
    pub fn adopt(&self, wasm: &str, code: &[u8]) -> io::Result<()> {
        let wasm = blake3::Hash::from_hex(wasm).map_err(io::Error::other)?;
        self.cache.adopt(&wasm, code)
    }

    /// The most memory that an instance can have, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.size.memory
    }

    /// The wasmtime engine, for new stores.
    #[must_use]
    pub fn inner(&self) -> &wasmtime::Engine {
        &self.engine
    }
}

/// Compiles components for a processor, and runs nothing.
pub struct Precompiler(wasmtime::Engine);

impl Precompiler {
    /// For that processor.
    ///
    /// # Errors
    /// When wasmtime cannot compile for it.
    pub fn new(target: Target) -> wasmtime::Result<Self> {
        target.engine(compiling()).map(Self)
    }

    /// What an engine must be to run its code, in hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        target::fingerprint(&self.0).to_hex().to_string()
    }

    /// The machine code of a component.
    ///
    /// # Errors
    /// When it is no component.
    pub fn compile(&self, wasm: &[u8]) -> wasmtime::Result<Vec<u8>> {
        self.0.precompile_component(wasm)
    }
}

/// The digest of a component, in hexadecimal: that of its code has the same name.
#[must_use]
pub fn digest(wasm: &[u8]) -> String {
    blake3::hash(wasm).to_hex().to_string()
}

/// All of wasmtime's settings that concern the running of code.
fn config(size: EngineSize) -> Config {
    let mut config = compiling();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling(size)));
    config
}

/// All of wasmtime's settings that compiled code depends on.
fn compiling() -> Config {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_component_model(true)
        .wasm_component_model_async(true)
        // A busy guest yields to its worker at each tick; the worker then checks its deadline.
        .epoch_interruption(true)
        .memory_init_cow(true)
        // Names of guest functions in traps come from the name section; source lines would need the DWARF kept in memory.
        .wasm_backtrace_details(wasmtime::WasmBacktraceDetails::Disable)
        .max_wasm_stack(limits::MAX_WASM_STACK_BYTES)
        .async_stack_size(limits::MAX_WASM_STACK_BYTES + limits::HOST_STACK_BYTES);
    config
}

/// The pooling allocator: instances get memory that is already mapped, and it is cleared after use.
fn pooling(size: EngineSize) -> PoolingAllocationConfig {
    let mut pooling = PoolingAllocationConfig::new();
    pooling
        .total_component_instances(size.instances)
        .total_core_instances(
            size.instances
                .saturating_mul(limits::CORE_INSTANCES_PER_COMPONENT),
        )
        .total_memories(
            size.instances
                .saturating_mul(limits::MEMORIES_PER_COMPONENT),
        )
        .total_tables(size.instances.saturating_mul(limits::TABLES_PER_COMPONENT))
        .total_stacks(size.instances)
        .max_core_instances_per_component(limits::MAX_CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(limits::MAX_CORE_INSTANCES_PER_COMPONENT)
        .max_tables_per_component(limits::MAX_CORE_INSTANCES_PER_COMPONENT)
        .max_memory_size(size.memory)
        .table_elements(limits::MAX_TABLE_ELEMENTS)
        .max_unused_warm_slots(limits::MAX_WARM_SLOTS)
        .linear_memory_keep_resident(limits::MEMORY_KEPT_RESIDENT_BYTES)
        .table_keep_resident(limits::TABLE_KEPT_RESIDENT_BYTES)
        .pagemap_scan(Enabled::Auto);
    pooling
}
