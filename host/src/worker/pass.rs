//! One claimed run, carried until it is over, parks, or is lost.

use super::crew::Crew;
use super::guests::Guest;
use super::handle::{Handle, Shelf};
use super::lines::Lines;
use super::session::Session;
use super::{Worker, guests::NoGuest};
use crate::clock;
use crate::intake::Over;
use crate::runtime::{Ending, Input, Stop};
use crate::store::{Also, Claim, Claimed, Commit, Parent, StoreError, Then};
use crate::telemetry::one_line;
use pawl_engine::replay::{self, Cursor, Replay, Rules};
use pawl_engine::trace::RunTrace;
use pawl_engine::{
    DeploymentId, Event, Failure, FunctionId, Index, Mail, Outcome, Phase, Run, Span, Timestamp, view,
};
use std::sync::Arc;
use tokio::sync::{Notify, OwnedSemaphorePermit};

/// A claimed run, and what it runs on.
pub(super) struct Carried {
    pub(super) worker: Worker,
    pub(super) claim: Claim,
    pub(super) function: FunctionId,
    pub(super) deployment: DeploymentId,
    pub(super) events: Arc<Vec<Event>>,
    parent: Option<Parent>,
    created_at: Timestamp,
    pub(super) guest: Arc<dyn Guest>,
    /// Cancelled when it is not over so long after its start.
    pub(super) finish_within: Option<Span>,
    /// Whether more instances have to pass gates.
    pub(super) is_limited: bool,
    /// What the function has logged.
    pub(super) lines: Lines,
    /// Told when a step has settled.
    pub(super) changed: Notify,
}

impl Carried {
    /// The run as its end is told of.
    pub(super) fn as_over(&self) -> Over<'_> {
        Over {
            run: &self.claim.run,
            function: &self.function,
            events: &self.events,
            parent: self.parent.as_ref(),
        }
    }

    /// An instance's way through its guest.
    pub(super) fn way(&self, cursor: Cursor) -> Cursor {
        if self.guest.is_keyed() { cursor.keyed() } else { cursor }
    }

    /// In which trace it is, and what its spans are called.
    pub(super) fn trace(&self) -> RunTrace {
        RunTrace::of(&self.claim.run, self.events[0].trace)
    }

    /// What an instance gets. The same in every pass of a try: what a function decides by it stays
    /// decided.
    pub(super) fn input(&self, replay: &Replay) -> Input {
        Input {
            function: self.function.to_string(),
            run: self.claim.run.to_string(),
            attempt: replay.failed_tries(),
            events: self.events.clone(),
            now: replay.run().started_at.unwrap_or(self.created_at),
        }
    }
}

/// Ends what a run has under way when it is carried no further.
struct EndsWithIt(Arc<Crew>);

