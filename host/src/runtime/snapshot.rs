//! A plugin of an interpreter and a program: the program is evaluated once, here, and what
//! the interpreter's memory holds then is where every instance begins.

use super::compile::wait_for;
use wasmtime::{
    Config, Engine, Instance, Linker, Memory, Module, OptLevel, Store, StoreLimits, StoreLimitsBuilder, Val,
};
use wasmtime_wizer::{InstanceState, SnapshotVal, ValType, Wizer};

/// The interpreter's export that makes room for a program: bytes in, address out.
const PROGRAM: &str = "pawl_program";

/// Its export that evaluates the program.
const INITIALIZE: &str = "wizer.initialize";

/// Its export that tells what went wrong: the address of a text that a zero byte ends, or 0.
const ERROR: &str = "pawl_error";

/// Instructions that a program's own beginning may take: some seconds.
const FUEL: u64 = 20_000_000_000;

/// Memory that it may take, in bytes.
const MEMORY: usize = 256 << 20;

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The program threw before it came to its functions; with its stack.
    #[error("the program ended with an error before it came to its functions: {0}")]
    Program(String),
    /// It asked the host for something, took too long or too much.
    #[error(
        "the program could not be evaluated when it was built: {0} \
         (outside of functions there is no host: no steps, no requests, no settings)"
    )]
    Evaluation(String),
    /// The interpreter is not one for this.
    #[error("the interpreter cannot be used: {0}")]
    Interpreter(String),
}

/// Makes a core module that a host loads, of an interpreter and a program's text. Blocks
/// for about a second.
pub fn snapshot(interpreter: &[u8], program: &str) -> Result<Vec<u8>, SnapshotError> {
    let unusable = |e: wasmtime::Error| SnapshotError::Interpreter(format!("{e:#}"));
    let mut config = Config::new();
    // most of it runs but once
    config.consume_fuel(true).cranelift_opt_level(OptLevel::None);
    let engine = Engine::new(&config).map_err(unusable)?;
    let mut wizer = Wizer::new();
    wizer.init_func(INITIALIZE);
    let (context, instrumented) = wizer.instrument(interpreter).map_err(unusable)?;
    let module = Module::new(&engine, &instrumented).map_err(unusable)?;
    let mut store = Store::new(&engine, StoreLimitsBuilder::new().memory_size(MEMORY).build());
    store.limiter(|limits| limits);
    store.set_fuel(FUEL).map_err(unusable)?;
    let mut linker = Linker::new(&engine);
    linker.define_unknown_imports_as_traps(&module).map_err(unusable)?;
    let instance = linker.instantiate(&mut store, &module).map_err(unusable)?;
    let mut evaluation = Evaluation { store, instance };
    evaluation.run(program)?;
    wait_for(wizer.snapshot(&context, &mut evaluation)).map_err(unusable)
}

/// An interpreter at work on a program.
struct Evaluation {
    store: Store<StoreLimits>,
    instance: Instance,
}

impl Evaluation {
    fn run(&mut self, program: &str) -> Result<(), SnapshotError> {
        let unusable = |e: wasmtime::Error| SnapshotError::Interpreter(format!("{e:#}"));
        if let Some(begin) = self.instance.get_func(&mut self.store, "_initialize") {
            begin.call(&mut self.store, &[], &mut []).map_err(unusable)?;
        }
        let length = i32::try_from(program.len())
            .map_err(|_| SnapshotError::Evaluation("it has more than 2 GB".into()))?;
        let at = self.call::<i32, i32>(PROGRAM, length).map_err(unusable)?;
        let memory = self.memory();
        memory
            .write(
                &mut self.store,
                usize::try_from(at.cast_unsigned()).unwrap_or(usize::MAX),
                program.as_bytes(),
            )
            .map_err(|e| SnapshotError::Interpreter(e.to_string()))?;
        let evaluated = self.call::<(), ()>(INITIALIZE, ());
        // what the program says of itself tells more than where it stopped
        if let Ok(Some(error)) = self.error() {
            return Err(SnapshotError::Program(error));
        }
        evaluated.map_err(|e| SnapshotError::Evaluation(e.root_cause().to_string()))
    }

    fn call<P: wasmtime::WasmParams, R: wasmtime::WasmResults>(
        &mut self,
        name: &str,
        parameters: P,
    ) -> wasmtime::Result<R> {
        let function = self.instance.get_typed_func::<P, R>(&mut self.store, name)?;
        function.call(&mut self.store, parameters)
    }

    fn error(&mut self) -> wasmtime::Result<Option<String>> {
        let at = self.call::<(), i32>(ERROR, ())?;
        let at = usize::try_from(at.cast_unsigned()).unwrap_or(usize::MAX);
        let text = self.memory().data(&self.store).get(at..).unwrap_or_default();
        let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok((at != 0).then(|| String::from_utf8_lossy(text).into_owned()))
    }

    #[expect(clippy::expect_used, reason = "the instrumented module exports every memory")]
    fn memory(&mut self) -> Memory {
        self.instance.get_memory(&mut self.store, "memory").expect("a memory")
    }
}

impl InstanceState for Evaluation {
    async fn global_get(&mut self, name: &str, _: ValType) -> SnapshotVal {
        let global = self.instance.get_global(&mut self.store, name);
        match global.map(|global| global.get(&mut self.store)) {
            Some(Val::I32(value)) => SnapshotVal::I32(value),
            Some(Val::I64(value)) => SnapshotVal::I64(value),
            Some(Val::F32(bits)) => SnapshotVal::F32(bits),
            Some(Val::F64(bits)) => SnapshotVal::F64(bits),
            Some(Val::V128(value)) => SnapshotVal::V128(value.as_u128()),
            other => unreachable!("the instrumented module has no such global: {name} {other:?}"),
        }
    }

    async fn memory_contents(&mut self, name: &str, contents: impl FnOnce(&[u8]) + Send) {
        if let Some(memory) = self.instance.get_memory(&mut self.store, name) {
            contents(memory.data(&self.store));
        }
    }
}
