//! Apps among the deployments: what they register is kept beside components, and read back.

use super::{Catalog, DeployError, Deployed, READY, locked};
use crate::clock;
use crate::inngest::app::{self, Registration};
use crate::runtime::digest;
use crate::store::{Deploy, StoreError};
use pawl_engine::DeploymentId;
use std::sync::Arc;

impl Catalog {
    /// Makes this what an app offers; what it registered before and does not any more is
    /// withdrawn. The same registration again changes nothing.
    pub async fn register_app(self: &Arc<Self>, app: Registration) -> Result<Deployed, DeployError> {
        let this = self.clone();
        // to its end, also when the app has gone: stored and not offered is neither
        let register = async move { this.register(app).await };
        tokio::spawn(register)
            .await
            .map_err(|e| StoreError::Unavailable(format!("the registration broke: {e}")))?
    }

    async fn register(&self, app: Registration) -> Result<Deployed, DeployError> {
        let _one = self.deploying.acquire().await;
        let (bytes, source) = (app.artifact(), app.source());
        let id = digest(&bytes);
        if self.snapshot().sources.iter().any(|s| s.name == source && s.deployment == id) {
            let functions = app.functions.iter().map(|m| m.id.clone()).collect();
            self.forgive(&source);
            return Ok(Deployed { id, functions, is_new: false });
        }
        let manifests = app.functions.clone();
        let deploy = Deploy { id: id.clone(), bytes, manifests, source, at: clock::now() };
        self.offer(deploy, &[], || self.remember(id, Some(Arc::new(app)))).await
    }

    /// The app that these bytes are of, if they are one's. A call always goes to where the
    /// app is now: its URL and its SDK are those of its newest registration.
    pub async fn app_of(&self, id: &DeploymentId) -> Result<Option<Arc<Registration>>, DeployError> {
        let Some(app) = self.registration(id).await? else { return Ok(None) };
        let source = app.source();
        let current = self.snapshot().sources.iter().find(|s| s.name == source).map(|s| s.deployment.clone());
        let Some(current) = current.filter(|current| current != id) else { return Ok(Some(app)) };
        let newest = self.registration(&current).await?;
        Ok(Some(newest.map_or_else(|| app.clone(), |newest| Arc::new(at_its_newest(&app, &newest)))))
    }

    async fn registration(&self, id: &DeploymentId) -> Result<Option<Arc<Registration>>, DeployError> {
        if let Some(known) = locked(&self.apps).get(id) {
            return Ok(known.clone());
        }
        if self.ready(id).is_some() {
            return Ok(None);
        }
        let bytes = self.store.artifact(id).await?;
        let app = app::parse_artifact(&bytes).map(Arc::new);
        self.remember(id.clone(), app.clone());
        Ok(app)
    }

    fn remember(&self, id: DeploymentId, app: Option<Arc<Registration>>) {
        let snapshot = self.snapshot();
        let mut apps = locked(&self.apps);
        if apps.len() >= READY {
            apps.retain(|id, _| snapshot.sources.iter().any(|s| s.deployment == *id));
        }
        apps.insert(id, app);
    }
}

/// An older registration of an app that is somewhere else by now.
fn at_its_newest(app: &Registration, newest: &Registration) -> Registration {
    Registration {
        url: newest.url.clone(),
        sdk: newest.sdk.clone(),
        framework: newest.framework.clone(),
        ..app.clone()
    }
}
