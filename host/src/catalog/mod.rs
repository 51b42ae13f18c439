//! The functions that there are: which deployment offers which, as a snapshot that
//! is read without a lock and swapped as a whole.

mod apps;
pub mod watch;

use crate::config::Grants;
use crate::inngest::app::{self, BadRegistration, Registration};
use crate::runtime::{Grant, LoadError, Plugin, Runtime, digest};
use crate::store::{Deploy, Deployment, Source, Store, StoreError};
use crate::{clock, store};
use arc_swap::ArcSwap;
use pawl_engine::flow::{self, Rules};
use pawl_engine::{DeploymentId, FunctionId, Manifest};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, Semaphore};

/// Plugins kept ready. Beyond it those that are not offered any more are dropped,
/// and come back from the compiled cache when an old run needs them.
const READY: usize = 256;

/// The functions at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// By id.
    pub functions: BTreeMap<FunctionId, Offer>,
    /// The rules of gates; also of functions that are not offered any more and have runs
    /// to finish.
    pub rules: Arc<Rules>,
    /// All deployments, newest first.
    pub deployments: Vec<Deployment>,
    /// What each source offers.
    pub sources: Vec<Source>,
    /// What could not be loaded, by source.
    pub problems: BTreeMap<String, Problem>,
}

/// A function that can be started.
#[derive(Debug, Clone)]
pub struct Offer {
    /// What it says of itself.
    pub manifest: Manifest,
    /// On which bytes new runs of it go.
    pub deployment: DeploymentId,
    /// Where those came from.
    pub source: String,
    /// What it wished for in vain.
    pub refused: Vec<String>,
}

/// Why a source offers nothing new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The reason in one word.
    pub code: &'static str,
    /// A sentence.
    pub message: String,
}

/// Why a deployment was refused.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The bytes are no plugin.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// An app describes its functions wrongly.
    #[error(transparent)]
    Registration(#[from] BadRegistration),
    /// Another source offers one of its functions.
    #[error("function `{0}` is offered by {1} already: rename one of them, or remove the other")]
    Taken(FunctionId, String),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DeployError {
    /// The reason in one word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Load(e) => e.code(),
            Self::Registration(_) => "invalid_registration",
            Self::Taken(..) => "function_repeated",
            Self::Store(_) => "store_unavailable",
        }
    }
}

/// What a deployment offers.
#[derive(Debug, Clone)]
pub struct Deployed {
    /// Its id.
    pub id: DeploymentId,
    /// Its functions; a component has at least one.
    pub functions: Vec<FunctionId>,
    /// Whether its source offered something else before.
    pub is_new: bool,
}

/// The keeper of functions and of their plugins.
pub struct Catalog {
    store: Arc<dyn Store>,
    runtime: Arc<Runtime>,
    grants: Grants,
    snapshot: ArcSwap<Snapshot>,
    // short lookups only; loading happens outside of it
    plugins: Mutex<HashMap<DeploymentId, Arc<Plugin>>>,
    /// Deployments that were looked at: those of apps, and those that are none.
    apps: Mutex<HashMap<DeploymentId, Option<Arc<Registration>>>>,
    /// One deployment at a time: two must not both find an id free.
    deploying: Semaphore,
    /// Plugins that are being brought back: many runs may want the same one at once, and
    /// none waits for another's compilation.
    loading: Mutex<HashMap<DeploymentId, Arc<Semaphore>>>,
    /// What there was at the start has been told; from then on each deployment is.
    is_told: AtomicBool,
    /// Told when the functions have changed.
    changed: Notify,
}

impl Catalog {
    /// What the store has deployed.
    pub async fn open(
        store: Arc<dyn Store>,
        runtime: Arc<Runtime>,
        grants: Grants,
    ) -> Result<Arc<Self>, StoreError> {
        let catalog = Arc::new(Self {
            store,
            runtime,
            grants,
            snapshot: ArcSwap::default(),
            plugins: Mutex::default(),
            apps: Mutex::default(),
            deploying: Semaphore::new(1),
            loading: Mutex::default(),
            is_told: AtomicBool::new(false),
            changed: Notify::new(),
        });
        catalog.refresh().await?;
        Ok(catalog)
    }

    /// The functions now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Plugins that are ready to run.
    pub fn compiled(&self) -> usize {
        locked(&self.plugins).len()
    }

    /// Comes back when the functions have changed since it was called.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What this function may reach.
    pub fn grant(&self, manifest: &Manifest) -> Grant {
        self.grants.of(manifest).0
    }

    /// Makes these bytes what a file offers. Its functions may not be another file's,
    /// unless that one is gone.
    pub async fn deploy_file(
        &self,
        bytes: Vec<u8>,
        source: &str,
        gone: &[String],
    ) -> Result<Deployed, DeployError> {
        self.deploy(bytes, |_| source.to_owned(), gone).await
    }

