//! The state of a run: the fold of its journal. **This file is the transition
//! table**: which entry may follow in which state, and what comes of it.

use crate::journal::Kind;
use crate::{Entry, Failure, Outcome, Payload, StepKey, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// A run's state. A phase holds exactly its own data.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// Accepted; no instance yet.
    Queued,
    /// Between its start and its end, and not parked: in an instance, or about to
    /// be taken up again after a crash.
    Running,
    /// Parked until a time.
    Sleeping {
        /// when it goes on
        until: Timestamp,
    },
    /// Stopped until it is resumed.
    Paused {
        /// what the run itself stopped for; none when somebody wished it
        why: Option<Failure>,
    },
    /// Over.
    Finished(Outcome),
}

/// A step, as far as it got.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What kind.
    pub kind: Kind,
    /// Where it stands.
    pub state: StepState,
}

/// Where a step stands.
#[derive(Debug, Clone, PartialEq)]
pub enum StepState {
    /// A sleep, an event or another run is waited for.
    Waiting {
        /// when that ends at the latest
        until: Timestamp,
    },
    /// Code, or a request, that is to be tried.
    Trying {
        /// how many tries have failed
        failed: u32,
        /// when the next may begin
        until: Timestamp,
    },
    /// Done, with its output, or out of tries, with its last failure.
    Settled(Result<Payload, Failure>),
}

/// An entry that does not belong where it stands.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{entry} cannot follow: {why}")]
pub struct Illegal {
    /// the entry's kind
    pub entry: &'static str,
    /// in which state it met the run
    pub why: &'static str,
}

/// A run, as far as its journal tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Where the run as a whole stands.
    pub phase: Phase,
    /// Its steps by key.
    pub steps: BTreeMap<StepKey, Step>,
    /// The settled steps in the order in which they settled.
    pub settled: Vec<StepKey>,
    /// The steps that the function's present try has come to: those that each of its
    /// passes comes to again.
    pub reached: BTreeSet<StepKey>,
    /// How often the function failed outside of its steps.
    pub tries: u32,
    /// How often it did since a step has last settled.
    pub fruitless: u32,
    /// How many lines the function has logged outside of steps.
    pub lines: u32,
    /// How many entries the journal has.
    pub seq: u32,
    /// When the run was started.
    pub started_at: Option<Timestamp>,
    /// The time of the last entry, or of the run's making.
    pub last_at: Timestamp,
}

impl Run {
    /// A run without a journal, made at this time.
    pub fn new(created_at: Timestamp) -> Self {
        Self {
            phase: Phase::Queued,
            steps: BTreeMap::new(),
            settled: Vec::new(),
            reached: BTreeSet::new(),
            tries: 0,
            fruitless: 0,
            lines: 0,
            seq: 0,
            started_at: None,
            last_at: created_at,
        }
    }

    /// A run as its journal tells it; the first entry that does not belong is an error.
    pub fn fold<'a>(
        created_at: Timestamp,
        journal: impl IntoIterator<Item = &'a Entry>,
    ) -> Result<Self, Illegal> {
        let mut run = Self::new(created_at);
        journal.into_iter().try_for_each(|entry| run.apply(entry))?;
        Ok(run)
    }

    /// The entry as the run's next. On an error nothing has changed.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), Illegal> {
        let phase = next_phase(self, entry)?;
        match entry {
            Entry::Started { at } => self.started_at = Some(*at),
            Entry::TryFailed { number, .. } if *number != self.tries => {
                return Err(illegal(entry, "its number is not the next"));
            }
            Entry::TryFailed { .. } => {
                self.tries += 1;
                self.fruitless += 1;
                self.reached.clear();
            }
            Entry::Parked { lines, .. } => self.lines = self.lines.max(*lines),
            Entry::Paused { .. } | Entry::Resumed { .. } | Entry::Moved { .. } | Entry::Finished { .. } => {}
            Entry::SleepStarted { step, .. }
            | Entry::SleepEnded { step, .. }
            | Entry::WaitStarted { step, .. }
            | Entry::InvokeStarted { step, .. }
            | Entry::FetchStarted { step, .. }
            | Entry::AttemptFailed { step, .. }
            | Entry::StepCompleted { step, .. }
            | Entry::StepFailed { step, .. } => {
                let next = next_step(self.steps.get(step), entry)?;
                if next.is_settled() {
                    self.fruitless = 0;
                    self.settled.push(step.clone());
                }
                if !self.steps.get(step).is_some_and(Step::waits_for_others) {
                    self.reached.insert(step.clone());
                }
                self.steps.insert(step.clone(), next);
            }
        }
        self.phase = phase;
        self.seq += 1;
        self.last_at = self.last_at.max(entry.at());
        Ok(())
    }
}