impl Drop for EndsWithIt {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Carries the run. Whatever could not be recorded is done again later.
///
/// What had come in by `asked_at`, when it was claimed, is in its mail.
pub(super) async fn carry(
    worker: &Worker,
    claimed: Claimed,
    asked_at: Timestamp,
    slot: Option<OwnedSemaphorePermit>,
) {
    let (claim, function) = (claimed.claim.clone(), claimed.function.clone());
    tracing::debug!(run = %claim.run, %function, event = %claimed.events[0].id, entries = claimed.journal.len(), "run claimed");
    let created_at = claimed.created_at;
    let cancel = claimed.mail.iter().find_map(|mail| match mail {
        Mail::Cancel { reason } => Some(reason.clone()),
        Mail::Event { .. } | Mail::Ended { .. } | Mail::Lost { .. } => None,
    });
    let stop = match Run::fold(created_at, &claimed.journal) {
        // cancelled between its claim and its loading: somebody else has ended it
        Ok(Run { phase: Phase::Finished(_), .. }) => Stop::Fenced,
        _ if cancel.is_some() => cancelled(worker, &claimed, &cancel.unwrap_or_default()).await,
        Ok(run) if matches!(run.phase, Phase::Paused { .. }) => leave(worker, &claim, &run).await,
        Ok(run) => match start(worker, claimed, run, asked_at).await {
            Ok(crew) => passes(&crew, slot).await,
            Err(stop) => stop,
        },
        Err(e) => Stop::Failed(Failure::new("UnreadableJournal", e.to_string())),
    };
    let run = &claim.run;
    match stop {
        Stop::Parked | Stop::Fenced => {}
        Stop::Unrecorded(why) => {
            tracing::error!(%run, %function, why, "not recorded: the run is taken up again");
            again_later(worker, &claim).await;
        }
        Stop::Failed(failure) | Stop::Diverged(failure) => {
            tracing::error!(%run, %function, "the run cannot go on, and ends here: {}", one_line(&failure.message));
            if let Err(e) = give_up(worker, &claim, failure).await {
                tracing::error!(%run, %function, error = %e, "nor can its end be recorded");
                again_later(worker, &claim).await;
            }
        }
    }
}

async fn cancelled(worker: &Worker, claimed: &Claimed, reason: &str) -> Stop {
    match worker.intake.end_claimed(claimed, reason).await {
        Ok(()) => {
            let (run, function, event) = (&claimed.claim.run, &claimed.function, &claimed.events[0].id);
            let took_ms = view::started_at(&claimed.journal).map(|at| (clock::now() - at).as_millis());
            tracing::info!(%run, %function, %event, took_ms, reason = one_line(reason), "run cancelled");
            Stop::Parked
        }
        Err(StoreError::Fenced) => Stop::Fenced,
        Err(e) => Stop::Unrecorded(e.to_string()),
    }
}

/// Leaves a run as it is.
async fn leave(worker: &Worker, claim: &Claim, run: &Run) -> Stop {
    let then = Then::Release(Index::of(run));
    let commit = Commit { expect: run.seq, entries: Vec::new(), then, also: Also::default() };
    match worker.store.commit(claim, commit).await {
        Ok(()) => Stop::Parked,
        Err(StoreError::Fenced) => Stop::Fenced,
        Err(e) => Stop::Unrecorded(e.to_string()),
    }
}

/// Everything that the run needs to go on.
async fn start(worker: &Worker, claimed: Claimed, run: Run, asked_at: Timestamp) -> Result<Arc<Crew>, Stop> {
    let found = worker.guests.guest(&claimed.deployment, &claimed.function).await?;
    let guest = found.unwrap_or_else(|failure| Arc::new(NoGuest(failure)));
    let manifest = guest.manifest();
    let rules = rules(worker, &*guest);
    let begun = Replay::begin(claimed.claim.run.clone(), run, rules, &claimed.mail, asked_at, clock::now())
        .map_err(|e| Stop::Failed(e.to_failure()))?;
    let read = claimed.mail.len();
    let carried = Arc::new(Carried {
        worker: worker.clone(),
        finish_within: manifest.and_then(|m| m.flow.timeouts.finish),
        is_limited: manifest.is_some_and(|m| !m.flow.concurrency.is_empty()),
        claim: claimed.claim,
        function: claimed.function,
        deployment: claimed.deployment,
        events: Arc::new(claimed.events),
        parent: claimed.parent,
        created_at: claimed.created_at,
        guest,
        lines: Lines::default(),
        changed: Notify::new(),
    });
    let is_timed = carried.finish_within.is_some();
    let mut session = Session::new(carried.clone(), begun, read);
    if is_timed {
        // its time counts from now on, and not from the end of its first step
        session.flush().await?;
    }
    Ok(Crew::new(carried, session))
}

fn rules(worker: &Worker, guest: &dyn Guest) -> Rules {
    let manifest = guest.manifest();
    Rules {
        counts: guest.counts(),
        retries: manifest.map_or(pawl_engine::manifest::RETRIES, |m| m.retries),
        retry_interval: worker.retry_interval,
        step_timeout: manifest.map_or(pawl_engine::manifest::STEP_TIMEOUT, |m| m.step_timeout),
    }
}

/// Instance after instance, until the run is left.
async fn passes(crew: &Arc<Crew>, mut slot: Option<OwnedSemaphorePermit>) -> Stop {
    let _ends = EndsWithIt(crew.clone());
    loop {
        if slot.is_none() {
            // never closed
            slot = crew.run.worker.slots.clone().acquire_owned().await.ok();
        }
        if let Err(stop) = once(crew).await {
            return stop;
        }
        let changed = crew.run.changed.notified();
        tokio::pin!(changed);
        let wakes_at = {
            let mut session = crew.session.lock().await;
            // from here on nothing that settles is missed
            changed.as_mut().enable();
            if let Err(stop) = session.check() {
                return if session.is_released { Stop::Parked } else { stop };
            }
            let is_crowded = std::mem::take(&mut session.is_crowded);
            if session.replay.under_way() == 0 && is_crowded {
                drop(session);
                slot = None;
                // never closed; given back at once, for whoever asks first
                drop(crew.run.worker.requests.clone().acquire_owned().await);
                continue;
            }
            if session.replay.under_way() == 0 || session.replay.run().seq != session.left_at {
                continue;
            }
            session.wakes_at.take()
        };
        // what is under way elsewhere needs no instance to wait for it
        slot = None;
        let rest = wakes_at.map_or(Span::from_days(1), |at| at - clock::now()).to_std();
        tokio::select! {
            () = changed => {}
            () = crew.run.claim.told.notified() => {
                if let Err(stop) = crew.session.lock().await.read_mail().await {
                    return stop;
                }
            }
            () = tokio::time::sleep(rest) => {}
        }
    }
}

/// Gives the claim back, but not at once: what failed needs a moment.
pub(super) async fn again_later(worker: &Worker, claim: &Claim) {
    tokio::time::sleep(super::STORE_REST).await;
    worker.store.release(claim).await;
    worker.wake.notify_one();
}

/// Ends a run whose journal no entry fits any more.
async fn give_up(worker: &Worker, claim: &Claim, failure: Failure) -> Result<(), StoreError> {
    let row = worker.store.run(&claim.run).await?;
    let now = clock::now();
    let outcome = Outcome::Failed(failure.clone());
    let given_up = replay::give_up(&row.journal, failure, now);
    let ids = row.events();
    let mut events = Vec::with_capacity(ids.len());
    for id in ids {
        events.push(worker.store.event(id.as_str()).await?);
    }
    let over =
        Over { run: &claim.run, function: &row.function, events: &events, parent: row.parent.as_ref() };
    let (accepts, mail) = worker.intake.ending(&over, &outcome, now);
    let expect = u32::try_from(row.journal.len()).unwrap_or(u32::MAX);
    let then = Then::Release(given_up.index);
    let also = Also { accepts, mail, ..Also::default() };
    worker.store.commit(claim, Commit { expect, entries: vec![given_up.entry], then, also }).await
}

/// One instance's part of the run.
async fn once(crew: &Arc<Crew>) -> Result<(), Stop> {
    let (input, cursor) = {
        let mut session = crew.session.lock().await;
        if crew.run.guest.is_keyed() {
            // it may read what is stored
            session.flush().await?;
        }
        (crew.run.input(&session.replay), session.replay.cursor())
    };
    let cursor = Shelf::new(crew.run.way(cursor));
    let steps = Box::new(Handle { crew: crew.clone(), cursor: cursor.clone() });
    let ending = crew.run.guest.pass(&input, steps).await;
    let mut session = crew.session.lock().await;
    match conclude(&mut session, &mut cursor.take(), ending).await {
        // that is recorded, or under way elsewhere
        Err(Stop::Parked) => Ok(()),
        done => done,
    }
}

/// What becomes of the run when its function's own instance has ended.
async fn conclude(session: &mut Session, cursor: &mut Cursor, ending: Ending) -> Result<(), Stop> {
    let is_executing = cursor.executing().is_some();
    let failure = match ending {
        Ending::Left(Stop::Failed(failure)) => return session.end(cursor, Err(failure)).await,
        Ending::Left(Stop::Diverged(failure)) => return session.stop(failure).await,
        Ending::Left(stop) => return Err(stop),
        Ending::Returned(result) if !is_executing => return session.end(cursor, result).await,
        Ending::Returned(_) => {
            Failure::new("AttemptLeft", "the function returned while a step was executing")
        }
        Ending::Broke(failure) if is_executing => failure,
        Ending::Broke(failure) => return session.end(cursor, Err(failure)).await,
    };
    // the instance died inside of a step: that is the attempt's failure. When it was
    // the last one, the function has to hear of it, in a new instance
    session.finish_own(cursor, Err(failure)).await.map(|_| ())
}
