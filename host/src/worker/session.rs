//! One run while a worker carries it: questions go to the engine's replay, and nothing is
//! answered before what the answer rests on is durable.

use super::pass::Carried;
use crate::runtime::Stop;
use crate::store::{Also, Commit, StoreError, Then};
use crate::telemetry::one_line;
use crate::{clock, ids};
use pawl_engine::flow::Watch;
use pawl_engine::replay::{Answer, Attempt, Cursor, Effect, Refused, Replay, Settled, StepCall};
use pawl_engine::{
    Entry, EventId, Failure, FunctionId, Index, Mail, NewEvent, Outcome, Payload, Phase, Run, RunId, StepKey,
    Timestamp,
};
use std::sync::Arc;

/// A run, with what has to be written of it.
pub(super) struct Session {
    run: Arc<Carried>,
    pub(super) replay: Replay,
    /// Decided, not yet durable: nobody was told anything that rests on them.
    pending: Vec<Entry>,
    also: Also,
    /// How many entries are durable.
    written: u32,
    /// What could not be written, and so nothing that follows from it either.
    broken: Option<Stop>,
    /// How many entries there were when the function's own instance was left.
    pub(super) left_at: u32,
    /// A request found no room.
    pub(super) is_crowded: bool,
    /// The claim has ended with a commit: nothing more is written.
    pub(super) is_released: bool,
    /// The function's own instance executes a step: nothing else may settle.
    pub(super) main_executes: bool,
    /// When the function wants to go on, whatever is under way elsewhere.
    pub(super) wakes_at: Option<Timestamp>,
    /// The run was told something that is not read yet.
    pub(super) is_told: bool,
}

/// What the engine says to a question.
pub(super) enum Said {
    /// The step is settled.
    Recorded(usize, Result<Payload, Failure>),
    /// The question was wrong.
    Refused(Failure),
    /// These may begin.
    Work(Vec<(usize, Attempt)>),
    /// Nothing before then.
    Wait(Timestamp),
}

/// Ids and functions, for steps that begin.
struct Outside<'a>(&'a Carried);

impl pawl_engine::replay::World for Outside<'_> {
    fn run_id(&mut self, now: Timestamp) -> RunId {
        ids::run(now)
    }
    fn event_id(&mut self, now: Timestamp) -> EventId {
        ids::event(now)
    }
    fn knows(&self, function: &FunctionId) -> bool {
        self.0.worker.intake.knows(function)
    }
}

impl Session {
    /// A session that begins with these entries, when `read` messages have been read.
    pub(super) fn new(run: Arc<Carried>, (replay, first): (Replay, Vec<Entry>), read: usize) -> Self {
        let written = replay.run().seq - u32::try_from(first.len()).unwrap_or(u32::MAX);
        let is_start = first.iter().any(|entry| matches!(entry, Entry::Started { .. }));
        let finish_within = run.finish_within.filter(|_| is_start);
        let cancel_at = finish_within.map(|span| {
            let after = humantime::format_duration(span.to_std());
            (
                replay.run().last_at + span,
                format!("not finished within {after} of its start (timeouts.finish)"),
            )
        });
        let also = Also { read, cancel_at, ..Also::default() };
        Self {
            run,
            replay,
            pending: first,
            also,
            written,
            broken: None,
            left_at: 0,
            is_crowded: false,
            is_released: false,
            main_executes: false,
            wakes_at: None,
            is_told: false,
        }
    }

    /// Makes everything that was decided durable; the run stays claimed.
    pub(super) async fn flush(&mut self) -> Result<(), Stop> {
        self.commit(Then::Keep).await
    }

    /// Makes everything durable and leaves the run as it now stands; but goes on when tries
    /// of its steps are still under way elsewhere.
    pub(super) async fn leave(&mut self) -> Result<(), Stop> {
        if self.replay.under_way() > 0 {
            self.left_at = self.replay.run().seq;
            if let Phase::Sleeping { until } = self.replay.run().phase {
                self.wakes_at = Some(until);
            }
            return self.flush().await;
        }
        let index = Index::of(self.replay.run());
        self.commit(Then::Release(index)).await?;
        if !index.status.is_final() {
            let (run, function) = (&self.run.claim.run, &self.run.function);
            let again_in = index.wake_at.map(|at| (at - clock::now()).to_std());
            tracing::debug!(%run, %function, status = index.status.as_str(), ?again_in, "run parked");
        }
        Ok(())
    }