impl Step {
    /// Others settle it, whether the function's present try has come to it or not.
    fn waits_for_others(&self) -> bool {
        matches!((self.kind, &self.state), (Kind::Wait | Kind::Invoke, StepState::Waiting { .. }))
    }

    /// Whether its answer is final.
    pub fn is_settled(&self) -> bool {
        match self.state {
            StepState::Settled(_) => true,
            StepState::Waiting { .. } | StepState::Trying { .. } => false,
        }
    }
}

fn illegal(entry: &Entry, why: &'static str) -> Illegal {
    Illegal { entry: kind(entry), why }
}

/// Phase × entry.
fn next_phase(run: &Run, entry: &Entry) -> Result<Phase, Illegal> {
    let stays = || Ok(run.phase.clone());
    match &run.phase {
        Phase::Queued => match entry {
            Entry::Started { .. } => Ok(Phase::Running),
            Entry::Paused { why, .. } => Ok(Phase::Paused { why: why.clone() }),
            Entry::Moved { .. } => stays(),
            Entry::Finished { outcome, .. } => match outcome {
                Outcome::Cancelled(_) | Outcome::Failed(_) => Ok(Phase::Finished(outcome.clone())),
                Outcome::Completed(_) => Err(illegal(entry, "the run has not started")),
            },
            Entry::SleepStarted { .. }
            | Entry::SleepEnded { .. }
            | Entry::WaitStarted { .. }
            | Entry::InvokeStarted { .. }
            | Entry::FetchStarted { .. }
            | Entry::AttemptFailed { .. }
            | Entry::StepCompleted { .. }
            | Entry::StepFailed { .. }
            | Entry::TryFailed { .. }
            | Entry::Parked { .. } => Err(illegal(entry, "the run has not started")),
            Entry::Resumed { .. } => Err(illegal(entry, "the run is not paused")),
        },
        Phase::Running | Phase::Sleeping { .. } => match entry {
            Entry::Started { .. } => Err(illegal(entry, "the run has started already")),
            Entry::SleepStarted { .. }
            | Entry::SleepEnded { .. }
            | Entry::WaitStarted { .. }
            | Entry::InvokeStarted { .. }
            | Entry::FetchStarted { .. }
            | Entry::AttemptFailed { .. }
            | Entry::StepCompleted { .. }
            | Entry::StepFailed { .. }
            | Entry::TryFailed { .. } => Ok(Phase::Running),
            Entry::Parked { until, .. } => Ok(Phase::Sleeping { until: *until }),
            Entry::Paused { why, .. } => Ok(Phase::Paused { why: why.clone() }),
            Entry::Moved { .. } => stays(),
            Entry::Resumed { .. } => Err(illegal(entry, "the run is not paused")),
            Entry::Finished { outcome, .. } => Ok(Phase::Finished(outcome.clone())),
        },
        Phase::Paused { .. } => match entry {
            Entry::Resumed { .. } if run.started_at.is_none() => Ok(Phase::Queued),
            Entry::Resumed { .. } => Ok(Phase::Running),
            Entry::Moved { .. } => stays(),
            Entry::Finished { outcome: outcome @ (Outcome::Cancelled(_) | Outcome::Failed(_)), .. } => {
                Ok(Phase::Finished(outcome.clone()))
            }
            Entry::Started { .. }
            | Entry::SleepStarted { .. }
            | Entry::SleepEnded { .. }
            | Entry::WaitStarted { .. }
            | Entry::InvokeStarted { .. }
            | Entry::FetchStarted { .. }
            | Entry::AttemptFailed { .. }
            | Entry::StepCompleted { .. }
            | Entry::StepFailed { .. }
            | Entry::TryFailed { .. }
            | Entry::Parked { .. }
            | Entry::Paused { .. }
            | Entry::Finished { outcome: Outcome::Completed(_), .. } => {
                Err(illegal(entry, "the run is paused"))
            }
        },
        Phase::Finished(_) => Err(illegal(entry, "the run is over")),
    }
}

