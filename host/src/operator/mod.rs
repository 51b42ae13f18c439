//! What operators do to runs: cancel, pause, resume, rerun, move to other bytes; one, or
//! all that are like it.

mod many;
mod moving;

pub use many::{Done, Which};

use crate::catalog::Catalog;
use crate::clock;
use crate::intake::{Intake, new_run, terms, to_the_end};
use crate::runtime::Runtime;
use crate::store::{Also, Claimed, Commit, RunRow, Store, StoreError, Then};
use pawl_engine::replay::{Reworked, outcomes_before, pause, resume};
use pawl_engine::{Entry, Event, FunctionId, RunId, StepKey, Timestamp};
use std::sync::Arc;

/// The operator's hands.
#[derive(Clone)]
pub struct Operator {
    /// Where runs are.
    pub store: Arc<dyn Store>,
    /// What there is to run.
    pub catalog: Arc<Catalog>,
    /// Where it is tried out.
    pub runtime: Arc<Runtime>,
    /// The way in for what follows.
    pub intake: Intake,
}

/// Why an operator's wish was not done.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The run is over.
    #[error("the run has ended already; `pawl runs rerun ID` starts another for the same event")]
    Ended,
    /// The run is paused already, or not at all.
    #[error("the run is {0}")]
    Already(&'static str),
    /// The function is not there any more.
    #[error("function `{0}` is not deployed any more")]
    NoFunction(String),
    /// The run has no such step.
    #[error("the run has no step `{0}`: `pawl runs show ID` lists its steps")]
    NoStep(String),
    /// There is no such deployment, or it has no such function.
    #[error("{0}")]
    NoDeployment(String),
    /// The run's function comes to something else on the other bytes.
    #[error("the run cannot go on on deployment {0}: {1}")]
    Diverges(String, String),
    /// What is asked for makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Operator {
    /// Ends a run. An attempt that is under way is dropped, and writes nothing more.
    pub async fn cancel(&self, run: &RunId, reason: &str) -> Result<RunRow, Refused> {
        let (this, run, reason) = (self.clone(), run.clone(), reason.to_owned());
        let work = async move {
            let claimed = this.store.seize(&run).await?.ok_or(Refused::Ended)?;
            match this.intake.end_claimed(&claimed, &reason).await {
                Err(e) => Err(this.give_back(&claimed, e).await),
                Ok(()) => Ok(this.store.run(&run).await?),
            }
        };
        to_the_end(work).await?
    }

    /// Stops a run until it is resumed. An attempt that is under way is dropped, and begins
    /// anew then.
    pub async fn pause(&self, run: &RunId) -> Result<RunRow, Refused> {
        self.rework(run, "paused already", |created_at, journal| pause(created_at, journal, clock::now()))
            .await
    }

    /// Lets a paused run go on.
    pub async fn resume(&self, run: &RunId) -> Result<RunRow, Refused> {
        self.rework(run, "not paused", |created_at, journal| resume(created_at, journal, clock::now())).await
    }

    /// No run of the function is begun or taken up again until it is resumed; events go on
    /// making runs. `false`: it was paused before.
    pub async fn pause_function(&self, function: &FunctionId) -> Result<bool, Refused> {
        if !self.intake.knows(function) {
            return Err(Refused::NoFunction(function.to_string()));
        }
        Ok(self.store.pause(function, clock::now()).await?)
    }

    /// Runs of the function go on. `false`: it was not paused.
    pub async fn resume_function(&self, function: &FunctionId) -> Result<bool, Refused> {
        let resumed = self.store.resume(function).await?;
        self.intake.wake();
        Ok(resumed)
    }

    /// Another run of the same events, on the function's newest deployment. With a step: what
    /// had settled before that is kept.
    pub async fn rerun(&self, run: &RunId, from: Option<StepKey>) -> Result<RunRow, Refused> {
        let (this, run) = (self.clone(), run.clone());
        to_the_end(async move { this.rerun_now(&run, from).await }).await?
    }

    async fn rerun_now(&self, run: &RunId, from: Option<StepKey>) -> Result<RunRow, Refused> {
        let old = self.store.run(run).await?;
        let journal = match &from {
            None => Vec::new(),
            Some(step) => outcomes_before(old.created_at, &old.journal, step)
                .ok_or_else(|| Refused::NoStep(step.to_string()))?,
        };
        let snapshot = self.catalog.snapshot();
        let gone = || Refused::NoFunction(old.function.to_string());
        let offer = snapshot.functions.get(&old.function).ok_or_else(gone)?;
        let events = old.events();
        let first: Event = self.store.event(events[0].as_str()).await?;
        let now = clock::now();
        let mut new = new_run(offer, terms(offer, &first).again(), now, now);
        new.journal = journal;
        let id = new.id.clone();
        self.store.start(&events, new).await?;
        self.intake.wake();
        Ok(self.store.run(&id).await?)
    }

    async fn rework(
        &self,
        run: &RunId,
        already: &'static str,
        make: impl Fn(Timestamp, &[Entry]) -> Option<Reworked> + Send + 'static,
    ) -> Result<RunRow, Refused> {
        let (this, run) = (self.clone(), run.clone());
        let work = async move {
            // a wish that cannot be done must not break off what is under way
            let row = this.store.run(&run).await?;
            if row.index.status.is_final() {
                return Err(Refused::Ended);
            }
            if make(row.created_at, &row.journal).is_none() {
                return Err(Refused::Already(already));
            }
            let claimed = this.store.seize(&run).await?.ok_or(Refused::Ended)?;
            let Some(reworked) = make(claimed.created_at, &claimed.journal) else {
                this.store.release(&claimed.claim).await;
                this.intake.wake();
                return Err(Refused::Already(already));
            };
            this.commit(&claimed, reworked, Also::default()).await?;
            Ok(this.store.run(&run).await?)
        };
        to_the_end(work).await?
    }

    async fn commit(&self, claimed: &Claimed, reworked: Reworked, also: Also) -> Result<(), Refused> {
        let expect = u32::try_from(claimed.journal.len()).unwrap_or(u32::MAX);
        let Reworked { entry, index } = reworked;
        let commit = Commit { expect, entries: vec![entry], then: Then::Release(index), also };
        match self.store.commit(&claimed.claim, commit).await {
            Err(e) => Err(self.give_back(claimed, e).await),
            Ok(()) => {
                self.intake.wake();
                Ok(())
            }
        }
    }

    async fn give_back(&self, claimed: &Claimed, e: StoreError) -> Refused {
        self.store.release(&claimed.claim).await;
        self.intake.wake();
        e.into()
    }
}
