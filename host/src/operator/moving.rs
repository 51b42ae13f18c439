//! A run goes on on other bytes: first its function is replayed there against what the run
//! has recorded. Where it comes to something else, the run stays where it is.

use super::{Operator, Refused};
use crate::clock;
use crate::intake::to_the_end;
use crate::runtime::{Ending, Grant, Input, KvCall, KvReply, Level, Plugin, Reply, Steps, Stop};
use crate::store::{Also, Claimed, RunRow, StoreError};
use async_trait::async_trait;
use pawl_engine::replay::{
    Answer, Counts, Cursor, Refused as NoAnswer, Replay, Rules, StepCall, World, move_to,
};
use pawl_engine::{
    DeploymentId, Entry, Event, EventId, Failure, FunctionId, Payload, Phase, Run, RunId, Timestamp,
};
use std::sync::{Arc, Mutex, PoisonError};

impl Operator {
    /// Lets a run go on on another deployment: the function's newest, when none is named.
    pub async fn move_run(&self, run: &RunId, to: Option<DeploymentId>) -> Result<RunRow, Refused> {
        let (this, run) = (self.clone(), run.clone());
        let work = async move {
            let row = this.store.run(&run).await?;
            let to = this.target(&row.function, to)?;
            this.check_no_app(&row.deployment).await?;
            this.check_no_app(&to).await?;
            let plugin = this.catalog.plugin(&to).await.map_err(|e| Refused::NoDeployment(e.to_string()))?;
            if row.index.status.is_final() {
                return Err(Refused::Ended);
            }
            // a wish that cannot be done must not break off what is under way
            this.try_out(Tried::of(this.events_of(&row).await?, &row), &plugin, &to).await?;
            let claimed = this.store.seize(&run).await?.ok_or(Refused::Ended)?;
            let tried = this.try_out(Tried::claimed(&claimed), &plugin, &to).await;
            let pair = (claimed.deployment.clone(), to.clone());
            let moved = tried.and_then(|()| {
                move_to(claimed.created_at, &claimed.journal, pair, clock::now()).ok_or(Refused::Ended)
            });
            match moved {
                Ok(moved) => {
                    let also = Also { deployment: Some(to), ..Also::default() };
                    this.commit(&claimed, moved, also).await?;
                    Ok(this.store.run(&run).await?)
                }
                Err(e) => {
                    this.store.release(&claimed.claim).await;
                    this.intake.wake();
                    Err(e)
                }
            }
        };
        to_the_end(work).await?
    }

    /// An app has no bytes that a run could be replayed on, and needs no move.
    async fn check_no_app(&self, deployment: &DeploymentId) -> Result<(), Refused> {
        let app = self.catalog.app_of(deployment).await.map_err(|e| Refused::NoDeployment(e.to_string()))?;
        app.map_or(Ok(()), |app| {
            let why = format!(
                "runs of app `{}` are not moved: each of their requests goes to the app as it is now",
                app.app
            );
            Err(Refused::Invalid(why))
        })
    }

    fn target(&self, function: &FunctionId, to: Option<DeploymentId>) -> Result<DeploymentId, Refused> {
        let snapshot = self.catalog.snapshot();
        let Some(to) = to else {
            let newest = snapshot.functions.get(function).map(|offer| offer.deployment.clone());
            return newest.ok_or_else(|| Refused::NoFunction(function.to_string()));
        };
        let is_it = |id: &DeploymentId| id.as_str().starts_with(to.as_str()) && to.as_str().len() >= 6;
        let mut found = snapshot.deployments.iter().filter(|d| is_it(&d.id));
        match (found.next(), found.next()) {
            (Some(one), None) if one.manifests.iter().any(|m| m.id == *function) => Ok(one.id.clone()),
            (Some(one), None) => {
                Err(Refused::NoDeployment(format!("deployment {} has no function `{function}`", one.id)))
            }
            (Some(_), Some(_)) => Err(Refused::NoDeployment(format!("several deployments begin with {to}"))),
            (None, _) => Err(Refused::NoDeployment(format!(
                "there is no deployment {to}: `GET /v1/deployments` lists them (six characters are enough)"
            ))),
        }
    }

    async fn events_of(&self, row: &RunRow) -> Result<Vec<Event>, Refused> {
        let ids = row.events();
        let mut events = Vec::with_capacity(ids.len());
        for id in ids {
            events.push(self.store.event(id.as_str()).await?);
        }
        Ok(events)
    }

