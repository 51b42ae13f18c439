//! The one engine of a process, its limits and its clock tick.

use std::time::Duration;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails,
};

/// What instances may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Instances at once; more runs wait.
    pub slots: u32,
    /// Bytes of linear memory of one instance.
    pub memory: usize,
    /// Processor time between two of the guest's questions.
    pub cpu: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { slots: 200, memory: 256 << 20, cpu: Duration::from_secs(60) }
    }
}

/// How often a busy guest is looked at.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// Address space of one memory: what a pool reserves for each slot.
const MEMORY_RESERVATION: usize = 256 << 20;

/// What one component may be made of; large interpreters have a few of each.
const CORE_INSTANCES: u32 = 50;
const MEMORIES: u32 = 2;
const TABLES: u32 = 8;

/// Bytes that a slot keeps between instances, of memory and of tables.
const RESIDENT: usize = 1 << 20;

/// An engine with a pool of slots. Where the address space for one is missing (some
/// containers limit it), an engine that allocates on demand.
pub(super) fn engine(limits: &Limits) -> wasmtime::Result<Engine> {
    let mut config = config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits)));
    let engine = Engine::new(&config).or_else(|e| {
        tracing::warn!(error = format!("{e:#}"), "no room for a pool of instances: allocating on demand");
        config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
        Engine::new(&config)
    })?;
    tick(&engine)?;
    Ok(engine)
}

fn config() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true);
    config.epoch_interruption(true);
    // the ABI is synchronous; without the machinery for the other one a run costs less
    config.concurrency_support(false);
    config.wasm_backtrace_details(WasmBacktraceDetails::Enable);
    // an interpreter's calls take many frames each; only what was used is memory
    config.max_wasm_stack(2 << 20);
    config.async_stack_size(3 << 20);
    config.memory_reservation(MEMORY_RESERVATION as u64);
    config
}

fn pool(limits: &Limits) -> PoolingAllocationConfig {
    // a few beyond the runs' own: describing a new plugin must not wait for a slot
    let n = limits.slots.saturating_add(8);
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(n)
        // whatever a component is made of, every slot has room for it
        .total_memories(n.saturating_mul(MEMORIES))
        .total_tables(n.saturating_mul(TABLES))
        .total_core_instances(n.saturating_mul(CORE_INSTANCES))
        .total_stacks(n)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_component_instance_size(8 << 20)
        .max_core_instance_size(4 << 20)
        .table_elements(50_000)
        .max_memory_size(MEMORY_RESERVATION.max(limits.memory));
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        // The kernel tells which pages an instance wrote: those are wiped and stay. Giving
        // them back would cost page faults, and a flush on every core, for each instance.
        pool.pagemap_scan(Enabled::Yes).linear_memory_keep_resident(RESIDENT).table_keep_resident(RESIDENT);
    }
    pool
}

/// A thread that counts time for guests, until the engine is gone.
fn tick(engine: &Engine) -> wasmtime::Result<()> {
    let engine = engine.weak();
    let count = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            #[expect(clippy::disallowed_methods, reason = "this thread is the clock tick")]
            std::thread::sleep(TICK);
        }
    };
    std::thread::Builder::new().name("pawl-tick".into()).spawn(count)?;
    Ok(())
}