    /// Nothing is answered, and nothing written, after something could not be: the fold
    /// knows of it, and the journal would have a hole.
    pub(super) fn check(&self) -> Result<(), Stop> {
        match &self.broken {
            Some(stop) => Err(stop.clone()),
            None if self.is_released => Err(Stop::Fenced),
            None => Ok(()),
        }
    }

    /// Keeps the lines that wait, and nothing else: what is decided goes with its own commit.
    /// Lines that cannot be written are in the host's log; the run goes on without them.
    pub(super) async fn flush_lines(&mut self) {
        let lines = self.run.lines.take();
        if lines.is_empty() || self.check().is_err() {
            return;
        }
        let also = Also { lines, ..Also::default() };
        let commit = Commit { expect: self.written, entries: Vec::new(), then: Then::Keep, also };
        match self.run.worker.store.commit(&self.run.claim, commit).await {
            Ok(()) => {}
            Err(StoreError::Fenced) => self.broken = Some(Stop::Fenced),
            Err(e) => {
                tracing::warn!(run = %self.run.claim.run, error = %e, "lines of the function are not kept with its run");
            }
        }
    }

    async fn commit(&mut self, then: Then) -> Result<(), Stop> {
        self.check()?;
        self.also.lines.extend(self.run.lines.take());
        if then == Then::Keep && self.pending.is_empty() && self.also.is_empty() {
            return Ok(());
        }
        let (entries, also) = (std::mem::take(&mut self.pending), std::mem::take(&mut self.also));
        let written = self.written + u32::try_from(entries.len()).unwrap_or(u32::MAX);
        // a wait that has to be the only one may tell another run that it is not
        let tells = !also.mail.is_empty() || also.watches.iter().any(|(_, watch)| watch.rival.is_some());
        let wakes = !also.accepts.is_empty() || tells || also.cancel_at.is_some();
        let commit = Commit { expect: self.written, entries, then, also };
        // whoever is dropped here has not been told that it is durable
        self.broken = Some(Stop::Unrecorded("a commit broke off".into()));
        let done = self.run.worker.store.commit(&self.run.claim, commit).await;
        self.broken = match &done {
            Ok(()) => None,
            Err(StoreError::Fenced) => Some(Stop::Fenced),
            Err(e) => Some(Stop::Unrecorded(e.to_string())),
        };
        self.check()?;
        self.written = written;
        self.is_released = matches!(then, Then::Release(_));
        if wakes {
            self.run.worker.wake.notify_one();
        }
        Ok(())
    }

    /// A question of an instance. What it begins is durable when this comes back.
    pub(super) async fn ask(&mut self, cursor: &mut Cursor, calls: &[StepCall]) -> Result<Said, Stop> {
        self.check()?;
        let now = clock::now();
        let asked = match self.replay.ask(cursor, calls, &mut Outside(&self.run), now) {
            Ok(asked) => asked,
            Err(refused @ (Refused::OtherKind(..) | Refused::Skipped(..))) => {
                return Err(Stop::Diverged(refused.to_failure()));
            }
            Err(refused @ (Refused::TooManySteps | Refused::Illegal(_))) => {
                return Err(Stop::Failed(refused.to_failure()));
            }
            Err(refused) => return Ok(Said::Refused(refused.to_failure())),
        };
        // that a sleep is over needs no record of its own, unless it has won a race: what
        // follows brings it along
        // (a guest elsewhere may read what is stored)
        let is_race = calls.len() > 1;
        let begins = asked
            .entries
            .iter()
            .any(|e| is_race || cursor.is_keyed() || !matches!(e, Entry::SleepEnded { .. }));
        self.pending.extend(asked.entries);
        for effect in asked.effects {
            self.take(effect, now);
        }
        // a wait that begins and parks at once needs one commit, not two
        let parks = matches!(asked.answer, Answer::Wait(_)) && self.replay.under_way() == 0;
        if begins && !parks {
            self.flush().await?;
        }
        Ok(match asked.answer {
            Answer::Recorded(place, result) => Said::Recorded(place, result),
            Answer::Work(work) => Said::Work(work),
            Answer::Wait(until) => Said::Wait(until),
        })
    }

