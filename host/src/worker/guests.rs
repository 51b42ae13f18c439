//! What a worker runs: functions by deployment. The sandbox has the real ones.

use crate::catalog::{Catalog, DeployError};
use crate::clock;
use crate::inngest::app::{self, Registration};
use crate::inngest::infer;
use crate::remote::{self, Client, Remote};
use crate::runtime::{Ending, Grant, Input, Plugin, Runtime, Steps, Stop};
use crate::store::StoreError;
use async_trait::async_trait;
use pawl_engine::replay::{Counts, Fetch};
use pawl_engine::trace::TraceParent;
use pawl_engine::{DeploymentId, Failure, FunctionId, Manifest, Payload, Span};
use std::sync::Arc;

/// Where functions come from.
#[async_trait]
pub trait Guests: Send + Sync {
    /// The function of this deployment, or what is wrong with it. A store in trouble is
    /// not the run's failure.
    async fn guest(
        &self,
        deployment: &DeploymentId,
        function: &FunctionId,
    ) -> Result<Result<Arc<dyn Guest>, Failure>, Stop>;
}

/// A function that can be run.
#[async_trait]
pub trait Guest: Send + Sync {
    /// What it says of itself.
    fn manifest(&self) -> Option<&Manifest>;
    /// Whether it names steps by their whole keys; see [`pawl_engine::replay::Cursor::keyed`].
    fn is_keyed(&self) -> bool {
        false
    }
    /// Which of its failures outside of steps count against its retries.
    fn counts(&self) -> Counts {
        Counts::All
    }
    /// One pass of a run, in an instance of its own.
    async fn pass(&self, input: &Input, steps: Box<dyn Steps>) -> Ending;
    /// Makes a request for it, as part of this trace.
    async fn fetch(&self, fetch: &Fetch, timeout: Span, trace: TraceParent) -> Result<Payload, Failure>;
}

/// Where an app may be called; `None` where its operator does not name it any more.
pub type Address = Arc<dyn Fn(&Registration) -> Option<String> + Send + Sync>;

/// The functions of the catalog: in the sandbox, or at their app's.
pub struct Functions {
    /// Where components run.
    pub runtime: Arc<Runtime>,
    /// Calls apps.
    pub client: Client,
    /// Where an app may be called now.
    pub address: Address,
    /// What there is.
    pub catalog: Arc<Catalog>,
}

struct Sandboxed {
    runtime: Arc<Runtime>,
    plugin: Arc<Plugin>,
    manifest: Manifest,
    grant: Grant,
}

#[async_trait]
impl Guests for Functions {
    async fn guest(
        &self,
        deployment: &DeploymentId,
        function: &FunctionId,
    ) -> Result<Result<Arc<dyn Guest>, Failure>, Stop> {
        let unavailable = |why: String| Failure::new("DeploymentUnavailable", why);
        let failed = |e: DeployError| match e {
            DeployError::Store(e @ StoreError::Unavailable(_)) => Err(Stop::Unrecorded(e.to_string())),
            e => Ok(Err(unavailable(e.to_string()))),
        };
        let unknown = || unavailable(format!("its deployment has no function `{function}`"));
        match self.catalog.app_of(deployment).await {
            Ok(Some(app)) => {
                let Some(url) = (self.address)(&app) else {
                    let why = format!(
                        "the app `{}` is not named by the operator any more: list it under [[app]] of pawl.toml \
                         again, or cancel the run",
                        app.app
                    );
                    return Ok(Err(unavailable(why)));
                };
                Ok(self.there(&app, &url, function).ok_or_else(unknown))
            }
            Ok(None) => match self.catalog.plugin(deployment).await {
                Ok(plugin) => Ok(self.here(plugin, function).ok_or_else(unknown)),
                Err(e) => failed(e),
            },
            Err(e) => failed(e),
        }
    }
}

impl Functions {
    fn here(&self, plugin: Arc<Plugin>, function: &FunctionId) -> Option<Arc<dyn Guest>> {
        let manifest = plugin.manifests.iter().find(|m| m.id == *function)?.clone();
        let grant = self.catalog.grant(&manifest);
        Some(Arc::new(Sandboxed { runtime: self.runtime.clone(), plugin, manifest, grant }))
    }

    /// A function by its id, or by its app's name and its id.
    fn find(&self) -> remote::Find {
        let catalog = self.catalog.clone();
        Arc::new(move |wanted| {
            let snapshot = catalog.snapshot();
            if snapshot.functions.contains_key(&wanted) {
                return wanted;
            }
            let is_it = |m: &&Manifest| {
                let rest =
                    wanted.as_str().strip_prefix(m.app.as_str()).and_then(|rest| rest.strip_prefix('-'));
                rest == Some(m.id.as_str())
            };
            let found = snapshot.functions.values().map(|offer| &offer.manifest).find(is_it);
            found.map_or(wanted.clone(), |m| m.id.clone())
        })
    }

    fn there(&self, app: &Registration, url: &str, function: &FunctionId) -> Option<Arc<dyn Guest>> {
        let manifest = app.functions.iter().find(|m| m.id == *function)?.clone();
        let remote = Remote {
            client: self.client.clone(),
            url: app::url_of(url, function),
            function: function.clone(),
            max_attempts: manifest.retries + 1,
            find: self.find(),
        };
        Some(Arc::new(Elsewhere { runtime: self.runtime.clone(), remote, manifest }))
    }
}

#[async_trait]
impl Guest for Sandboxed {
    fn manifest(&self) -> Option<&Manifest> {
        Some(&self.manifest)
    }

    async fn pass(&self, input: &Input, steps: Box<dyn Steps>) -> Ending {
        self.runtime.pass(&self.plugin, input, self.grant.clone(), steps).await
    }

    async fn fetch(&self, fetch: &Fetch, timeout: Span, trace: TraceParent) -> Result<Payload, Failure> {
        self.runtime.fetch(&self.grant, fetch, timeout, trace).await
    }
}

/// A function of an app.
struct Elsewhere {
    runtime: Arc<Runtime>,
    remote: Remote,
    manifest: Manifest,
}

#[async_trait]
impl Guest for Elsewhere {
    fn manifest(&self) -> Option<&Manifest> {
        Some(&self.manifest)
    }

    fn is_keyed(&self) -> bool {
        true
    }

    fn counts(&self) -> Counts {
        Counts::SinceProgress
    }

    async fn pass(&self, input: &Input, steps: Box<dyn Steps>) -> Ending {
        remote::pass(&self.remote, input, steps).await
    }

    async fn fetch(&self, fetch: &Fetch, timeout: Span, trace: TraceParent) -> Result<Payload, Failure> {
        let grant = Grant::of_app(fetch);
        if fetch.infer.is_none() {
            return self.runtime.fetch(&grant, fetch, timeout, trace).await;
        }
        let answer = self.runtime.answer(&grant, fetch, timeout, trace).await?;
        infer::result(answer.status, &answer.headers, answer.body, clock::now())
    }
}

/// In place of a function that cannot be run: it fails, and may be tried again.
pub(super) struct NoGuest(pub(super) Failure);

#[async_trait]
impl Guest for NoGuest {
    fn manifest(&self) -> Option<&Manifest> {
        None
    }

    // of which kind it would be is not known, and what went wrong long ago is not its fault
    fn counts(&self) -> Counts {
        Counts::SinceProgress
    }

    async fn pass(&self, _: &Input, _: Box<dyn Steps>) -> Ending {
        Ending::Broke(self.0.clone())
    }

    async fn fetch(&self, _: &Fetch, _: Span, _: TraceParent) -> Result<Payload, Failure> {
        Err(self.0.clone())
    }
}
