//! From bytes to a plugin that can be run: compile, check, and let it describe itself.

use super::compile::{Compiler, wait_for};
use super::describe::draft;
use super::engine::{Limits, engine};
use super::guest::{Guest, Own, pass, store};
use super::{Ending, Grant, Input, KvCall, KvReply, Level, Reply, Steps, Stop, outbound, wasi};
use async_trait::async_trait;
use pawl_bindings::pawl::workflow::http::Response;
use pawl_bindings::{Plugin as Bindings, PluginPre};
use pawl_engine::manifest::BadManifest;
use pawl_engine::replay::{Fetch, StepCall};
use pawl_engine::trace::TraceParent;
use pawl_engine::{DeploymentId, Failure, Manifest, Payload, Span};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use wasmtime::Engine;
use wasmtime::component::{Component, HasSelf, Linker};

/// Everything that a component may import.
const OFFERED: [&str; 7] = [
    "pawl:workflow/types@0.2.0",
    "pawl:workflow/step@0.2.0",
    "pawl:workflow/log@0.2.0",
    "pawl:workflow/http@0.2.0",
    "pawl:workflow/settings@0.2.0",
    "pawl:workflow/system@0.2.0",
    "wasi:keyvalue/store@0.2.0-draft",
];

fn is_offered(import: &str) -> bool {
    let is_wasi =
        wasi::PACKAGES.iter().any(|package| import.starts_with(package)) && import.contains("@0.2.");
    is_wasi || OFFERED.contains(&import)
}

/// What a component has to export.
const WANTED: &str = "pawl:workflow/functions@0.2.0";

/// Processor time in which a plugin has to describe itself: it keeps other
/// deployments waiting.
const DESCRIBE: Duration = Duration::from_secs(5);

/// A plugin that can be run.
pub struct Plugin {
    /// Its deployment.
    pub id: DeploymentId,
    /// Its functions.
    pub manifests: Vec<Manifest>,
    pub(super) pre: PluginPre<Guest>,
}

/// What `check` tells of a component.
#[derive(Debug)]
pub struct Inspection {
    /// The digest of the bytes as given.
    pub id: DeploymentId,
    /// How many bytes.
    pub size: usize,
    /// Its functions.
    pub manifests: Vec<Manifest>,
    /// What it imports.
    pub imports: Vec<String>,
}

/// Why bytes are no plugin. Each with a sentence that names what to change.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Not WebAssembly, or broken.
    #[error("this is no WebAssembly component: {0}")]
    NoComponent(String),
    /// It imports what the host does not give.
    #[error("it imports `{0}`, which is not granted: a plugin may import {offered}, and of WASI 0.2 {wasi}", offered = OFFERED.join(", "), wasi = wasi::PACKAGES.map(|p| p.trim_end_matches('/')).join(", "))]
    Import(String),
    /// It exports no functions.
    #[error("it exports no functions: a plugin exports `{WANTED}`{0}")]
    NoFunctions(&'static str),
    /// It repeats a function's id.
    #[error("it describes function `{0}` twice")]
    Repeated(String),
    /// A description is wrong.
    #[error(transparent)]
    Manifest(#[from] BadManifest),
    /// It broke while it described itself.
    #[error("it broke while it described itself: {0}")]
    Describe(String),
    /// The folder of the compiled code cannot be used.
    #[error("{0}")]
    Cache(String),
    /// The host could not do its part.
    #[error("it cannot be compiled: {0}")]
    Compile(String),
}

impl LoadError {
    /// The reason in one word, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoComponent(_) => "not_a_component",
            Self::Import(_) => "import_not_granted",
            Self::NoFunctions(_) => "no_functions",
            Self::Repeated(_) => "function_repeated",
            Self::Manifest(_) => "invalid_manifest",
            Self::Describe(_) => "describe_failed",
            Self::Cache(_) => "cache_unusable",
            Self::Compile(_) => "compile_failed",
        }
    }
}

/// The digest by which bytes are known.
pub fn digest(bytes: &[u8]) -> DeploymentId {
    DeploymentId::new(hex::encode(Sha256::digest(bytes)))
}

/// The process's sandbox.
pub struct Runtime {
    engine: Engine,
    compiler: Compiler,
    linker: Linker<Guest>,
    client: reqwest::Client,
    limits: Limits,
    /// Instances that there are now.
    live: AtomicUsize,
}

/// One more instance, until it is dropped.
struct Live<'a>(&'a AtomicUsize);

impl<'a> Live<'a> {
    fn one_more(live: &'a AtomicUsize) -> Self {
        live.fetch_add(1, Ordering::Relaxed);
        Self(live)
    }
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Runtime {
    /// A sandbox with these limits; compiled code is kept in `cache`. The folder must
    /// be the host's own: what lies there is executed.
    pub fn new(limits: Limits, cache: Option<&Path>) -> Result<Self, LoadError> {
        let fault = |e: wasmtime::Error| LoadError::Compile(format!("{e:#}"));
        let engine = engine(&limits).map_err(fault)?;
        let mut linker = Linker::new(&engine);
        Bindings::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest).map_err(fault)?;
        wasi::add_to_linker(&mut linker).map_err(fault)?;
        let client = outbound::client().map_err(|e| LoadError::Compile(e.to_string()))?;
        let compiler = Compiler::new(engine.clone(), cache.map(Path::to_owned))?;
        Ok(Self { engine, compiler, linker, client, limits, live: AtomicUsize::new(0) })
    }

