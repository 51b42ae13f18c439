//! Ends: of a try, of a pass, of a run. Also what operators do to runs.

use super::{Attempt, Cursor, Refused, Replay, Settled};
use crate::retry::{self, Next, Policy};
use crate::{DeploymentId, Entry, Failure, Index, Outcome, Payload, Retry, Run, StepKey, Timestamp, view};

impl Replay {
    /// A try ended, of the instance's own step or of one that was taken off.
    pub fn finish(
        &mut self,
        cursor: &mut Cursor,
        step: &StepKey,
        result: Result<Payload, Failure>,
        now: Timestamp,
    ) -> Result<(Settled, Vec<Entry>), Refused> {
        let open = self.open.remove(step).ok_or(Refused::NoAttempt)?;
        let is_own = cursor.executing.as_ref() == Some(step);
        if is_own {
            cursor.executing = None;
        }
        let Attempt { step, kind: op, number: attempt, max, started_at, .. } = open;
        let failure = match result {
            Ok(output) => {
                if is_own {
                    cursor.mark_answered(&step);
                }
                let done = Entry::StepCompleted { step, op, attempt, started_at, at: now, output };
                return Ok((Settled::Completed, vec![self.folded(done)?]));
            }
            Err(failure) => failure.bounded(),
        };
        let policy = Policy { retries: max - 1, interval: self.rules.retry_interval };
        let seed = retry::seed(&[self.id.as_str(), &step.name], attempt.wrapping_add(step.occurrence << 8));
        match retry::after(policy, attempt, &failure, now, seed) {
            Next::At(retry_at) => {
                let failed =
                    Entry::AttemptFailed { step, op, attempt, started_at, at: now, failure, retry_at };
                let mut entries = vec![self.folded(failed)?];
                if is_own && cursor.is_main() {
                    // with siblings the function goes on at once with those
                    let until = if cursor.has_siblings { now } else { retry_at };
                    entries.extend(self.park(cursor, until, now)?);
                }
                Ok((Settled::Again, entries))
            }
            Next::GiveUp => {
                let failure = failure.for_good();
                if is_own {
                    cursor.mark_answered(&step);
                }
                let failed =
                    Entry::StepFailed { step, op, attempt, started_at, at: now, failure: failure.clone() };
                Ok((Settled::Failed(failure), vec![self.folded(failed)?]))
            }
        }
    }

    /// The function returned, or broke outside of its steps.
    pub fn end(
        &mut self,
        cursor: &Cursor,
        result: Result<Payload, Failure>,
        now: Timestamp,
    ) -> Result<Vec<Entry>, Refused> {
        if let (Ok(_), Some(missing)) = (&result, self.first_missing(cursor)) {
            return Err(Refused::Skipped(missing, "comes to its end".into()));
        }
        let failure = match result {
            Ok(output) => {
                let outcome = Outcome::Completed(output);
                return Ok(vec![self.folded(Entry::Finished { at: now, outcome })?]);
            }
            Err(failure) => failure.bounded(),
        };
        let policy = Policy { retries: self.rules.retries, interval: self.rules.retry_interval };
        let (number, failed) = (self.run.tries, self.failed_tries());
        match retry::after(policy, failed, &failure, now, retry::seed(&[self.id.as_str()], number)) {
            Next::At(retry_at) => {
                let mut entries =
                    vec![self.folded(Entry::TryFailed { number, at: now, failure, retry_at })?];
                entries.extend(self.park(cursor, retry_at, now)?);
                Ok(entries)
            }
            Next::GiveUp => {
                let outcome = Outcome::Failed(Failure { retry: Retry::ByPolicy, ..failure });
                Ok(vec![self.folded(Entry::Finished { at: now, outcome })?])
            }
        }
    }

    /// The run stops for its operator.
    pub fn stop(&mut self, failure: Failure, now: Timestamp) -> Result<Vec<Entry>, Refused> {
        Ok(vec![self.folded(Entry::Paused { at: now, why: Some(failure.bounded()) })?])
    }
}

/// What an operator's wish makes of a run: the entry, its columns, and how it ended if it did.
#[derive(Debug, Clone, PartialEq)]
pub struct Reworked {
    /// The entry to record.
    pub entry: Entry,
    /// The run's columns then.
    pub index: Index,
}

fn rework(created_at: Timestamp, journal: &[Entry], entry: Entry) -> Option<Reworked> {
    let mut run = Run::fold(created_at, journal).ok()?;
    run.apply(&entry).ok()?;
    Some(Reworked { index: Index::of(&run), entry })
}

/// Cancels a run; `None` when it has ended. Works on a journal that does not fold as well:
/// an operator can always end a run.
pub fn cancel(created_at: Timestamp, journal: &[Entry], reason: &str, now: Timestamp) -> Option<Reworked> {
    let outcome = Outcome::Cancelled(reason.to_owned());
    if Run::fold(created_at, journal).is_err() {
        return Some(forced(journal, outcome, now));
    }
    rework(created_at, journal, Entry::Finished { at: now, outcome })
}

/// Stops a run until it is resumed; `None` when it is over, or paused already.
pub fn pause(created_at: Timestamp, journal: &[Entry], now: Timestamp) -> Option<Reworked> {
    rework(created_at, journal, Entry::Paused { at: now, why: None })
}

/// Lets a paused run go on; `None` when it is not paused.
pub fn resume(created_at: Timestamp, journal: &[Entry], now: Timestamp) -> Option<Reworked> {
    rework(created_at, journal, Entry::Resumed { at: now })
}

/// Lets a run go on on other bytes; `None` when it is over.
pub fn move_to(
    created_at: Timestamp,
    journal: &[Entry],
    (from, to): (DeploymentId, DeploymentId),
    now: Timestamp,
) -> Option<Reworked> {
    rework(created_at, journal, Entry::Moved { at: now, from, to })
}

/// Ends a run that cannot go on at all.
pub fn give_up(journal: &[Entry], failure: Failure, now: Timestamp) -> Reworked {
    forced(journal, Outcome::Failed(failure.bounded()), now)
}

fn forced(journal: &[Entry], outcome: Outcome, now: Timestamp) -> Reworked {
    let started_at = view::started_at(journal);
    let index = Index { status: Index::status_of(&outcome), wake_at: None, started_at, ended_at: Some(now) };
    Reworked { entry: Entry::Finished { at: now, outcome }, index }
}

/// The journal of a run that begins again from a step: what had settled before that step
/// was first heard of. `None` when the journal has no such step.
pub fn outcomes_before(created_at: Timestamp, journal: &[Entry], step: &StepKey) -> Option<Vec<Entry>> {
    let place = journal.iter().position(|entry| entry.step() == Some(step))?;
    let run = Run::fold(created_at, &journal[..place]).ok()?;
    let is_kept = |entry: &&Entry| match entry {
        Entry::Started { .. } => true,
        Entry::TryFailed { .. }
        | Entry::Parked { .. }
        | Entry::Paused { .. }
        | Entry::Resumed { .. }
        | Entry::Moved { .. }
        | Entry::Finished { .. } => false,
        step => step.step().is_some_and(|key| run.steps.get(key).is_some_and(|s| s.is_settled())),
    };
    Some(journal[..place].iter().filter(is_kept).cloned().collect())
}
