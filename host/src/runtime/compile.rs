//! From bytes to code: a component of what is none yet, compiled once and then taken from
//! the cache.

use super::LoadError;
use anyhow::Context;
use memchr::memmem;
use pawl_engine::DeploymentId;
use std::borrow::Cow;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use wasi_preview1_component_adapter_provider as adapter;
use wasmtime::component::Component;
use wasmtime::{Engine, Module};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The contract, for modules that do not say themselves what they are made for.
const CONTRACT: [&str; 2] =
    [include_str!("../../../wit/deps/keyvalue/store.wit"), include_str!("../../../wit/workflow.wit")];

/// How much later than others the compiler's threads come (`nice`): an interpreter's first
/// compilation takes many seconds on every core, and runs must not feel it.
const NICE: i32 = 15;

/// Compiles, on threads of its own.
pub(super) struct Compiler {
    engine: Engine,
    threads: Option<rayon::ThreadPool>,
    cache: Option<PathBuf>,
}

impl Compiler {
    /// An error when others can write into `cache`, and that cannot be changed.
    pub(super) fn new(engine: Engine, cache: Option<PathBuf>) -> Result<Self, LoadError> {
        if let Some(folder) = &cache {
            make_own(folder).map_err(|e| LoadError::Cache(format!("{e:#}")))?;
        }
        let threads = rayon::ThreadPoolBuilder::new()
            .thread_name(|n| format!("pawl-compile-{n}"))
            .start_handler(|_| be_nice())
            .build()
            .inspect_err(|e| tracing::warn!(error = %e, "no threads for compiling alone"))
            .ok();
        Ok(Self { engine, threads, cache })
    }

    /// The compiled code of these bytes. May take long; blocks.
    pub(super) fn compile(&self, id: &DeploymentId, bytes: &[u8]) -> Result<Component, LoadError> {
        let kept =
            self.cache.as_ref().map(|folder| folder.join(format!("{id}-{}.cwasm", self.engine_hash())));
        if let Some(component) = kept.as_deref().and_then(|path| self.cached(path)) {
            return Ok(component);
        }
        let begun = crate::clock::instant();
        let compile = || {
            let bytes = componentize(&self.engine, bytes)?;
            Component::new(&self.engine, &bytes)
                .map_err(|e| LoadError::NoComponent(format!("{:#}", e.root_cause())))
        };
        let component = match &self.threads {
            Some(threads) => threads.install(compile)?,
            None => compile()?,
        };
        tracing::debug!(deployment = %id, bytes = bytes.len(), took = ?begun.elapsed(), "compiled");
        if let Some(path) = kept
            && let Err(e) = keep(&path, &component)
        {
            tracing::warn!(
                error = format!("{e:#}"),
                "compiled code could not be kept: it is compiled again next time"
            );
        }
        Ok(component)
    }

    fn cached(&self, path: &Path) -> Option<Component> {
        if !path.exists() {
            return None;
        }
        #[expect(
            unsafe_code,
            reason = "the folder is the host's own, and the file's name holds the engine's hash"
        )]
        // SAFETY: the file was written by `keep` from a component that this engine compiled
        let loaded = unsafe { Component::deserialize_file(&self.engine, path) };
        loaded.inspect_err(|e| tracing::warn!(error = format!("{e:#}"), "kept code is not usable")).ok()
    }

    fn engine_hash(&self) -> String {
        let mut hasher = std::hash::DefaultHasher::new();
        self.engine.precompile_compatibility_hash().hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }
}

/// Makes the folder of the compiled code, where others must not write: what lies there is
/// executed.
fn make_own(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    let shown = folder.display();
    let fault = || format!("the folder of the compiled code {shown} cannot be made (--cache names another)");
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(fault)?;
    let mode = std::fs::metadata(folder).with_context(fault)?.permissions().mode();
    if mode & 0o022 == 0 {
        return Ok(());
    }
    std::fs::set_permissions(folder, PermissionsExt::from_mode(mode & !0o022)).with_context(|| {
        format!(
            "others on this machine can write into the folder of the compiled code, and what lies there \
             is executed: chmod go-w {shown}"
        )
    })
}

/// Only where it is a thread's own matter; elsewhere it would be the whole process's.
fn be_nice() {
    #[cfg(target_os = "linux")]
    if let Err(e) = rustix::process::nice(NICE) {
        tracing::debug!(error = %e, "compiles as everybody else");
    }
}

/// A component as it is; a core module as the component that it describes, or as a plugin
/// when it only uses the contract's names. One that speaks WASI preview 1 is adapted.
fn componentize<'a>(engine: &Engine, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, LoadError> {
    let bad = LoadError::NoComponent;
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', 0x0d, 0, 1, 0]) => Ok(bytes.into()),
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => {
            // what follows trusts it
            Module::validate(engine, bytes).map_err(|e| bad(format!("{e:#}")))?;
            encode(bytes).map(Into::into)
        }
        _ => Err(bad("the file does not begin as WebAssembly does".into())),
    }
}

fn encode(module: &[u8]) -> Result<Vec<u8>, LoadError> {
    let has = |name: &str| memmem::find(module, name.as_bytes()).is_some();
    let mut described = Cow::Borrowed(module);
    if !has("component-type") {
        if !has("pawl:workflow/functions@") {
            return Err(LoadError::NoComponent(
                "a core module that does not say which world it is for \
                 (was it built with the SDK, or with bindings made from wit/? is the file whole?)"
                    .into(),
            ));
        }
        describe(described.to_mut()).map_err(|e| LoadError::NoComponent(format!("{e:#}")))?;
    }
    let encoded = || {
        let mut encoder = ComponentEncoder::default().module(&described)?.validate(true);
        if has(adapter::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME) {
            encoder = encoder.adapter(
                adapter::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                adapter::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
            )?;
        }
        encoder.encode()
    };
    encoded().map_err(|e| LoadError::NoComponent(format!("{e:#}")))
}

/// Adds to a module that it is for the `plugin` world.
fn describe(module: &mut Vec<u8>) -> anyhow::Result<()> {
    let mut resolve = Resolve::default();
    let mut package = None;
    for text in CONTRACT {
        package = Some(resolve.push_str("contract.wit", text)?);
    }
    let packages: Vec<_> = package.into_iter().collect();
    let world = resolve.select_world(&packages, Some("plugin"))?;
    embed_component_metadata(module, &resolve, world, StringEncoding::UTF8)
}

/// Written beside, made durable and renamed: what bears the name is whole, also after a
/// power cut. Two that keep the same component at once do not meet.
fn keep(path: &Path, component: &Component) -> wasmtime::Result<()> {
    static PARTS: AtomicU64 = AtomicU64::new(0);
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let n = PARTS.fetch_add(1, Ordering::Relaxed);
    let part = path.with_extension(format!("part-{}-{n}", std::process::id()));
    let mut file = File::create(&part)?;
    file.write_all(&component.serialize()?)?;
    file.sync_all()?;
    std::fs::rename(&part, path)?;
    Ok(())
}

/// What a future gives that waits for nothing: the epoch's yields come back at once.
pub(super) fn wait_for<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut cx) {
            return value;
        }
    }
}