    /// Replays what the run has recorded on the other bytes.
    async fn try_out(&self, tried: Tried<'_>, plugin: &Plugin, to: &DeploymentId) -> Result<(), Refused> {
        let diverges = |why: String| Refused::Diverges(to.to_string(), why);
        let run = Run::fold(tried.created_at, tried.journal).map_err(|e| diverges(e.to_string()))?;
        if run.steps.is_empty() {
            return Ok(());
        }
        let input = Input {
            function: tried.function.to_string(),
            run: tried.run.to_string(),
            attempt: run.tries,
            events: Arc::new(tried.events),
            now: run.started_at.unwrap_or(tried.created_at),
        };
        let trial = Trial::new(tried.run, run).map_err(|e| diverges(e.to_string()))?;
        let trial = Arc::new(Mutex::new(trial));
        let steps = Box::new(Trying(trial.clone()));
        let ending = self.runtime.pass(plugin, &input, Grant::default(), steps).await;
        let mut trial = trial.lock().unwrap_or_else(PoisonError::into_inner);
        match ending {
            Ending::Left(Stop::Diverged(failure) | Stop::Failed(failure)) => Err(diverges(failure.message)),
            Ending::Left(Stop::Parked) => Ok(()),
            Ending::Left(Stop::Unrecorded(why)) => Err(StoreError::Unavailable(why).into()),
            Ending::Left(stop @ Stop::Fenced) => Err(diverges(stop.to_string())),
            Ending::Broke(failure) => Err(diverges(format!("{}: {}", failure.name, failure.message))),
            Ending::Returned(result) => {
                let Trial { replay, cursor } = &mut *trial;
                match replay.end(cursor, result, clock::now()) {
                    Err(e @ (NoAnswer::Skipped(..) | NoAnswer::OtherKind(..))) => {
                        Err(diverges(e.to_string()))
                    }
                    Ok(_) | Err(_) => Ok(()),
                }
            }
        }
    }
}

/// A run that is tried out.
struct Tried<'a> {
    run: &'a RunId,
    function: &'a FunctionId,
    created_at: Timestamp,
    journal: &'a [Entry],
    events: Vec<Event>,
}

impl<'a> Tried<'a> {
    fn of(events: Vec<Event>, row: &'a RunRow) -> Self {
        let (run, function) = (&row.id, &row.function);
        Self { run, function, created_at: row.created_at, journal: &row.journal, events }
    }

    fn claimed(claimed: &'a Claimed) -> Self {
        Self {
            run: &claimed.claim.run,
            function: &claimed.function,
            created_at: claimed.created_at,
            journal: &claimed.journal,
            events: claimed.events.clone(),
        }
    }
}

/// A replay that only looks.
struct Trial {
    replay: Replay,
    cursor: Cursor,
}

impl Trial {
    fn new(id: &RunId, mut run: Run) -> Result<Self, NoAnswer> {
        if let Phase::Paused { .. } = run.phase {
            // looking changes nothing of that
            run.phase = Phase::Running;
        }
        let rules =
            // apps' runs, which count otherwise, are not moved
            Rules { retries: 0, retry_interval: None, step_timeout: pawl_engine::manifest::STEP_TIMEOUT, counts: Counts::All };
        let (replay, _) = Replay::begin(id.clone(), run, rules, &[], clock::now(), clock::now())?;
        Ok(Self { cursor: replay.cursor(), replay })
    }
}

struct Trying(Arc<Mutex<Trial>>);

/// What begins here is forgotten: its ids need not be any.
struct Nowhere;

impl World for Nowhere {
    fn run_id(&mut self, _: Timestamp) -> RunId {
        RunId::new("")
    }
    fn event_id(&mut self, _: Timestamp) -> EventId {
        EventId::new("")
    }
    fn knows(&self, _: &FunctionId) -> bool {
        true
    }
}

#[async_trait]
impl Steps for Trying {
    async fn ask(&mut self, calls: &[StepCall]) -> Result<Reply, Stop> {
        let mut trial = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Trial { replay, cursor } = &mut *trial;
        match replay.ask(cursor, calls, &mut Nowhere, clock::now()) {
            Err(e @ (NoAnswer::OtherKind(..) | NoAnswer::Skipped(..))) => Err(Stop::Diverged(e.to_failure())),
            Err(e) => Ok(Reply::Refused(e.to_failure())),
            // something new: up to here both come to the same
            Ok(asked) if !asked.entries.is_empty() => Err(Stop::Parked),
            Ok(asked) => match asked.answer {
                Answer::Recorded(place, result) => Ok(Reply::Recorded(place, result)),
                Answer::Work(_) | Answer::Wait(_) => Err(Stop::Parked),
            },
        }
    }

    async fn finish(&mut self, _: Result<Payload, Failure>) -> Result<Option<Failure>, Stop> {
        Err(Stop::Parked)
    }

    fn log(&mut self, _: Level, _: &str, _: &[(String, String)]) {}

    async fn kv(&mut self, _: KvCall) -> Result<KvReply, String> {
        Err("key-value belongs into a step".into())
    }
}