    /// Makes these bytes what an upload offers; it takes functions over from anybody,
    /// until a newer deployment does.
    pub async fn upload(self: Arc<Self>, bytes: Vec<u8>) -> Result<Deployed, DeployError> {
        // to its end, also when the uploader has gone: stored and not offered is neither
        let upload = async move {
            // the next upload of the same component is known by the same name
            self.deploy(bytes, |plugin| format!("upload:{}", plugin.manifests[0].id), &[]).await
        };
        tokio::spawn(upload).await.map_err(|e| StoreError::Unavailable(format!("the upload broke: {e}")))?
    }

    async fn deploy(
        &self,
        bytes: Vec<u8>,
        source: impl FnOnce(&Plugin) -> String,
        gone: &[String],
    ) -> Result<Deployed, DeployError> {
        let runtime = self.runtime.clone();
        let (plugin, bytes) = blocking(move || runtime.load(&bytes).map(|p| (p, bytes))).await??;
        let _one = self.deploying.acquire().await;
        let source = source(&plugin);
        let deploy = Deploy {
            id: plugin.id.clone(),
            bytes,
            manifests: plugin.manifests.clone(),
            source,
            at: clock::now(),
        };
        self.offer(deploy, gone, || self.keep(Arc::new(plugin))).await
    }

    /// Makes this what its source offers. For the one who deploys; `keep` is called once it is stored.
    async fn offer(
        &self,
        deploy: Deploy,
        gone: &[String],
        keep: impl FnOnce(),
    ) -> Result<Deployed, DeployError> {
        let functions: Vec<_> = deploy.manifests.iter().map(|m| m.id.clone()).collect();
        let source = deploy.source.clone();
        self.check_free(&functions, &source, gone)?;
        let is_new = !self.snapshot().sources.iter().any(|s| s.name == source && s.deployment == deploy.id);
        let deployed = Deployed { id: deploy.id.clone(), functions, is_new };
        self.store.deploy(deploy).await?;
        keep();
        self.forgive(&source);
        self.refresh().await?;
        let functions = deployed.functions.iter().map(FunctionId::as_str).collect::<Vec<_>>().join(", ");
        tracing::info!(source, deployment = %deployed.id, functions, "deployed");
        if self.is_told.load(Ordering::Relaxed) {
            self.tell_grants_of(&deployed.functions);
        }
        Ok(deployed)
    }

    /// The source offers nothing any more; its runs go on.
    pub async fn withdraw(&self, source: &str) -> Result<(), StoreError> {
        let _one = self.deploying.acquire().await;
        self.store.withdraw(source).await?;
        self.forgive(source);
        self.refresh().await?;
        tracing::info!(source, "withdrawn: its functions start no new runs");
        Ok(())
    }

    /// Remembers why a source could not be deployed; what it offered before stays.
    pub fn report(&self, source: &str, error: &DeployError) {
        let problem = Problem { code: error.code(), message: error.to_string() };
        if self.snapshot().problems.get(source) == Some(&problem) {
            return;
        }
        tracing::error!(source, code = problem.code, "not deployed: {}", problem.message);
        self.change_problems(|problems| drop(problems.insert(source.to_owned(), problem.clone())));
    }

    /// A plugin by its deployment, ready to run.
    pub async fn plugin(&self, id: &DeploymentId) -> Result<Arc<Plugin>, DeployError> {
        if let Some(plugin) = self.ready(id) {
            return Ok(plugin);
        }
        let one =
            locked(&self.loading).entry(id.clone()).or_insert_with(|| Arc::new(Semaphore::new(1))).clone();
        let _one = one.acquire().await;
        if let Some(plugin) = self.ready(id) {
            return Ok(plugin);
        }
        let loaded = self.bring_back(id).await;
        locked(&self.loading).remove(id);
        loaded
    }

    async fn bring_back(&self, id: &DeploymentId) -> Result<Arc<Plugin>, DeployError> {
        let bytes = self.store.artifact(id).await?;
        if app::is_artifact(&bytes) {
            let why = "these bytes are the registration of an app, which executes its functions itself";
            return Err(LoadError::NoComponent(why.into()).into());
        }
        let known = self.snapshot().deployments.iter().find(|d| d.id == *id).map(|d| d.manifests.clone());
        let runtime = self.runtime.clone();
        let load = move || match known {
            Some(manifests) => runtime.load_known(&bytes, manifests),
            None => runtime.load(&bytes),
        };
        let plugin = Arc::new(blocking(load).await??);
        self.keep(plugin.clone());
        Ok(plugin)
    }

