//! Those who send events to a world, and tell it what to do.

use super::guests::event;
use super::world::{BEGINNING, World};
use crate::clock;
use crate::intake::Intake;
use crate::store::{Also, Claimed, Commit, RunFilter, Store, StoreError, Then};
use pawl_engine::replay::{self, Reworked};
use pawl_engine::{Entry, FunctionId, RunId, Status, Timestamp};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// What somebody outside does.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    /// Sends an event with this number and key; again, until it is told that it was taken.
    Send(&'static str, u64, String),
    /// Stops a function, or lets it go on.
    Pause(&'static str),
    /// See [`Deed::Pause`].
    Resume(&'static str),
    /// Stops one of the runs that there are.
    PauseRun(u64),
    /// Cancels one of them.
    CancelRun(u64),
    /// Cancels all of a function's.
    CancelAll(&'static str),
    /// Lets all go on that is stopped.
    ResumeAll,
}

/// Somebody who does something at its time, and again until it has worked.
pub(super) struct Outside {
    pub(super) world: Arc<World>,
    pub(super) store: Arc<dyn Store>,
    pub(super) intake: Intake,
}

impl Outside {
    /// Does it at its time.
    pub(super) async fn does(self, place: usize, at: u64, deed: Deed) {
        let at = Timestamp::from_millis(BEGINNING + at as i64);
        tokio::time::sleep((at - clock::now()).to_std()).await;
        loop {
            let others = self.world.plan.deeds.len() - 1;
            let is_time = !matches!(deed, Deed::ResumeAll) || self.world.done().len() == others;
            match if is_time {
                self.try_it(place, &deed).await
            } else {
                Err(StoreError::Unavailable(String::new()))
            } {
                Ok(()) | Err(StoreError::Fenced) => break,
                Err(StoreError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(e) => break self.world.wrong(format!("{deed:?}: {e}")),
            }
        }
        self.world.still_lives().await;
        self.world.done().insert(place);
        self.world.progress.notify_one();
    }

    async fn try_it(&self, place: usize, deed: &Deed) -> Result<(), StoreError> {
        let now = clock::now();
        match deed {
            Deed::Send(name, n, key) => {
                let data = json!({"n": n, "k": key});
                let event = event(name, data, Some(format!("deed {place}")));
                self.intake.accept(vec![event]).await.map(drop)
            }
            Deed::Pause(function) => self.store.pause(&FunctionId::new(*function), now).await.map(drop),
            Deed::Resume(function) => {
                self.store.resume(&FunctionId::new(*function)).await?;
                self.intake.wake();
                Ok(())
            }
            Deed::PauseRun(n) => self.one(*n, replay::pause).await,
            Deed::CancelRun(n) => match self.world.runs().await {
                runs if runs.is_empty() => Ok(()),
                runs => self.cancel(&runs[*n as usize % runs.len()].0).await,
            },
            Deed::CancelAll(function) => {
                let filter = RunFilter {
                    function: Some(FunctionId::new(*function)),
                    limit: 1_000,
                    ..RunFilter::default()
                };
                for run in self.store.runs(filter).await? {
                    self.cancel(&run.id).await?;
                }
                Ok(())
            }
            Deed::ResumeAll => {
                for (function, _) in self.store.paused().await? {
                    self.store.resume(&function).await?;
                }
                // also for those of which it was said that they could not be resumed
                self.intake.wake();
                for (run, status) in self.world.runs().await {
                    if status == Status::Paused {
                        self.rework(&run, replay::resume).await?;
                    }
                }
                Ok(())
            }
        }
    }

    async fn one(&self, n: u64, make: Reworks) -> Result<(), StoreError> {
        let runs = self.world.runs().await;
        if runs.is_empty() {
            return Ok(());
        }
        self.rework(&runs[n as usize % runs.len()].0, make).await
    }

    /// As `Operator` does it.
    async fn rework(&self, run: &RunId, make: Reworks) -> Result<(), StoreError> {
        let Some(claimed) = self.store.seize(run).await? else { return Ok(()) };
        let Some(Reworked { entry, index }) = make(claimed.created_at, &claimed.journal, clock::now()) else {
            self.store.release(&claimed.claim).await;
            self.intake.wake();
            return Ok(());
        };
        let expect = claimed.journal.len() as u32;
        let commit =
            Commit { expect, entries: vec![entry], then: Then::Release(index), also: Also::default() };
        let done = self.store.commit(&claimed.claim, commit).await;
        self.settle(&claimed, done).await
    }

    async fn cancel(&self, run: &RunId) -> Result<(), StoreError> {
        let Some(claimed) = self.store.seize(run).await? else { return Ok(()) };
        let done = self.intake.end_claimed(&claimed, "by hand").await;
        self.settle(&claimed, done).await
    }

    async fn settle(&self, claimed: &Claimed, done: Result<(), StoreError>) -> Result<(), StoreError> {
        if done.is_err() {
            self.store.release(&claimed.claim).await;
        }
        self.intake.wake();
        done
    }
}

type Reworks = fn(Timestamp, &[Entry], Timestamp) -> Option<Reworked>;
