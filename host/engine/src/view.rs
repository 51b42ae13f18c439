//! A run's journal as people read it: one row a step, with its attempts.

use crate::{Entry, Failure, Outcome, Payload, StepKey, Timestamp};

/// A step as its entries tell it.
#[derive(Debug, Clone, PartialEq)]
pub struct StepView {
    /// Its key.
    pub id: StepKey,
    /// What kind.
    pub op: OpView,
    /// Where it stands.
    pub status: StepStatus,
    /// The tries that ended, oldest first. None for a sleep.
    pub attempts: Vec<AttemptView>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was settled.
    pub ended_at: Option<Timestamp>,
    /// When it goes on by itself.
    pub wake_at: Option<Timestamp>,
    /// What it gave.
    pub output: Option<Payload>,
    /// Its last failure.
    pub error: Option<Failure>,
}

/// One ended try.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptView {
    /// From 0.
    pub number: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How, when it failed.
    pub error: Option<Failure>,
}

/// A step's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpView {
    /// The guest's own code.
    Run,
    /// A sleep.
    Sleep,
}

/// A step's status in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepStatus {
    /// Waits for a time.
    Sleeping,
    /// Failed, and will be tried again.
    Retrying,
    /// Done.
    Completed,
    /// Out of tries.
    Failed,
    /// The run ended before it was settled.
    Cancelled,
}

impl OpView {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Sleep => "sleep",
        }
    }
}

impl StepStatus {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sleeping => "Sleeping",
            Self::Retrying => "Retrying",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }
}

/// The steps in the order in which they began.
pub fn steps(journal: &[Entry]) -> Vec<StepView> {
    let mut steps: Vec<StepView> = Vec::new();
    for entry in journal {
        match entry {
            Entry::SleepStarted { step, at, until } => {
                let view = step_of(&mut steps, step, OpView::Sleep, *at);
                view.status = StepStatus::Sleeping;
                view.wake_at = Some(*until);
            }
            Entry::SleepEnded { step, at } => {
                let view = step_of(&mut steps, step, OpView::Sleep, *at);
                (view.status, view.ended_at, view.wake_at) = (StepStatus::Completed, Some(*at), None);
            }
            Entry::AttemptFailed { step, attempt, started_at, at, failure, retry_at } => {
                let view = step_of(&mut steps, step, OpView::Run, *started_at);
                view.attempts.push(tried(*attempt, *started_at, *at, Some(failure)));
                (view.status, view.wake_at) = (StepStatus::Retrying, Some(*retry_at));
                view.error = Some(failure.clone());
            }
            Entry::StepCompleted { step, attempt, started_at, at, output } => {
                let view = step_of(&mut steps, step, OpView::Run, *started_at);
                view.attempts.push(tried(*attempt, *started_at, *at, None));
                (view.status, view.ended_at, view.wake_at) = (StepStatus::Completed, Some(*at), None);
                (view.output, view.error) = (Some(output.clone()), None);
            }
            Entry::StepFailed { step, attempt, started_at, at, failure } => {
                let view = step_of(&mut steps, step, OpView::Run, *started_at);
                view.attempts.push(tried(*attempt, *started_at, *at, Some(failure)));
                (view.status, view.ended_at, view.wake_at) = (StepStatus::Failed, Some(*at), None);
                view.error = Some(failure.clone());
            }
            Entry::Finished { at, .. } => {
                for view in steps.iter_mut().filter(|view| view.ended_at.is_none()) {
                    (view.status, view.ended_at, view.wake_at) = (StepStatus::Cancelled, Some(*at), None);
                }
            }
            Entry::Started { .. } | Entry::TryFailed { .. } | Entry::Parked { .. } => {}
        }
    }
    steps
}

/// When the run was started.
pub fn started_at(journal: &[Entry]) -> Option<Timestamp> {
    journal.iter().find_map(|entry| match entry {
        Entry::Started { at } => Some(*at),
        _ => None,
    })
}

/// The run's end, when it has one.
pub fn outcome(journal: &[Entry]) -> Option<&Outcome> {
    journal.last().and_then(|entry| match entry {
        Entry::Finished { outcome, .. } => Some(outcome),
        _ => None,
    })
}

/// The failure that keeps an unfinished run waiting, if that is why it waits.
pub fn last_failure(journal: &[Entry]) -> Option<&Failure> {
    journal.iter().rev().find_map(|entry| match entry {
        Entry::TryFailed { failure, .. } | Entry::AttemptFailed { failure, .. } => Some(Some(failure)),
        Entry::Parked { .. } => None,
        _ => Some(None),
    })?
}

fn tried(number: u32, started_at: Timestamp, ended_at: Timestamp, error: Option<&Failure>) -> AttemptView {
    AttemptView { number, started_at, ended_at, error: error.cloned() }
}

fn step_of<'a>(
    steps: &'a mut Vec<StepView>,
    id: &StepKey,
    op: OpView,
    started_at: Timestamp,
) -> &'a mut StepView {
    let place = steps.iter().rposition(|s| s.id == *id).unwrap_or_else(|| {
        steps.push(StepView {
            id: id.clone(),
            op,
            status: StepStatus::Sleeping,
            attempts: Vec::new(),
            started_at,
            ended_at: None,
            wake_at: None,
            output: None,
            error: None,
        });
        steps.len() - 1
    });
    &mut steps[place]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::samples::{at, key, text};

    #[test]
    fn a_step_that_failed_once_shows_both_tries_and_no_error() {
        let failure = Failure::new("E", "m");
        let journal = [
            Entry::Started { at: at(1) },
            Entry::AttemptFailed {
                step: key("a"),
                attempt: 0,
                started_at: at(2),
                at: at(3),
                failure: failure.clone(),
                retry_at: at(10),
            },
            Entry::Parked { at: at(3), until: at(10), lines: 0 },
            Entry::StepCompleted {
                step: key("a"),
                attempt: 1,
                started_at: at(11),
                at: at(12),
                output: text("7"),
            },
        ];
        assert_eq!(last_failure(&journal[..3]), Some(&failure));
        let [step] = steps(&journal).try_into().expect("one step");
        assert_eq!((step.status, step.error), (StepStatus::Completed, None));
        assert_eq!((step.started_at, step.ended_at), (at(2), Some(at(12))));
        let tries: Vec<_> = step.attempts.iter().map(|a| (a.number, a.error.is_some())).collect();
        assert_eq!(tries, [(0, true), (1, false)]);
    }

    #[test]
    fn a_sleep_of_a_run_that_was_cancelled_is_over() {
        let journal = [
            Entry::Started { at: at(1) },
            Entry::SleepStarted { step: key("nap"), at: at(2), until: at(99) },
            Entry::Finished { at: at(5), outcome: Outcome::Cancelled("by hand".into()) },
        ];
        let [step] = steps(&journal).try_into().expect("one step");
        assert_eq!((step.status, step.ended_at, step.wake_at), (StepStatus::Cancelled, Some(at(5)), None));
    }
}