    /// Whether these bytes are what the source offers already.
    pub fn offers(&self, source: &str, bytes: &[u8]) -> bool {
        let id = digest(bytes);
        self.snapshot().sources.iter().any(|s| s.name == source && s.deployment == id)
    }

    fn check_free(&self, functions: &[FunctionId], source: &str, gone: &[String]) -> Result<(), DeployError> {
        let snapshot = self.snapshot();
        // an upload takes functions over
        let stays = |name: &str| name.starts_with("file:") || name.starts_with("app:");
        let taken = functions.iter().find_map(|id| {
            let offer = snapshot.functions.get(id)?;
            let is_other = offer.source != source && !gone.contains(&offer.source);
            let clashes = is_other && stays(&offer.source) && stays(source);
            clashes.then(|| (id.clone(), offer.source.clone()))
        });
        taken.map_or(Ok(()), |(id, by)| Err(DeployError::Taken(id, by)))
    }

    async fn refresh(&self) -> Result<(), StoreError> {
        let (deployments, sources) = self.store.deployments().await?;
        let by_id: HashMap<_, _> = deployments.iter().map(|d| (&d.id, d)).collect();
        let mut functions = BTreeMap::new();
        // in the order of their time: the newest word on a function holds
        for source in &sources {
            for manifest in by_id.get(&source.deployment).iter().flat_map(|d| &d.manifests) {
                let offer = Offer {
                    manifest: manifest.clone(),
                    deployment: source.deployment.clone(),
                    source: source.name.clone(),
                    refused: self.grants.of(manifest).1,
                };
                functions.insert(manifest.id.clone(), offer);
            }
        }
        let rules = Arc::new(rules(&deployments, &functions));
        self.snapshot.rcu(|old| {
            Arc::new(Snapshot {
                functions: functions.clone(),
                rules: rules.clone(),
                deployments: deployments.clone(),
                sources: sources.clone(),
                problems: old.problems.clone(),
            })
        });
        self.changed.notify_one();
        Ok(())
    }

    fn forgive(&self, source: &str) {
        self.change_problems(|problems| drop(problems.remove(source)));
    }

    fn change_problems(&self, change: impl Fn(&mut BTreeMap<String, Problem>)) {
        self.snapshot.rcu(|old| {
            let mut problems = old.problems.clone();
            change(&mut problems);
            Arc::new(Snapshot {
                functions: old.functions.clone(),
                rules: old.rules.clone(),
                deployments: old.deployments.clone(),
                sources: old.sources.clone(),
                problems,
            })
        });
    }

    /// Says of every function what it may reach.
    pub fn tell_grants(&self) {
        self.is_told.store(true, Ordering::Relaxed);
        let functions: Vec<_> = self.snapshot().functions.keys().cloned().collect();
        self.tell_grants_of(&functions);
    }

    fn tell_grants_of(&self, functions: &[FunctionId]) {
        let snapshot = self.snapshot();
        for offer in functions.iter().filter_map(|id| snapshot.functions.get(id)) {
            let (grant, refused) = self.grants.of(&offer.manifest);
            let function = &offer.manifest.id;
            let granted = grant.names();
            if !granted.is_empty() || !grant.unset.is_empty() {
                let (granted, unset) = (granted.join(", "), grant.unset.join(", "));
                tracing::info!(%function, granted, unset, "may reach what is granted");
            }
            if !refused.is_empty() {
                let refused = refused.join(", ");
                tracing::warn!(%function, refused, "wishes what [grants] in pawl.toml does not give");
            }
        }
    }

    fn ready(&self, id: &DeploymentId) -> Option<Arc<Plugin>> {
        locked(&self.plugins).get(id).cloned()
    }

    fn keep(&self, plugin: Arc<Plugin>) {
        let snapshot = self.snapshot();
        let mut plugins = locked(&self.plugins);
        if plugins.len() >= READY {
            plugins.retain(|id, _| snapshot.sources.iter().any(|s| s.deployment == *id));
        }
        plugins.insert(plugin.id.clone(), plugin);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Each function's rules: as it is offered, else as its newest deployment has it.
fn rules(deployments: &[Deployment], functions: &BTreeMap<FunctionId, Offer>) -> Rules {
    let oldest_first = deployments.iter().rev().flat_map(|d| &d.manifests);
    let offered = functions.values().map(|offer| &offer.manifest);
    let newest: BTreeMap<_, _> = oldest_first.chain(offered).map(|m| (&m.id, m)).collect();
    newest.into_iter().map(|(id, m)| (id.clone(), flow::rules(m))).filter(|(_, r)| !r.is_empty()).collect()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| store::StoreError::Unavailable(format!("a compiler thread broke: {e}")))
}
