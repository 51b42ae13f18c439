//! Events in: matched against the functions there are, stored with their runs, and
//! only then acknowledged. Also what operators do to runs.

use crate::catalog::{Catalog, Snapshot};
use crate::store::{Accept, Accepted, Commit, NewRun, RunRow, Store, StoreError, Then};
use crate::{clock, ids};
use pawl_engine::replay::cancel;
use pawl_engine::{Event, NewEvent, RunId, Timestamp, trigger};
use std::sync::Arc;
use tokio::sync::Notify;

/// The way in.
#[derive(Clone)]
pub struct Intake {
    store: Arc<dyn Store>,
    catalog: Arc<Catalog>,
    /// Tells the worker that there is something to do.
    wake: Arc<Notify>,
}

/// Why an operator's wish was not done.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The run is over.
    #[error("the run has ended already; `pawl runs rerun ID` starts another for the same event")]
    Ended,
    /// The function is not there any more.
    #[error("function `{0}` is not deployed any more")]
    NoFunction(String),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The event with the runs that it starts, on the newest deployment of each function.
fn plan(event: Event, snapshot: &Snapshot, now: Timestamp) -> Accept {
    let started = snapshot.functions.values().filter(|offer| trigger::starts(&offer.manifest, &event.name));
    let run = |offer: &crate::catalog::Offer| NewRun {
        id: ids::run(now),
        function: offer.manifest.id.clone(),
        deployment: offer.deployment.clone(),
        // an event of the future starts its runs then
        created_at: now.max(event.at),
    };
    let runs = started.map(run).collect();
    Accept { event, runs }
}

/// Does the work to its end, also when who asked for it has gone: what begins with a
/// commit must not stop between that and what follows from it.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(work).await.map_err(|e| StoreError::Unavailable(format!("the work broke: {e}")))
}

impl Intake {
    /// A way into this store.
    pub fn new(store: Arc<dyn Store>, catalog: Arc<Catalog>, wake: Arc<Notify>) -> Self {
        Self { store, catalog, wake }
    }

    /// Accepts events, all or none; durable when it returns.
    pub async fn accept(&self, events: Vec<NewEvent>) -> Result<Vec<Accepted>, StoreError> {
        let this = self.clone();
        to_the_end(async move { this.accept_now(events).await }).await?
    }

    /// Ends a run. An attempt that is under way is dropped, and writes nothing more.
    pub async fn cancel(&self, run: &RunId, reason: &'static str) -> Result<RunRow, Refused> {
        let (this, run) = (self.clone(), run.clone());
        to_the_end(async move { this.cancel_now(&run, reason).await }).await?
    }

    /// Another run of the same event, on the function's newest deployment.
    pub async fn rerun(&self, run: &RunId) -> Result<RunRow, Refused> {
        let (this, run) = (self.clone(), run.clone());
        to_the_end(async move { this.rerun_now(&run).await }).await?
    }

    async fn accept_now(&self, events: Vec<NewEvent>) -> Result<Vec<Accepted>, StoreError> {
        let now = clock::now();
        let snapshot = self.catalog.snapshot();
        let accepts =
            events.into_iter().map(|e| plan(e.accept(ids::event(now), now), &snapshot, now)).collect();
        let accepted = self.store.accept(accepts).await?;
        self.wake.notify_one();
        Ok(accepted)
    }

    async fn cancel_now(&self, run: &RunId, reason: &str) -> Result<RunRow, Refused> {
        let claimed = self.store.seize(run).await?.ok_or(Refused::Ended)?;
        let done = async {
            let (entry, index) =
                cancel(claimed.created_at, &claimed.journal, reason, clock::now()).ok_or(Refused::Ended)?;
            let expect = u32::try_from(claimed.journal.len()).unwrap_or(u32::MAX);
            let commit = Commit { expect, entries: vec![entry], then: Then::Release(index) };
            self.store.commit(&claimed.claim, commit).await?;
            Ok(self.store.run(run).await?)
        };
        let done = done.await;
        if done.is_err() {
            self.store.release(&claimed.claim).await;
        }
        self.wake.notify_one();
        done
    }

    async fn rerun_now(&self, run: &RunId) -> Result<RunRow, Refused> {
        let old = self.store.run(run).await?;
        let snapshot = self.catalog.snapshot();
        let offer = snapshot
            .functions
            .get(&old.function)
            .ok_or_else(|| Refused::NoFunction(old.function.to_string()))?;
        let now = clock::now();
        let new = NewRun {
            id: ids::run(now),
            function: old.function.clone(),
            deployment: offer.deployment.clone(),
            created_at: now,
        };
        let id = new.id.clone();
        self.store.start(&old.event, new).await?;
        self.wake.notify_one();
        Ok(self.store.run(&id).await?)
    }
}
