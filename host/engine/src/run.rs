//! The state of a run: the fold of its journal. **This file is the transition
//! table**: which entry may follow in which state, and what comes of it.

use crate::{Entry, Failure, Outcome, Payload, StepKey, Timestamp};
use std::collections::BTreeMap;

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
    /// Over.
    Finished(Outcome),
}

/// A step's state.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// A sleep that goes on.
    Sleeping {
        /// when it ends
        until: Timestamp,
    },
    /// A sleep that is over.
    Slept,
    /// Failed tries, and another to come.
    Retrying {
        /// how many have failed
        failed: u32,
        /// when the next may begin
        until: Timestamp,
    },
    /// Done, with its output.
    Completed(Payload),
    /// Out of tries, with its last failure.
    Failed(Failure),
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
    /// How often the function failed outside of its steps.
    pub tries: u32,
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
            tries: 0,
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
        let phase = next_phase(&self.phase, entry)?;
        match entry {
            Entry::Started { at } => self.started_at = Some(*at),
            Entry::TryFailed { number, .. } if *number != self.tries => {
                return Err(illegal(entry, "its number is not the next"));
            }
            Entry::TryFailed { .. } => self.tries += 1,
            Entry::Parked { lines, .. } => self.lines = self.lines.max(*lines),
            Entry::Finished { .. } => {}
            Entry::SleepStarted { step, .. }
            | Entry::SleepEnded { step, .. }
            | Entry::AttemptFailed { step, .. }
            | Entry::StepCompleted { step, .. }
            | Entry::StepFailed { step, .. } => {
                let next = next_step(self.steps.get(step), entry)?;
                if next.is_settled() {
                    self.settled.push(step.clone());
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
    /// Whether its answer is final.
    pub fn is_settled(&self) -> bool {
        match self {
            Self::Slept | Self::Completed(_) | Self::Failed(_) => true,
            Self::Sleeping { .. } | Self::Retrying { .. } => false,
        }
    }
}

fn illegal(entry: &Entry, why: &'static str) -> Illegal {
    Illegal { entry: kind(entry), why }
}

/// Phase × entry.
fn next_phase(phase: &Phase, entry: &Entry) -> Result<Phase, Illegal> {
    match phase {
        Phase::Queued => match entry {
            Entry::Started { .. } => Ok(Phase::Running),
            Entry::Finished { outcome, .. } => match outcome {
                Outcome::Cancelled(_) | Outcome::Failed(_) => Ok(Phase::Finished(outcome.clone())),
                Outcome::Completed(_) => Err(illegal(entry, "the run has not started")),
            },
            Entry::SleepStarted { .. }
            | Entry::SleepEnded { .. }
            | Entry::AttemptFailed { .. }
            | Entry::StepCompleted { .. }
            | Entry::StepFailed { .. }
            | Entry::TryFailed { .. }
            | Entry::Parked { .. } => Err(illegal(entry, "the run has not started")),
        },
        Phase::Running | Phase::Sleeping { .. } => match entry {
            Entry::Started { .. } => Err(illegal(entry, "the run has started already")),
            Entry::SleepStarted { .. }
            | Entry::SleepEnded { .. }
            | Entry::AttemptFailed { .. }
            | Entry::StepCompleted { .. }
            | Entry::StepFailed { .. }
            | Entry::TryFailed { .. } => Ok(Phase::Running),
            Entry::Parked { until, .. } => Ok(Phase::Sleeping { until: *until }),
            Entry::Finished { outcome, .. } => Ok(Phase::Finished(outcome.clone())),
        },
        Phase::Finished(_) => match entry {
            Entry::Started { .. }
            | Entry::SleepStarted { .. }
            | Entry::SleepEnded { .. }
            | Entry::AttemptFailed { .. }
            | Entry::StepCompleted { .. }
            | Entry::StepFailed { .. }
            | Entry::TryFailed { .. }
            | Entry::Parked { .. }
            | Entry::Finished { .. } => Err(illegal(entry, "the run is over")),
        },
    }
}

/// Step × entry, for the entries that are about a step.
fn next_step(step: Option<&Step>, entry: &Entry) -> Result<Step, Illegal> {
    let tries = match step {
        None => 0,
        Some(Step::Retrying { failed, .. }) => *failed,
        Some(Step::Sleeping { .. }) => {
            return match entry {
                Entry::SleepEnded { .. } => Ok(Step::Slept),
                _ => Err(illegal(entry, "the step is a sleep")),
            };
        }
        Some(Step::Slept | Step::Completed(_) | Step::Failed(_)) => {
            return Err(illegal(entry, "the step is settled"));
        }
    };
    match entry {
        Entry::SleepStarted { until, .. } if step.is_none() => Ok(Step::Sleeping { until: *until }),
        Entry::SleepStarted { .. } | Entry::SleepEnded { .. } => {
            Err(illegal(entry, "the step is no sleep that goes on"))
        }
        Entry::AttemptFailed { attempt, .. }
        | Entry::StepCompleted { attempt, .. }
        | Entry::StepFailed { attempt, .. }
            if *attempt != tries =>
        {
            Err(illegal(entry, "its attempt is not the next"))
        }
        Entry::AttemptFailed { retry_at, .. } => Ok(Step::Retrying { failed: tries + 1, until: *retry_at }),
        Entry::StepCompleted { output, .. } => Ok(Step::Completed(output.clone())),
        Entry::StepFailed { failure, .. } => Ok(Step::Failed(failure.clone())),
        Entry::Started { .. } | Entry::TryFailed { .. } | Entry::Parked { .. } | Entry::Finished { .. } => {
            Err(illegal(entry, "it is not about a step"))
        }
    }
}

fn kind(entry: &Entry) -> &'static str {
    match entry {
        Entry::Started { .. } => "Started",
        Entry::SleepStarted { .. } => "SleepStarted",
        Entry::SleepEnded { .. } => "SleepEnded",
        Entry::AttemptFailed { .. } => "AttemptFailed",
        Entry::StepCompleted { .. } => "StepCompleted",
        Entry::StepFailed { .. } => "StepFailed",
        Entry::TryFailed { .. } => "TryFailed",
        Entry::Parked { .. } => "Parked",
        Entry::Finished { outcome: Outcome::Completed(_), .. } => "Finished(Completed)",
        Entry::Finished { outcome: Outcome::Failed(_), .. } => "Finished(Failed)",
        Entry::Finished { outcome: Outcome::Cancelled(_), .. } => "Finished(Cancelled)",
    }
}

#[cfg(test)]
mod tests;