/// Step × entry, for the entries that are about a step.
fn next_step(step: Option<&Step>, entry: &Entry) -> Result<Step, Illegal> {
    match step.map(|s| (s.kind, &s.state)) {
        None => first_of_step(entry),
        Some((_, StepState::Settled(_))) => Err(illegal(entry, "the step is settled")),
        Some((kind, StepState::Waiting { .. })) => match entry {
            Entry::SleepEnded { .. } if kind == Kind::Sleep => settled(kind, Ok(Payload::null())),
            Entry::StepCompleted { op, output, .. } if *op == kind && kind != Kind::Sleep => {
                settled(kind, Ok(output.clone()))
            }
            Entry::StepFailed { op, failure, .. } if *op == kind && kind != Kind::Sleep => {
                settled(kind, Err(failure.clone()))
            }
            _ => Err(illegal(entry, "the step waits for something else")),
        },
        Some((kind, StepState::Trying { failed, .. })) => tried(kind, *failed, entry),
    }
}

/// How a step may begin.
fn first_of_step(entry: &Entry) -> Result<Step, Illegal> {
    match entry {
        Entry::SleepStarted { until, .. } => waiting(Kind::Sleep, *until),
        Entry::WaitStarted { until, .. } => waiting(Kind::Wait, *until),
        Entry::InvokeStarted { until, .. } => waiting(Kind::Invoke, *until),
        Entry::FetchStarted { at, .. } => {
            Ok(Step { kind: Kind::Fetch, state: StepState::Trying { failed: 0, until: *at } })
        }
        Entry::StepCompleted { op: Kind::Send, output, .. } => settled(Kind::Send, Ok(output.clone())),
        // what could not even begin: a function that is not there
        Entry::StepFailed { op: op @ (Kind::Invoke | Kind::Send), failure, .. } => {
            settled(*op, Err(failure.clone()))
        }
        Entry::SleepEnded { .. } => Err(illegal(entry, "the step is no sleep that goes on")),
        Entry::AttemptFailed { .. } | Entry::StepCompleted { .. } | Entry::StepFailed { .. } => {
            tried(Kind::Run, 0, entry)
        }
        Entry::Started { .. }
        | Entry::TryFailed { .. }
        | Entry::Parked { .. }
        | Entry::Paused { .. }
        | Entry::Resumed { .. }
        | Entry::Moved { .. }
        | Entry::Finished { .. } => Err(illegal(entry, "it is not about a step")),
    }
}

/// A try of a step's code, or of its request, ended.
fn tried(kind: Kind, failed: u32, entry: &Entry) -> Result<Step, Illegal> {
    match entry {
        Entry::AttemptFailed { op, .. } | Entry::StepCompleted { op, .. } | Entry::StepFailed { op, .. }
            if *op != kind =>
        {
            Err(illegal(entry, "the step is of another kind"))
        }
        Entry::AttemptFailed { attempt, .. }
        | Entry::StepCompleted { attempt, .. }
        | Entry::StepFailed { attempt, .. }
            if *attempt != failed =>
        {
            Err(illegal(entry, "its attempt is not the next"))
        }
        Entry::AttemptFailed { retry_at, .. } => {
            Ok(Step { kind, state: StepState::Trying { failed: failed + 1, until: *retry_at } })
        }
        Entry::StepCompleted { output, .. } => settled(kind, Ok(output.clone())),
        Entry::StepFailed { failure, .. } => settled(kind, Err(failure.clone())),
        _ => Err(illegal(entry, "the step has begun already")),
    }
}

fn waiting(kind: Kind, until: Timestamp) -> Result<Step, Illegal> {
    Ok(Step { kind, state: StepState::Waiting { until } })
}

fn settled(kind: Kind, result: Result<Payload, Failure>) -> Result<Step, Illegal> {
    Ok(Step { kind, state: StepState::Settled(result) })
}

fn kind(entry: &Entry) -> &'static str {
    match entry {
        Entry::Started { .. } => "Started",
        Entry::SleepStarted { .. } => "SleepStarted",
        Entry::SleepEnded { .. } => "SleepEnded",
        Entry::WaitStarted { .. } => "WaitStarted",
        Entry::InvokeStarted { .. } => "InvokeStarted",
        Entry::FetchStarted { .. } => "FetchStarted",
        Entry::AttemptFailed { .. } => "AttemptFailed",
        Entry::StepCompleted { .. } => "StepCompleted",
        Entry::StepFailed { .. } => "StepFailed",
        Entry::TryFailed { .. } => "TryFailed",
        Entry::Parked { .. } => "Parked",
        Entry::Paused { .. } => "Paused",
        Entry::Resumed { .. } => "Resumed",
        Entry::Moved { .. } => "Moved",
        Entry::Finished { outcome: Outcome::Completed(_), .. } => "Finished(Completed)",
        Entry::Finished { outcome: Outcome::Failed(_), .. } => "Finished(Failed)",
        Entry::Finished { outcome: Outcome::Cancelled(_), .. } => "Finished(Cancelled)",
    }
}

#[cfg(test)]
mod tests;
