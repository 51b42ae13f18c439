//! What a worker runs: functions by deployment. The sandbox has the real ones.

use crate::catalog::{Catalog, DeployError};
use crate::runtime::{Ending, Grant, Input, Plugin, Runtime, Steps, Stop};
use crate::store::StoreError;
use async_trait::async_trait;
use pawl_engine::replay::Fetch;
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
    /// One pass of a run, in an instance of its own.
    async fn pass(&self, input: &Input, steps: Box<dyn Steps>) -> Ending;
    /// Makes a request for it, as part of this trace.
    async fn fetch(&self, fetch: &Fetch, timeout: Span, trace: TraceParent) -> Result<Payload, Failure>;
}

/// The sandbox.
pub struct Sandbox {
    /// Where functions run.
    pub runtime: Arc<Runtime>,
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
impl Guests for Sandbox {
    async fn guest(
        &self,
        deployment: &DeploymentId,
        function: &FunctionId,
    ) -> Result<Result<Arc<dyn Guest>, Failure>, Stop> {
        let unavailable = |why: String| Failure::new("DeploymentUnavailable", why);
        let plugin = match self.catalog.plugin(deployment).await {
            Ok(plugin) => plugin,
            Err(DeployError::Store(e @ StoreError::Unavailable(_))) => {
                return Err(Stop::Unrecorded(e.to_string()));
            }
            Err(e) => return Ok(Err(unavailable(e.to_string()))),
        };
        let Some(manifest) = plugin.manifests.iter().find(|m| m.id == *function).cloned() else {
            return Ok(Err(unavailable(format!("its deployment has no function `{function}`"))));
        };
        let grant = self.catalog.grant(&manifest);
        Ok(Ok(Arc::new(Sandboxed { runtime: self.runtime.clone(), plugin, manifest, grant })))
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

/// In place of a function that cannot be run: it fails, and may be tried again.
pub(super) struct NoGuest(pub(super) Failure);

#[async_trait]
impl Guest for NoGuest {
    fn manifest(&self) -> Option<&Manifest> {
        None
    }

    async fn pass(&self, _: &Input, _: Box<dyn Steps>) -> Ending {
        Ending::Broke(self.0.clone())
    }

    async fn fetch(&self, _: &Fetch, _: Span, _: TraceParent) -> Result<Payload, Failure> {
        Err(self.0.clone())
    }
}
