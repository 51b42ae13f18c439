//! One claimed run, carried until it is over, parks, or is lost.

use super::Worker;
use super::session::{Handle, Session};
use crate::catalog::DeployError;
use crate::clock;
use crate::runtime::{Ending, Input, Plugin, Stop};
use crate::store::{Claim, Claimed, Commit, StoreError, Then};
use pawl_engine::replay::{self, Replay, Rules};
use pawl_engine::{Failure, Manifest, Phase, Run};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Whether the run needs another instance.
enum Next {
    Done,
    Again(Box<Run>),
}

/// Carries the run. Whatever could not be recorded is done again later.
pub(super) async fn carry(worker: &Worker, claimed: Claimed) {
    let stop = match Run::fold(claimed.created_at, &claimed.journal) {
        // cancelled between its claim and its loading: somebody else has ended it
        Ok(run) if matches!(run.phase, Phase::Finished(_)) => Stop::Fenced,
        Ok(run) => passes(worker, &claimed, run).await,
        Err(e) => Stop::Failed(Failure::new("UnreadableJournal", e.to_string())),
    };
    let run = &claimed.claim.run;
    match stop {
        Stop::Parked | Stop::Fenced => {}
        Stop::Unrecorded(why) => {
            tracing::error!(%run, why, "not recorded: the run is taken up again");
            again_later(worker, &claimed.claim).await;
        }
        Stop::Failed(failure) => {
            tracing::error!(%run, "the run cannot go on, and ends here: {}", failure.message);
            if let Err(e) = give_up(worker, &claimed.claim, failure).await {
                tracing::error!(%run, error = %e, "nor can its end be recorded");
                again_later(worker, &claimed.claim).await;
            }
        }
    }
}

/// Instance after instance, until the run is left.
async fn passes(worker: &Worker, claimed: &Claimed, mut run: Run) -> Stop {
    loop {
        match once(worker, claimed, run).await {
            Ok(Next::Done) => return Stop::Parked,
            Ok(Next::Again(next)) => run = *next,
            Err(stop) => return stop,
        }
    }
}

/// Gives the claim back, but not at once: what failed needs a moment.
pub(super) async fn again_later(worker: &Worker, claim: &Claim) {
    tokio::time::sleep(super::STORE_REST).await;
    worker.store.release(claim).await;
}

/// Ends a run whose journal no entry fits any more.
async fn give_up(worker: &Worker, claim: &Claim, failure: Failure) -> Result<(), StoreError> {
    let journal = worker.store.run(&claim.run).await?.journal;
    let (entry, index) = replay::give_up(&journal, failure, clock::now());
    let expect = u32::try_from(journal.len()).unwrap_or(u32::MAX);
    worker.store.commit(claim, Commit { expect, entries: vec![entry], then: Then::Release(index) }).await
}

/// One instance's part of the run.
async fn once(worker: &Worker, claimed: &Claimed, run: Run) -> Result<Next, Stop> {
    let found = manifest(worker, claimed).await?;
    let rules = Rules {
        retries: found.as_ref().map_or(pawl_engine::manifest::RETRIES, |(m, _)| m.retries),
        retry_interval: worker.retry_interval,
        step_timeout: found.as_ref().map_or(pawl_engine::manifest::STEP_TIMEOUT, |(m, _)| m.step_timeout),
    };
    let begun = Replay::begin(claimed.claim.run.clone(), run, rules, clock::now())
        .map_err(|e| Stop::Failed(e.to_failure()))?;
    let input = Input {
        function: claimed.function.to_string(),
        run: claimed.claim.run.to_string(),
        attempt: begun.0.run().tries,
        event: claimed.event.clone(),
        // fixed for all passes: what a function decides by it stays decided
        now: begun.0.run().started_at.unwrap_or(claimed.created_at),
    };
    let (store, claim) = (worker.store.clone(), claimed.claim.clone());
    let session = Session::new(store, claim, claimed.function.clone(), begun);
    let session = Arc::new(Mutex::new(session));
    let ending = match found {
        Ok((manifest, plugin)) => {
            let steps = Box::new(Handle(session.clone()));
            worker.runtime.pass(&plugin, &input, worker.catalog.grant(&manifest), steps).await
        }
        Err(failure) => Ending::Broke(failure),
    };
    let mut session = session.lock().await;
    conclude(&mut session, ending).await
}

/// What becomes of the run when its instance has ended.
async fn conclude(session: &mut Session, ending: Ending) -> Result<Next, Stop> {
    let is_open = session.replay.open_attempt().is_some();
    let failure = match ending {
        Ending::Left(Stop::Failed(failure)) => return session.end(Err(failure)).await.map(|()| Next::Done),
        Ending::Left(stop) => return Err(stop),
        Ending::Returned(result) if !is_open => return session.end(result).await.map(|()| Next::Done),
        Ending::Returned(_) => {
            Failure::new("AttemptLeft", "the function returned while a step was executing")
        }
        Ending::Broke(failure) if is_open => failure,
        Ending::Broke(failure) => return session.end(Err(failure)).await.map(|()| Next::Done),
    };
    // the instance died inside of a step: that is the attempt's failure. When it was
    // the last one, the function has to hear of it, in a new instance
    session.finish(Err(failure)).await?;
    Ok(Next::Again(Box::new(session.replay.run().clone())))
}

/// The function and its plugin, or what is wrong with its deployment. A store in
/// trouble is not the run's failure.
async fn manifest(
    worker: &Worker,
    claimed: &Claimed,
) -> Result<Result<(Manifest, Arc<Plugin>), Failure>, Stop> {
    let unavailable = |why: String| Failure::new("DeploymentUnavailable", why);
    let plugin = match worker.catalog.plugin(&claimed.deployment).await {
        Ok(plugin) => plugin,
        Err(DeployError::Store(e @ StoreError::Unavailable(_))) => {
            return Err(Stop::Unrecorded(e.to_string()));
        }
        Err(e) => return Ok(Err(unavailable(e.to_string()))),
    };
    let manifest = plugin.manifests.iter().find(|m| m.id == claimed.function).cloned();
    let missing = || unavailable(format!("its deployment has no function `{}`", claimed.function));
    Ok(manifest.ok_or_else(missing).map(|manifest| (manifest, plugin)))
}
