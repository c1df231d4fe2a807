//! The WebAssembly engine: how components are compiled, kept, linked and checked before they serve.
//!
//! [`Engine`] is made once per process. [`Engine::load`] turns what [`read()`] found in a `.wasm` file into a [`Handler`], from which
//! [`crate::function`] makes instances.

mod compiled_cache;
mod epoch;
mod handler;

pub use handler::{Handler, LoadError, read};

use std::path::Path;
use std::sync::Arc;

use wasmtime::component::Linker;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::host::{self, Host};
use crate::limits;

use compiled_cache::CompiledCache;
use epoch::EpochTicker;

/// What the engine must be able to hold, known once the manifest was read.
#[derive(Clone, Copy, Debug)]
pub struct EngineSize {
    /// Bytes of linear memory that the component with the largest limit may use.
    pub memory: usize,
    /// Instances that may be alive at once, over all components.
    pub instances: u32,
}

/// Compiles and links components. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    engine: wasmtime::Engine,
    linker: Arc<Linker<Host>>,
    cache: Arc<CompiledCache>,
    _ticker: Arc<EpochTicker>,
}

impl Engine {
    /// Builds the engine. `cache_directory` keeps compiled code between starts; without one, or where it can't be
    /// written, components are compiled at each start.
    ///
    /// # Errors
    /// When the machine can't give the address space or threads that `size` asks for.
    pub fn new(size: EngineSize, cache_directory: Option<&Path>) -> wasmtime::Result<Self> {
        let engine = wasmtime::Engine::new(&config(size))?;
        let mut linker = Linker::new(&engine);
        host::link(&mut linker)?;
        let ticker = EpochTicker::start(engine.clone())?;
        Ok(Self {
            cache: Arc::new(CompiledCache::open(cache_directory, &engine)),
            linker: Arc::new(linker),
            _ticker: Arc::new(ticker),
            engine,
        })
    }

    /// Compiles or recalls, checks and links one component, which errors name after its file.
    ///
    /// # Errors
    /// A [`LoadError`] that says what was found in the component and what was expected.
    pub fn load(&self, source: &Path, wasm: &[u8]) -> Result<Handler, LoadError> {
        let component = self.cache.component(&self.engine, source, wasm)?;
        handler::link(&self.linker, &component, source)
    }

    /// The wasmtime engine that stores are made in.
    #[must_use]
    pub fn inner(&self) -> &wasmtime::Engine {
        &self.engine
    }
}

/// All of wasmtime's settings, in one place.
fn config(size: EngineSize) -> Config {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_component_model(true)
        .wasm_component_model_async(true)
        // A busy guest yields to its worker at each tick, which is where its deadline is enforced.
        .epoch_interruption(true)
        .memory_init_cow(true)
        // Names of guest functions in traps come from the name section; source lines would need the DWARF kept in memory.
        .wasm_backtrace_details(wasmtime::WasmBacktraceDetails::Disable)
        .max_wasm_stack(limits::MAX_WASM_STACK_BYTES)
        .async_stack_size(limits::MAX_WASM_STACK_BYTES + limits::HOST_STACK_BYTES)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pooling(size)));
    config
}

/// The pooling allocator: every instance gets memory that is mapped already, and gives it back clean.
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