    /// Reads what the run has been told since. That waits for all that is being written, so it
    /// is for runs that were told something, and for waits whose time is over.
    pub(super) async fn read_mail(&mut self) -> Result<(), Stop> {
        let now = clock::now();
        self.is_told = false;
        let unread = self.run.worker.store.unread(&self.run.claim.run).await;
        let unread = unread.map_err(|e| Stop::Unrecorded(e.to_string()))?;
        let new = unread.get(self.also.read..).unwrap_or_default();
        let entries = self.replay.told(new, now).map_err(|r| Stop::Failed(r.to_failure()))?;
        let is_new = !entries.is_empty();
        self.also.read = self.also.read.max(unread.len());
        self.pending.extend(entries);
        if is_new { self.flush().await } else { Ok(()) }
    }

    fn take(&mut self, effect: Effect, now: Timestamp) {
        let run = &self.run;
        let trace = run.trace();
        match effect {
            Effect::Watch { step, event, filter, until, only } => {
                let watch = match only {
                    Some(only) => Watch::only(event.into(), only, until),
                    None => Watch::new(event.into(), filter, &run.events[0], until),
                };
                self.also.watches.push((step, watch));
            }
            Effect::Invoke { step, run: child, event, call } => {
                let parent = crate::store::Parent { run: run.claim.run.clone(), step };
                let step = parent.step.clone();
                let trace = trace.from(trace.step(&step));
                match run.worker.intake.invocation(event, child, call, parent, trace, now) {
                    Some(accept) => self.also.accepts.push(accept),
                    // it has gone since it was looked for: the step hears of it by mail
                    None => {
                        let failure = Failure::new("FunctionNotFound", "the function has gone").for_good();
                        let mail = Mail::Ended { step, result: Err(failure) };
                        self.also.mail.push((run.claim.run.clone(), mail));
                    }
                }
            }
            Effect::Send { step, events } => {
                let trace = Some(trace.from(trace.step(&step)));
                let accept = |(id, event): (EventId, NewEvent)| {
                    run.worker.intake.plan(NewEvent { trace, ..event }.accept(id, now), now)
                };
                self.also.accepts.extend(events.into_iter().map(accept));
            }
        }
    }

    /// The function's instance is left until then.
    pub(super) async fn park(&mut self, cursor: &Cursor, until: Timestamp) -> Result<(), Stop> {
        let entries =
            self.replay.park(cursor, until, clock::now()).map_err(|r| Stop::Failed(r.to_failure()))?;
        self.pending.extend(entries);
        self.leave().await
    }

    /// The try that the instance executes ended.
    pub(super) async fn finish_own(
        &mut self,
        cursor: &mut Cursor,
        result: Result<Payload, Failure>,
    ) -> Result<Option<Failure>, Stop> {
        let nothing_open = || Stop::Failed(Failure::new("NoAttempt", "no attempt is open").for_good());
        let step = cursor.executing().cloned().ok_or_else(nothing_open)?;
        self.finish(cursor, &step, result).await
    }

    /// A try of a step ended. `Err(Stop::Parked)`: another will come, and the instance
    /// is to be left.
    pub(super) async fn finish(
        &mut self,
        cursor: &mut Cursor,
        step: &StepKey,
        result: Result<Payload, Failure>,
    ) -> Result<Option<Failure>, Stop> {
        self.check()?;
        if let (Err(failure), Some(open)) = (&result, self.replay.attempt(step)) {
            let (run, function) = (&self.run.claim.run, &self.run.function);
            let (attempt, of) = (open.number + 1, open.max);
            let message = one_line(&failure.message);
            tracing::warn!(%run, %function, %step, attempt, of, name = failure.name, "attempt failed: {message}");
        }
        let is_main = cursor.is_main() && cursor.executing() == Some(step);
        let (settled, entries) = self
            .replay
            .finish(cursor, step, result, clock::now())
            .map_err(|r| Stop::Failed(r.to_failure()))?;
        self.pending.extend(entries);
        if is_main {
            self.main_executes = false;
        }
        let done = match settled {
            Settled::Completed => self.flush().await.map(|()| {
                let (run, function) = (&self.run.claim.run, &self.run.function);
                tracing::debug!(%run, %function, %step, "step completed");
                None
            }),
            Settled::Failed(failure) => self.flush().await.map(|()| Some(failure)),
            Settled::Again if is_main => self.leave().await.and(Err(Stop::Parked)),
            Settled::Again => self.flush().await.and(Err(Stop::Parked)),
        };
        self.run.changed.notify_waiters();
        done
    }