    /// How many instances live now.
    pub fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// How many instances may live at once.
    pub fn slots(&self) -> usize {
        self.limits.slots as usize
    }

    /// A plugin from its bytes. May take seconds; blocks.
    pub fn load(&self, bytes: &[u8]) -> Result<Plugin, LoadError> {
        self.load_with_imports(bytes).map(|(plugin, _)| plugin)
    }

    /// A plugin whose functions are known, without asking it again.
    pub fn load_known(&self, bytes: &[u8], manifests: Vec<Manifest>) -> Result<Plugin, LoadError> {
        let id = digest(bytes);
        let pre = self.prepare(&self.compiler.compile(&id, bytes)?)?;
        Ok(Plugin { id, manifests, pre })
    }

    /// What the bytes hold and want.
    pub fn inspect(&self, bytes: &[u8]) -> Result<Inspection, LoadError> {
        let (plugin, imports) = self.load_with_imports(bytes)?;
        Ok(Inspection { id: plugin.id, size: bytes.len(), manifests: plugin.manifests, imports })
    }

    fn load_with_imports(&self, bytes: &[u8]) -> Result<(Plugin, Vec<String>), LoadError> {
        let id = digest(bytes);
        let component = self.compiler.compile(&id, bytes)?;
        let pre = self.prepare(&component)?;
        let manifests = self.describe(&pre)?;
        Ok((Plugin { id, manifests, pre }, self.imports(&component)))
    }

    /// Makes a step's request; its answer, whatever the status, is the step's output.
    pub async fn fetch(
        &self,
        grant: &Grant,
        fetch: &Fetch,
        timeout: Span,
        trace: TraceParent,
    ) -> Result<Payload, Failure> {
        super::fetch::output(&fetch.url, self.answer(grant, fetch, timeout, trace).await?)
    }

    /// The same, for somebody who makes something else of the answer.
    pub async fn answer(
        &self,
        grant: &Grant,
        fetch: &Fetch,
        timeout: Span,
        trace: TraceParent,
    ) -> Result<Response, Failure> {
        let until = crate::clock::instant() + timeout.to_std();
        super::fetch::fetch(&self.client, grant, fetch, trace, until).await
    }

    /// One pass of a run, in an instance of its own.
    pub async fn pass(&self, plugin: &Plugin, input: &Input, grant: Grant, steps: Box<dyn Steps>) -> Ending {
        let _live = Live::one_more(&self.live);
        let guest = Guest::new(steps, grant, self.client.clone(), self.limits, Own::of(input));
        pass(&self.engine, plugin, guest, input).await
    }

    fn imports(&self, component: &Component) -> Vec<String> {
        component.component_type().imports(&self.engine).map(|(name, _)| name.to_owned()).collect()
    }

    fn prepare(&self, component: &Component) -> Result<PluginPre<Guest>, LoadError> {
        if let Some(import) = self.imports(component).into_iter().find(|i| !is_offered(i)) {
            return Err(LoadError::Import(import));
        }
        let ty = component.component_type();
        if !ty.exports(&self.engine).any(|(name, _)| name == WANTED) {
            return Err(LoadError::NoFunctions(""));
        }
        let pre = self.linker.instantiate_pre(component);
        pre.and_then(PluginPre::new).map_err(|e| LoadError::NoComponent(format!("{e:#}")))
    }

    fn describe(&self, pre: &PluginPre<Guest>) -> Result<Vec<Manifest>, LoadError> {
        let limits = Limits { cpu: self.limits.cpu.min(DESCRIBE), ..self.limits };
        let guest =
            Guest::new(Box::new(Nothing), Grant::default(), self.client.clone(), limits, Own::nobodys());
        let mut store = store(&self.engine, guest);
        let describe = async {
            let instance = pre.instantiate_async(&mut store).await?;
            instance.pawl_workflow_functions().call_describe(&mut store).await
        };
        // nothing here waits for anything: a describing plugin gets no answers
        let described = wait_for(describe).map_err(|e| {
            let trap = e.root_cause().to_string();
            LoadError::Describe(
                store.data_mut().last_sentence().map_or(trap.clone(), |s| format!("{s} ({trap})")),
            )
        })?;
        if described.is_empty() {
            return Err(LoadError::NoFunctions(", and describes at least one"));
        }
        let mut ids = BTreeSet::new();
        let app = described[0].app.clone().unwrap_or_else(|| described[0].id.clone());
        described
            .into_iter()
            .map(|config| {
                let manifest = draft(config, &app).parse()?;
                let id = manifest.id.to_string();
                if ids.insert(id.clone()) { Ok(manifest) } else { Err(LoadError::Repeated(id)) }
            })
            .collect()
    }
}

/// For a plugin that describes itself: no steps, no log.
struct Nothing;

#[async_trait]
impl Steps for Nothing {
    async fn ask(&mut self, _: &[StepCall]) -> Result<Reply, Stop> {
        Ok(Reply::Refused(Failure::new("Describing", "steps belong into `handle`").for_good()))
    }
    async fn finish(&mut self, _: Result<Payload, Failure>) -> Result<Option<Failure>, Stop> {
        Ok(None)
    }
    fn log(&mut self, _: Level, _: &str, _: &[(String, String)]) {}
    async fn kv(&mut self, _: KvCall) -> Result<KvReply, String> {
        Err("key-value belongs into a step".into())
    }
}
