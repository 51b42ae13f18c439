//! What a guest's questions are answered with: from the journal, by executing, or
//! by leaving.
//!
//! A [`Replay`] lives as long as one instance. It folds what it decides at once, and
//! hands the new entries to its caller, who makes them durable before the guest
//! hears of them.
//!
//! **Keys.** A step is known by its id and its occurrence. The n-th use of an id
//! that has been *answered* counts; asking again for a step that is still open (as
//! `select` does with the rest of its list) is the same step.
//!
//! **Order.** Where several steps of a list are settled, the one that settled first
//! answers first, one at a time: so a race has the same winner in every replay.

use crate::id::BadStepId;
use crate::retry::{self, Next, Policy};
use crate::run::{Illegal, Step};
use crate::view;
use crate::{
    Entry, Failure, Index, Outcome, Payload, Phase, Retry, Run, RunId, Span, StepKey, Timestamp, limits,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A guest's wish for one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepCall {
    /// The step's id, as the guest gave it.
    pub id: String,
    /// What kind of step.
    pub op: Op,
}

/// A kind of step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// The guest's own code.
    Run(RunOptions),
    /// For so long.
    Sleep(Span),
    /// Until then.
    SleepUntil(Timestamp),
}

/// How a step differs from its function's defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunOptions {
    /// One attempt's limit.
    pub timeout: Option<Span>,
    /// Tries after the first.
    pub retries: Option<u32>,
}

/// What a function's manifest and the host's settings say about its steps.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Tries after the first.
    pub retries: u32,
    /// A fixed distance between tries, for development.
    pub retry_interval: Option<Span>,
    /// One attempt's limit.
    pub step_timeout: Span,
}

/// An attempt that a guest is executing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Of which step.
    pub step: StepKey,
    /// From 0.
    pub number: u32,
    /// How many tries the step has in all.
    pub max: u32,
    /// The time limit of this attempt.
    pub timeout: Span,
    /// When it began.
    pub started_at: Timestamp,
}

/// An answer to a list of calls; `usize` is a place in that list.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The step is settled.
    Recorded(usize, Result<Payload, Failure>),
    /// The guest is to execute the step's code.
    Execute(usize, Attempt),
    /// The run waits: the instance is to be left.
    Park,
}

/// How an attempt's end continues.
#[derive(Debug, Clone, PartialEq)]
pub enum Settled {
    /// The output is recorded.
    Completed,
    /// No tries are left: the failure to raise in the function.
    Failed(Failure),
    /// Another try will come: the instance is to be left.
    Park,
}