    /// A step that was executed before it was asked for: how it settles.
    pub(super) async fn executed(
        &mut self,
        cursor: &mut Cursor,
        call: &StepCall,
        started_at: Timestamp,
        result: Result<Payload, Failure>,
    ) -> Result<Result<Payload, Failure>, Stop> {
        let attempt = match self.ask(cursor, std::slice::from_ref(call)).await? {
            Said::Recorded(_, recorded) => return Ok(recorded),
            // what is not recorded is not answered as if it were
            Said::Refused(failure) => return Err(Stop::Failed(failure)),
            Said::Work(mut work) => work.remove(0).1,
            // its next try was not to begin yet
            Said::Wait(until) => {
                self.park(cursor, until).await?;
                return Err(Stop::Parked);
            }
        };
        let kept = result.clone();
        self.main_executes |= cursor.is_main();
        self.replay.execute(cursor, Attempt { started_at, ..attempt }, false);
        Ok(self.finish_own(cursor, result).await?.map_or(kept, Err))
    }

    /// The function ended: the run is over, or parked for another try.
    pub(super) async fn end(
        &mut self,
        cursor: &Cursor,
        result: Result<Payload, Failure>,
    ) -> Result<(), Stop> {
        let now = clock::now();
        let why = result.as_ref().err().map(|f| format!("{}: {}", f.name, one_line(&f.message)));
        match self.replay.end(cursor, result, now) {
            Ok(entries) => self.pending.extend(entries),
            Err(refused @ (Refused::OtherKind(..) | Refused::Skipped(..))) => {
                return self.stop(refused.to_failure()).await;
            }
            Err(refused) => return Err(Stop::Failed(refused.to_failure())),
        }
        // its function is over, for good or for this time: what goes on beside it does not
        self.replay.call_all_off();
        if let Phase::Finished(outcome) = &self.replay.run().phase {
            let (accepts, mail) = self.run.worker.intake.ending(&self.run.as_over(), outcome, now);
            self.also.accepts.extend(accepts);
            self.also.mail.extend(mail);
        }
        self.leave().await?;
        self.tell(&why.unwrap_or_default());
        Ok(())
    }

    /// The run stops for its operator: its function comes to something else than before.
    pub(super) async fn stop(&mut self, mut failure: Failure) -> Result<(), Stop> {
        let (run, function, deployment) = (&self.run.claim.run, &self.run.function, &self.run.deployment);
        failure.message += &format!(
            " (deployment {deployment}). The run is paused: move it to a deployment that does the same \
             steps, rerun it, or cancel it"
        );
        tracing::error!(%run, %function, %deployment, "run stopped: {}", one_line(&failure.message));
        self.replay.call_all_off();
        let entries = self.replay.stop(failure, clock::now()).map_err(|r| Stop::Failed(r.to_failure()))?;
        self.pending.extend(entries);
        self.leave().await
    }

    fn tell(&self, why: &str) {
        let (run, function, steps) = (&self.run.claim.run, &self.run.function, self.replay.run().steps.len());
        let event = &self.run.events[0].id;
        let Run { started_at, last_at, .. } = *self.replay.run();
        let took_ms = started_at.map(|started_at| (last_at - started_at).as_millis());
        match &self.replay.run().phase {
            Phase::Finished(Outcome::Failed(f)) => {
                tracing::error!(%run, %function, %event, steps, took_ms, name = f.name, "run failed: {}", one_line(&f.message));
            }
            Phase::Finished(_) => tracing::info!(%run, %function, %event, steps, took_ms, "run completed"),
            Phase::Sleeping { until } => {
                tracing::warn!(%run, %function, tries = self.replay.run().tries, again_in = ?(*until - clock::now()).to_std(), "function failed outside of its steps: {why}");
            }
            Phase::Queued | Phase::Running | Phase::Paused { .. } => {}
        }
    }
}
