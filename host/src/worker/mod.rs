//! The loop that carries runs forward: takes slots, claims runs, starts passes.
//!
//! A slot is taken before a run is claimed: where all slots are busy, runs wait in
//! the store and nothing fails. The loop never polls: it wakes when something was
//! stored, when a pass ended, and when the next run is due.

mod pass;
mod session;

use crate::catalog::Catalog;
use crate::clock;
use crate::runtime::Runtime;
use crate::store::{Ask, Claim, Claimed, Store};
use pawl_engine::{Span, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long the loop rests when the store takes nothing.
const STORE_REST: Duration = Duration::from_millis(500);

/// How long the loop rests at most: the wall clock may jump, and the machine sleep,
/// while a timer counts its own time.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// How long a shutdown waits for passes. What is not done by then is done by the
/// next start: at-least-once is the promise for a step's code anyway.
const GRACE: Duration = Duration::from_secs(10);

/// What the loop needs.
#[derive(Clone)]
pub struct Worker {
    /// Where runs are.
    pub store: Arc<dyn Store>,
    /// Where they execute.
    pub runtime: Arc<Runtime>,
    /// What they execute.
    pub catalog: Arc<Catalog>,
    /// Told when something was stored or a pass ended.
    pub wake: Arc<Notify>,
    /// A fixed time between tries.
    pub retry_interval: Option<Span>,
}

impl Worker {
    /// Works until the end, then lets passes finish for a while.
    pub async fn run(self, end: CancellationToken) {
        let slots = Arc::new(Semaphore::new(self.runtime.slots()));
        let passes = TaskTracker::new();
        // ends passes whose time of grace is over
        let abort = CancellationToken::new();
        while !end.is_cancelled() {
            // at least one slot, before anything is claimed
            let permit = tokio::select! {
                () = end.cancelled() => break,
                permit = slots.clone().acquire_owned() => permit,
            };
            drop(permit);
            let max = slots.available_permits();
            let now = clock::now();
            let claimed = match self
                .store
                .claim(Ask { now, max, limits: self.catalog.snapshot().limits.clone() })
                .await
            {
                Ok(claimed) => claimed,
                Err(e) => {
                    tracing::error!(error = %e, "no runs can be claimed: trying again");
                    rest(STORE_REST, &end).await;
                    continue;
                }
            };
            let is_all = claimed.len() < max;
            for run in claimed {
                // this loop is the only one that takes slots, and it counted them
                let permit = slots.clone().try_acquire_owned().ok();
                let (worker, abort) = (self.clone(), abort.clone());
                passes.spawn(async move {
                    // dropped last, also when the pass breaks: the loop hears of it
                    let _ended = Ended { worker: worker.clone(), claim: run.claim.clone(), _permit: permit };
                    worker.carry(run, &abort).await;
                });
            }
            if is_all {
                self.wait(now, &end).await;
            }
        }
        passes.close();
        if tokio::time::timeout(GRACE, passes.wait()).await.is_err() {
            tracing::warn!(passes = passes.len(), "passes are cut off; their runs go on at the next start");
            abort.cancel();
            passes.wait().await;
        }
    }

    /// Carries one run as far as it goes, unless it is taken away.
    async fn carry(&self, run: Claimed, abort: &CancellationToken) {
        let claim = run.claim.clone();
        tokio::select! {
            // in this order: not a line of a run's code after it was cancelled
            biased;
            () = claim.revoked.cancelled() => {}
            () = abort.cancelled() => {}
            () = pass::carry(self, run) => {}
        }
    }

    /// Until there may be something to claim.
    async fn wait(&self, now: Timestamp, end: &CancellationToken) {
        let due = self.store.next_due(now).await.unwrap_or_else(|e| {
            tracing::error!(error = %e, "the next time is not known: looking again soon");
            Some(now + Span::from(STORE_REST))
        });
        let until_due = async {
            match due {
                Some(due) => tokio::time::sleep((due - clock::now()).to_std().min(LONGEST_REST)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = end.cancelled() => {}
            () = self.wake.notified() => {}
            () = until_due => {}
        }
    }
}

/// The end of a pass, however it comes.
struct Ended {
    worker: Worker,
    claim: Claim,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // a fault of ours: the run must not stay claimed for ever
            tracing::error!(run = %self.claim.run, "a pass broke; its run is taken up again");
            let (worker, claim) = (self.worker.clone(), self.claim.clone());
            tokio::spawn(async move { pass::again_later(&worker, &claim).await });
        }
        self.worker.wake.notify_one();
    }
}

async fn rest(time: Duration, end: &CancellationToken) {
    tokio::select! {
        () = end.cancelled() => {}
        () = tokio::time::sleep(time) => {}
    }
}