/// Why the guest's question has no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refused {
    /// The journal has this step as another kind. The run stops for its operator.
    #[error(
        "step `{0}` is recorded as {1}, and the function now asks for {2}: its code is not deterministic"
    )]
    Diverged(StepKey, &'static str, &'static str),
    /// The id cannot be a step's.
    #[error(transparent)]
    BadId(#[from] BadStepId),
    /// A step was asked for while the code of another is executing.
    #[error("step `{1}` was asked for inside of step `{0}`: steps do not nest")]
    Nested(StepKey, String),
    /// The run has as many steps as it may have.
    #[error("the run has more than {max} steps", max = limits::STEPS_PER_RUN)]
    TooManySteps,
    /// Nothing was asked for.
    #[error("an empty list of steps")]
    Nothing,
    /// A sleep beyond the limit.
    #[error("step `{0}` would sleep for more than 366 days, or to more than 366 days after the run's start")]
    TooLong(StepKey),
    /// An attempt ended that was not open.
    #[error("no attempt is open")]
    NoAttempt,
    /// A decision that the transition table does not know: a fault of this crate.
    #[error("the run's journal refused an entry: {0}")]
    Illegal(#[from] Illegal),
}

impl Refused {
    /// The refusal as the guest's failure.
    pub fn to_failure(&self) -> Failure {
        let name = match self {
            Self::Diverged(..) => "Diverged",
            Self::BadId(_) => "InvalidStepId",
            Self::Nested(..) => "NestedStep",
            Self::TooManySteps => "TooManySteps",
            Self::Nothing => "NoSteps",
            Self::TooLong(_) => "SleepTooLong",
            Self::NoAttempt => "NoAttempt",
            Self::Illegal(_) => "IllegalEntry",
        };
        Failure::new(name, self.to_string()).for_good()
    }
}

/// One pass of a run through an instance.
#[derive(Debug)]
pub struct Replay {
    id: RunId,
    run: Run,
    rules: Rules,
    /// Which occurrences of an id have been answered in this pass.
    answered: BTreeMap<Arc<str>, BTreeSet<u32>>,
    open: Option<Attempt>,
    /// The last question had other steps beside the one that executes.
    has_siblings: bool,
    /// Lines that the function has logged outside of steps in this pass.
    lines: u32,
}

impl Replay {
    /// A pass over this run, whose fold `run` is. Gives the entries to record first.
    pub fn begin(
        id: RunId,
        run: Run,
        rules: Rules,
        now: Timestamp,
    ) -> Result<(Self, Option<Entry>), Refused> {
        let mut replay =
            Self { id, run, rules, answered: BTreeMap::new(), open: None, has_siblings: false, lines: 0 };
        let first = match replay.run.phase {
            Phase::Queued => Some(replay.folded(Entry::Started { at: now })?),
            Phase::Running | Phase::Sleeping { .. } | Phase::Finished(_) => None,
        };
        Ok((replay, first))
    }

    /// The run as it stands.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// The attempt that is executing.
    pub fn open_attempt(&self) -> Option<&Attempt> {
        self.open.as_ref()
    }

    /// The function logs a line; whether it is a new one, and no repetition of what an
    /// earlier pass has said.
    pub fn logs_anew(&mut self) -> bool {
        if self.open.is_some() {
            return true;
        }
        self.lines += 1;
        let is_new = self.lines > self.run.lines;
        self.run.lines = self.run.lines.max(self.lines);
        is_new
    }

    /// The guest asks for steps.
    pub fn ask(&mut self, calls: &[StepCall], now: Timestamp) -> Result<(Answer, Vec<Entry>), Refused> {
        if let (Some(open), Some(call)) = (&self.open, calls.first()) {
            return Err(Refused::Nested(open.step.clone(), call.id.clone()));
        }
        let keys = self.keys(calls)?;
        if let Some(place) = self.first_settled(&keys) {
            return Ok((self.recorded(place, &keys[place]), Vec::new()));
        }
        let mut entries = self.begin_sleeps(calls, &keys, now)?;
        if let Some((place, key)) = self.sleep_over(&keys, now) {
            entries.push(self.folded(Entry::SleepEnded { step: key.clone(), at: now })?);
            return Ok((self.recorded(place, &key), entries));
        }
        if let Some((place, attempt)) = self.executable(calls, &keys, now) {
            self.has_siblings = calls.len() > 1;
            self.open = Some(attempt.clone());
            return Ok((Answer::Execute(place, attempt), entries));
        }
        let until = keys.iter().filter_map(|k| self.pending_until(k)).min().unwrap_or(now);
        entries.push(self.folded(Entry::Parked { at: now, until, lines: self.run.lines })?);
        Ok((Answer::Park, entries))
    }

    /// The open attempt ended.
    pub fn finish(
        &mut self,
        result: Result<Payload, Failure>,
        now: Timestamp,
    ) -> Result<(Settled, Vec<Entry>), Refused> {
        let open = self.open.take().ok_or(Refused::NoAttempt)?;
        let Attempt { step, number: attempt, max, started_at, .. } = open;
        let failure = match result {
            Ok(output) => {
                self.mark_answered(&step);
                let done = Entry::StepCompleted { step, attempt, started_at, at: now, output };
                return Ok((Settled::Completed, vec![self.folded(done)?]));
            }
            Err(failure) => failure.bounded(),
        };
        let policy = Policy { retries: max - 1, interval: self.rules.retry_interval };
        let seed = retry::seed(&[self.id.as_str(), &step.name], attempt.wrapping_add(step.occurrence << 8));
        match retry::after(policy, attempt, &failure, now, seed) {
            Next::At(retry_at) => {
                // with siblings the function goes on at once with those
                let until = if self.has_siblings { now } else { retry_at };
                let failed = Entry::AttemptFailed { step, attempt, started_at, at: now, failure, retry_at };
                Ok((
                    Settled::Park,
                    vec![
                        self.folded(failed)?,
                        self.folded(Entry::Parked { at: now, until, lines: self.run.lines })?,
                    ],
                ))
            }
            Next::GiveUp => {
                let failure = failure.for_good();
                self.mark_answered(&step);
                let failed =
                    Entry::StepFailed { step, attempt, started_at, at: now, failure: failure.clone() };
                Ok((Settled::Failed(failure), vec![self.folded(failed)?]))
            }
        }
    }

    /// The function returned, or broke outside of its steps.
    pub fn end(&mut self, result: Result<Payload, Failure>, now: Timestamp) -> Result<Vec<Entry>, Refused> {
        let failure = match result {
            Ok(output) => {
                let outcome = Outcome::Completed(output);
                return Ok(vec![self.folded(Entry::Finished { at: now, outcome })?]);
            }
            Err(failure) => failure.bounded(),
        };
        let policy = Policy { retries: self.rules.retries, interval: self.rules.retry_interval };
        let number = self.run.tries;
        match retry::after(policy, number, &failure, now, retry::seed(&[self.id.as_str()], number)) {
            Next::At(retry_at) => Ok(vec![
                self.folded(Entry::TryFailed { number, at: now, failure, retry_at })?,
                self.folded(Entry::Parked { at: now, until: retry_at, lines: self.run.lines })?,
            ]),
            Next::GiveUp => {
                let outcome = Outcome::Failed(Failure { retry: Retry::ByPolicy, ..failure });
                Ok(vec![self.folded(Entry::Finished { at: now, outcome })?])
            }
        }
    }

    /// Each call's key: its id, with the lowest occurrences that have no answer yet.
    fn keys(&self, calls: &[StepCall]) -> Result<Vec<StepKey>, Refused> {
        if calls.is_empty() {
            return Err(Refused::Nothing);
        }
        if calls.len() > limits::STEPS_PER_RUN {
            return Err(Refused::TooManySteps);
        }
        let mut taken: BTreeSet<(&str, u32)> = BTreeSet::new();
        let mut keys = Vec::with_capacity(calls.len());
        for call in calls {
            let answered = self.answered.get(call.id.as_str());
            let is_free = |n: &u32| {
                !answered.is_some_and(|a| a.contains(n)) && !taken.contains(&(call.id.as_str(), *n))
            };
            let occurrence = (0..).find(is_free).unwrap_or(u32::MAX);
            let key = StepKey::new(&call.id, occurrence)?;
            if calls.len() > 1 {
                taken.insert((&call.id, occurrence));
            }
            self.check_kind(&key, call.op)?;
            self.check_length(&key, call.op)?;
            keys.push(key);
        }
        let new = keys.iter().filter(|k| !self.run.steps.contains_key(k)).count();
        if self.run.steps.len() + new > limits::STEPS_PER_RUN {
            return Err(Refused::TooManySteps);
        }
        Ok(keys)
    }

    fn check_kind(&self, key: &StepKey, op: Op) -> Result<(), Refused> {
        let asked = match op {
            Op::Run(_) => "run",
            Op::Sleep(_) | Op::SleepUntil(_) => "sleep",
        };
        let recorded = match self.run.steps.get(key) {
            None => return Ok(()),
            Some(Step::Sleeping { .. } | Step::Slept) => "sleep",
            Some(Step::Retrying { .. } | Step::Completed(_) | Step::Failed(_)) => "run",
        };
        if asked == recorded { Ok(()) } else { Err(Refused::Diverged(key.clone(), recorded, asked)) }
    }

    /// By the run's start and not by the time of the question: what one pass is refused,
    /// every pass is.
    fn check_length(&self, key: &StepKey, op: Op) -> Result<(), Refused> {
        let span = match op {
            Op::Run(_) => return Ok(()),
            Op::Sleep(span) => span,
            Op::SleepUntil(at) => at - self.run.started_at.unwrap_or(at),
        };
        if span > limits::SLEEP { Err(Refused::TooLong(key.clone())) } else { Ok(()) }
    }

    fn first_settled(&self, keys: &[StepKey]) -> Option<usize> {
        if let [key] = keys {
            return self.run.steps.get(key)?.is_settled().then_some(0);
        }
        self.run.settled.iter().find_map(|s| keys.iter().position(|k| k == s))
    }

    fn recorded(&mut self, place: usize, key: &StepKey) -> Answer {
        self.mark_answered(key);
        let result = match self.run.steps.get(key) {
            Some(Step::Completed(output)) => Ok(output.clone()),
            Some(Step::Failed(failure)) => Err(failure.clone()),
            Some(Step::Slept | Step::Sleeping { .. } | Step::Retrying { .. }) | None => Ok(Payload::null()),
        };
        Answer::Recorded(place, result)
    }

    /// An entry for each sleep that is asked for the first time.
    fn begin_sleeps(
        &mut self,
        calls: &[StepCall],
        keys: &[StepKey],
        now: Timestamp,
    ) -> Result<Vec<Entry>, Refused> {
        let mut begun = Vec::new();
        for (call, key) in calls.iter().zip(keys) {
            let until = match call.op {
                Op::Run(_) => continue,
                Op::Sleep(span) => now + span,
                Op::SleepUntil(at) => at,
            };
            if !self.run.steps.contains_key(key) {
                begun.push(Entry::SleepStarted { step: key.clone(), at: now, until });
            }
        }
        begun.into_iter().map(|entry| self.folded(entry)).collect()
    }

    /// The asked sleep that ended first.
    fn sleep_over(&self, keys: &[StepKey], now: Timestamp) -> Option<(usize, StepKey)> {
        let over = keys.iter().enumerate().filter_map(|(place, key)| match self.run.steps.get(key) {
            Some(Step::Sleeping { until }) if *until <= now => Some((*until, place)),
            _ => None,
        });
        over.min().map(|(_, place)| (place, keys[place].clone()))
    }

    /// The first `run` step of the list that may execute now.
    fn executable(&self, calls: &[StepCall], keys: &[StepKey], now: Timestamp) -> Option<(usize, Attempt)> {
        calls.iter().zip(keys).enumerate().find_map(|(place, (call, key))| {
            let Op::Run(options) = call.op else { return None };
            let number = match self.run.steps.get(key) {
                None => 0,
                Some(Step::Retrying { failed, until }) if *until <= now => *failed,
                _ => return None,
            };
            let max = options.retries.unwrap_or(self.rules.retries).min(limits::RETRIES) + 1;
            let timeout = options.timeout.unwrap_or(self.rules.step_timeout);
            Some((place, Attempt { step: key.clone(), number, max, timeout, started_at: now }))
        })
    }

    fn pending_until(&self, key: &StepKey) -> Option<Timestamp> {
        match self.run.steps.get(key)? {
            Step::Sleeping { until } | Step::Retrying { until, .. } => Some(*until),
            Step::Slept | Step::Completed(_) | Step::Failed(_) => None,
        }
    }

    fn mark_answered(&mut self, key: &StepKey) {
        self.answered.entry(key.name.clone()).or_default().insert(key.occurrence);
    }

    fn folded(&mut self, entry: Entry) -> Result<Entry, Refused> {
        self.run.apply(&entry)?;
        Ok(entry)
    }
}

/// The entry that cancels a run, and the run's columns then; `None` when it has ended.
/// Works on a journal that does not fold as well: an operator can always end a run.
pub fn cancel(
    created_at: Timestamp,
    journal: &[Entry],
    reason: &str,
    now: Timestamp,
) -> Option<(Entry, Index)> {
    let outcome = Outcome::Cancelled(reason.to_owned());
    let Ok(mut run) = Run::fold(created_at, journal) else { return Some(forced(journal, outcome, now)) };
    let entry = Entry::Finished { at: now, outcome };
    run.apply(&entry).ok()?;
    let index = Index::of(&run);
    Some((entry, index))
}

/// The entry that ends a run which cannot go on at all, and its columns then.
pub fn give_up(journal: &[Entry], failure: Failure, now: Timestamp) -> (Entry, Index) {
    forced(journal, Outcome::Failed(failure.bounded()), now)
}

fn forced(journal: &[Entry], outcome: Outcome, now: Timestamp) -> (Entry, Index) {
    let started_at = view::started_at(journal);
    let index = Index { status: Index::status_of(&outcome), wake_at: None, started_at, ended_at: Some(now) };
    (Entry::Finished { at: now, outcome }, index)
}

#[cfg(test)]
mod tests;
