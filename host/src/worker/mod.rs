//! The loop that carries runs forward: takes slots, claims runs, starts passes.
//!
//! A slot is taken before a run is claimed: where all slots are busy, runs wait in
//! the store and nothing fails. The loop never polls: it wakes when something was
//! stored, when a pass ended, and when the next run is due.

mod crew;
mod guests;
mod handle;
mod lines;
mod pass;
mod session;
#[cfg(test)]
mod sim;

pub use guests::{Address, Functions, Guest, Guests};

use crate::clock;
use crate::intake::Intake;
use crate::store::{Ask, Claim, Claimed, Store, URGENT_AT_ONCE};
use pawl_engine::{Mail, Span, Timestamp};
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

/// Requests that the host makes for steps, at once: enough to keep a network busy, and
/// far from the limit of open files.
const REQUESTS: usize = 512;

/// What the loop needs.
#[derive(Clone)]
pub struct Worker {
    store: Arc<dyn Store>,
    guests: Arc<dyn Guests>,
    intake: Intake,
    wake: Arc<Notify>,
    retry_interval: Option<Span>,
    /// Room for instances.
    slots: Arc<Semaphore>,
    /// Room for requests of steps.
    requests: Arc<Semaphore>,
}

impl Worker {
    /// A worker on these runs and functions, with so many instances at once. `wake` is told
    /// when something was stored or a pass ended; `retry_interval` is a fixed time between tries.
    pub fn new(
        store: Arc<dyn Store>,
        guests: Arc<dyn Guests>,
        intake: Intake,
        wake: Arc<Notify>,
        slots: usize,
        retry_interval: Option<Span>,
    ) -> Self {
        let (slots, requests) = (Arc::new(Semaphore::new(slots)), Arc::new(Semaphore::new(REQUESTS)));
        Self { store, guests, intake, wake, retry_interval, slots, requests }
    }

    /// Room for instances, for others who start some.
    pub fn slots(&self) -> Arc<Semaphore> {
        self.slots.clone()
    }

    /// Works until the end, then lets passes finish for a while.
    pub async fn run(self, end: CancellationToken) {
        let passes = TaskTracker::new();
        // ends passes whose time of grace is over
        let abort = CancellationToken::new();
        while !end.is_cancelled() {
            // slots, before anything is claimed; without one only runs that are to end
            let mut free = self.free_slots();
            let max = free.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            let now = clock::now();
            let claimed = match self.store.claim(Ask { now, max, rules: self.intake.rules() }).await {
                Ok(claimed) => claimed,
                Err(e) => {
                    tracing::error!(error = %e, "no runs can be claimed: trying again");
                    drop(free);
                    rest(STORE_REST, &end).await;
                    continue;
                }
            };
            let (mut taken, all) = (0, claimed.len());
            for run in claimed {
                let slot = match &mut free {
                    Some(free) if !is_to_end(&run) => free.split(1),
                    _ => None,
                };
                taken += usize::from(slot.is_some());
                let (worker, abort) = (self.clone(), abort.clone());
                passes.spawn(async move {
                    // dropped last, also when the pass breaks: the loop hears of it
                    let _ended = Ended { worker: worker.clone(), claim: run.claim.clone() };
                    worker.carry(run, now, slot, &abort).await;
                });
            }
            drop(free);
            let is_all = taken < max || max == 0;
            if is_all && all - taken < URGENT_AT_ONCE {
                self.wait(now, max == 0, &end).await;
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
    async fn carry(
        &self,
        run: Claimed,
        asked_at: Timestamp,
        slot: Option<OwnedSemaphorePermit>,
        abort: &CancellationToken,
    ) {
        let claim = run.claim.clone();
        tokio::select! {
            // in this order: not a line of a run's code after it was cancelled
            biased;
            () = claim.revoked.cancelled() => {}
            () = abort.cancelled() => {}
            () = pass::carry(self, run, asked_at, slot) => {}
        }
    }

    /// All slots that are free.
    fn free_slots(&self) -> Option<OwnedSemaphorePermit> {
        let free = u32::try_from(self.slots.available_permits()).unwrap_or(u32::MAX);
        let all = self.slots.clone().try_acquire_many_owned(free).ok().filter(|_| free > 0);
        // somebody was faster: what is left is looked at again when one comes free
        all.or_else(|| self.slots.clone().try_acquire_owned().ok())
    }

    /// Until there may be something to claim; with all slots taken, also until one is free.
    async fn wait(&self, now: Timestamp, is_full: bool, end: &CancellationToken) {
        let slot_free = async {
            match is_full {
                true => drop(self.slots.acquire().await),
                false => std::future::pending().await,
            }
        };
        let due = self.store.next_due(now).await.unwrap_or_else(|e| {
            tracing::error!(error = %e, "the next time is not known: looking again soon");
            Some(now + Span::from(STORE_REST))
        });
        let until_due = async {
            match due {
                Some(due) => tokio::time::sleep((due - clock::now()).to_std().min(LONGEST_REST)).await,
                // a write may have taken effect although its caller was told otherwise
                None => tokio::time::sleep(LONGEST_REST).await,
            }
        };
        tokio::select! {
            () = end.cancelled() => {}
            () = self.wake.notified() => {}
            () = slot_free => {}
            () = until_due => {}
        }
    }
}

/// The end of a pass, however it comes.
struct Ended {
    worker: Worker,
    claim: Claim,
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

/// Whether nothing of the run is executed any more.
fn is_to_end(run: &Claimed) -> bool {
    run.mail.iter().any(|mail| matches!(mail, Mail::Cancel { .. }))
}

async fn rest(time: Duration, end: &CancellationToken) {
    tokio::select! {
        () = end.cancelled() => {}
        () = tokio::time::sleep(time) => {}
    }
}
