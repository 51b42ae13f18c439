//! One claimed run, carried until it is over, parks, or is lost.

use super::Worker;
use super::session::{Handle, Session};
use crate::clock;
use crate::runtime::{Ending, Input, Stop};
use crate::store::Claimed;
use pawl_engine::replay::{Replay, Rules};
use pawl_engine::{Failure, Manifest, Run};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Whether the run needs another instance.
enum Next {
    Done,
    Again(Box<Run>),
}

/// Carries the run. Whatever could not be recorded is done again later.
pub(super) async fn carry(worker: &Worker, claimed: Claimed) {
    let mut run = match Run::fold(claimed.created_at, &claimed.journal) {
        Ok(run) => run,
        Err(e) => {
            tracing::error!(run = %claimed.claim.run, error = %e, "the journal does not fold: the run stops here");
            return;
        }
    };
    loop {
        match once(worker, &claimed, run).await {
            Ok(Next::Done) | Err(Stop::Parked | Stop::Fenced) => return,
            Ok(Next::Again(next)) => run = *next,
            Err(Stop::Unrecorded(why)) => {
                tracing::error!(run = %claimed.claim.run, why, "not recorded: the run is taken up again");
                // not at once: the store needs a moment as well
                tokio::time::sleep(super::STORE_REST).await;
                return worker.store.release(&claimed.claim).await;
            }
            Err(Stop::Failed(failure)) => {
                tracing::error!(run = %claimed.claim.run, "the run stops here: {}", failure.message);
                return;
            }
        }
    }
}

/// One instance's part of the run.
async fn once(worker: &Worker, claimed: &Claimed, run: Run) -> Result<Next, Stop> {
    let found = manifest(worker, claimed).await;
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
            worker.runtime.attempt(&plugin, &input, worker.catalog.grant(&manifest), steps).await
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

async fn manifest(
    worker: &Worker,
    claimed: &Claimed,
) -> Result<(Manifest, Arc<crate::runtime::Plugin>), Failure> {
    let unavailable = |why: String| Failure::new("DeploymentUnavailable", why);
    let plugin = worker.catalog.plugin(&claimed.deployment).await.map_err(|e| unavailable(e.to_string()))?;
    let manifest = plugin.manifests.iter().find(|m| m.id == claimed.function).cloned();
    let missing = || unavailable(format!("its deployment has no function `{}`", claimed.function));
    manifest.ok_or_else(missing).map(|manifest| (manifest, plugin))
}
