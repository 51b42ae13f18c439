//! A run's journal as people read it: one row a step, with its attempts.

use crate::journal::Kind;
use crate::{Entry, Failure, Outcome, Payload, RunId, StepKey, Timestamp};

/// A step as its entries tell it.
#[derive(Debug, Clone, PartialEq)]
pub struct StepView {
    /// Its key.
    pub id: StepKey,
    /// What kind.
    pub op: Kind,
    /// Where it stands.
    pub status: StepStatus,
    /// The tries that ended, oldest first. None for what waits.
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
    /// What it waits for, in a few words: an event's name, a function, a URL.
    pub about: Option<String>,
    /// The run that it invoked.
    pub invoked: Option<RunId>,
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

/// A step's status in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepStatus {
    /// Waits for a time.
    Sleeping,
    /// Waits for an event, or for another function.
    Waiting,
    /// The host makes its request.
    Running,
    /// Failed, and will be tried again.
    Retrying,
    /// Done.
    Completed,
    /// Out of tries.
    Failed,
    /// The run ended before it was settled.
    Cancelled,
}

impl StepStatus {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sleeping => "Sleeping",
            Self::Waiting => "Waiting",
            Self::Running => "Running",
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
                let view = step_of(&mut steps, step, Kind::Sleep, *at);
                (view.status, view.wake_at) = (StepStatus::Sleeping, Some(*until));
            }
            Entry::SleepEnded { step, at } => step_of(&mut steps, step, Kind::Sleep, *at).completed(*at),
            Entry::WaitStarted { step, at, until, event, .. } => {
                let view = step_of(&mut steps, step, Kind::Wait, *at);
                (view.status, view.wake_at) = (StepStatus::Waiting, Some(*until));
                view.about = Some(event.clone());
            }
            Entry::InvokeStarted { step, at, until, function, run } => {
                let view = step_of(&mut steps, step, Kind::Invoke, *at);
                (view.status, view.wake_at) = (StepStatus::Waiting, Some(*until));
                (view.about, view.invoked) = (Some(function.to_string()), Some(run.clone()));
            }
            Entry::FetchStarted { step, at, method, url } => {
                let view = step_of(&mut steps, step, Kind::Fetch, *at);
                view.status = StepStatus::Running;
                // what stands behind the `?` is often a key
                let url = url.split(['?', '#']).next().unwrap_or_default();
                view.about = Some(format!("{method} {url}"));
            }
            Entry::AttemptFailed { step, op, attempt, started_at, at, failure, retry_at } => {
                let view = step_of(&mut steps, step, *op, *started_at);
                view.attempts.push(tried(*attempt, *started_at, *at, Some(failure)));
                (view.status, view.wake_at) = (StepStatus::Retrying, Some(*retry_at));
                view.error = Some(failure.clone());
            }
            Entry::StepCompleted { step, op, attempt, started_at, at, output } => {
                let view = step_of(&mut steps, step, *op, *started_at);
                if has_tries(*op) {
                    view.attempts.push(tried(*attempt, *started_at, *at, None));
                }
                view.completed(*at);
                view.output = Some(output.clone());
            }
            Entry::StepFailed { step, op, attempt, started_at, at, failure } => {
                let view = step_of(&mut steps, step, *op, *started_at);
                if has_tries(*op) {
                    view.attempts.push(tried(*attempt, *started_at, *at, Some(failure)));
                }
                (view.status, view.ended_at, view.wake_at) = (StepStatus::Failed, Some(*at), None);
                view.error = Some(failure.clone());
            }
            Entry::Finished { at, .. } => {
                for view in steps.iter_mut().filter(|view| view.ended_at.is_none()) {
                    (view.status, view.ended_at, view.wake_at) = (StepStatus::Cancelled, Some(*at), None);
                }
            }
            Entry::Started { .. }
            | Entry::TryFailed { .. }
            | Entry::Parked { .. }
            | Entry::Paused { .. }
            | Entry::Resumed { .. }
            | Entry::Moved { .. } => {}
        }
    }
    steps
}

impl StepView {
    fn completed(&mut self, at: Timestamp) {
        (self.status, self.ended_at, self.wake_at, self.error) =
            (StepStatus::Completed, Some(at), None, None);
    }
}

fn has_tries(op: Kind) -> bool {
    match op {
        Kind::Run | Kind::Fetch => true,
        Kind::Sleep | Kind::Wait | Kind::Invoke | Kind::Send => false,
    }
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
        Entry::TryFailed { failure, .. }
        | Entry::AttemptFailed { failure, .. }
        | Entry::Paused { why: Some(failure), .. } => Some(Some(failure)),
        Entry::Parked { .. } | Entry::Moved { .. } => None,
        _ => Some(None),
    })?
}

fn tried(number: u32, started_at: Timestamp, ended_at: Timestamp, error: Option<&Failure>) -> AttemptView {
    AttemptView { number, started_at, ended_at, error: error.cloned() }
}

fn step_of<'a>(
    steps: &'a mut Vec<StepView>,
    id: &StepKey,
    op: Kind,
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
            about: None,
            invoked: None,
        });
        steps.len() - 1
    });
    &mut steps[place]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FunctionId;
    use crate::journal::samples::{at, key, text};

    #[test]
    fn a_step_that_failed_once_shows_both_tries_and_no_error() {
        let failure = Failure::new("E", "m");
        let journal = [
            Entry::Started { at: at(1) },
            Entry::AttemptFailed {
                step: key("a"),
                op: Kind::Run,
                attempt: 0,
                started_at: at(2),
                at: at(3),
                failure: failure.clone(),
                retry_at: at(10),
            },
            Entry::Parked { at: at(3), until: at(10), lines: 0 },
            Entry::StepCompleted {
                step: key("a"),
                op: Kind::Run,
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

    #[test]
    fn what_waits_shows_for_what_and_until_when_and_has_no_tries() {
        let waits = [
            Entry::WaitStarted {
                step: key("paid"),
                at: at(2),
                until: at(60),
                event: "shop/paid".into(),
                filter: None,
            },
            Entry::InvokeStarted {
                step: key("ask"),
                at: at(3),
                until: at(70),
                function: FunctionId::new("label"),
                run: RunId::new("r2"),
            },
        ];
        let seen = |s: &StepView| (s.status, s.started_at, s.wake_at, s.about.clone(), s.invoked.clone());
        let [paid, ask] = steps(&waits).try_into().expect("two steps");
        let waiting = StepStatus::Waiting;
        assert_eq!(seen(&paid), (waiting, at(2), Some(at(60)), Some("shop/paid".into()), None));
        let child = Some(RunId::new("r2"));
        assert_eq!(seen(&ask), (waiting, at(3), Some(at(70)), Some("label".into()), child.clone()));
        let settled = [
            Entry::StepCompleted {
                step: key("paid"),
                op: Kind::Wait,
                attempt: 0,
                started_at: at(9),
                at: at(9),
                output: text("1"),
            },
            Entry::StepFailed {
                step: key("ask"),
                op: Kind::Invoke,
                attempt: 0,
                started_at: at(9),
                at: at(9),
                failure: Failure::new("E", "m"),
            },
        ];
        let [paid, ask] = steps(&[waits, settled].concat()).try_into().expect("two steps");
        let completed = StepStatus::Completed;
        assert_eq!(seen(&paid), (completed, at(2), None, Some("shop/paid".into()), None));
        assert_eq!((paid.output, paid.ended_at, paid.attempts.len()), (Some(text("1")), Some(at(9)), 0));
        assert_eq!(seen(&ask), (StepStatus::Failed, at(3), None, Some("label".into()), child));
        assert_eq!((ask.error, ask.attempts.len()), (Some(Failure::new("E", "m")), 0));
    }

    #[test]
    fn a_request_shows_its_tries_and_not_what_stands_behind_the_question_mark() {
        let began = Entry::FetchStarted {
            step: key("get"),
            at: at(2),
            method: "GET".into(),
            url: "http://a/b?key=secret#part".into(),
        };
        let failed = Entry::AttemptFailed {
            step: key("get"),
            op: Kind::Fetch,
            attempt: 0,
            started_at: at(2),
            at: at(3),
            failure: Failure::new("E", "m"),
            retry_at: at(13),
        };
        let done = Entry::StepCompleted {
            step: key("get"),
            op: Kind::Fetch,
            attempt: 1,
            started_at: at(13),
            at: at(14),
            output: text("{}"),
        };
        let journal = [began, failed, done];
        for (entries, status, tries) in
            [(1, StepStatus::Running, 0), (2, StepStatus::Retrying, 1), (3, StepStatus::Completed, 2)]
        {
            let [get] = steps(&journal[..entries]).try_into().expect("one step");
            assert_eq!((get.op, get.status, get.attempts.len()), (Kind::Fetch, status, tries));
            assert_eq!((get.about.as_deref(), get.started_at), (Some("GET http://a/b"), at(2)));
            assert_eq!(get.wake_at, (entries == 2).then(|| at(13)));
        }
    }

    #[test]
    fn sent_events_are_done_as_they_begin() {
        let sent = Entry::StepCompleted {
            step: key("tell"),
            op: Kind::Send,
            attempt: 0,
            started_at: at(2),
            at: at(2),
            output: text("[\"e1\"]"),
        };
        let [tell] = steps(&[sent]).try_into().expect("one step");
        assert_eq!((tell.op, tell.status, tell.attempts.len()), (Kind::Send, StepStatus::Completed, 0));
        assert_eq!((tell.started_at, tell.ended_at), (at(2), Some(at(2))));
    }

    #[test]
    fn a_run_that_stopped_for_its_operator_says_why_until_it_goes_on() {
        let why = Failure::new("Diverged", "m");
        let moved = Entry::Moved {
            at: at(4),
            from: crate::DeploymentId::new("d1"),
            to: crate::DeploymentId::new("d2"),
        };
        let mut journal =
            vec![Entry::Started { at: at(1) }, Entry::Paused { at: at(3), why: Some(why.clone()) }, moved];
        assert_eq!(last_failure(&journal), Some(&why));
        journal.push(Entry::Resumed { at: at(5) });
        assert_eq!(last_failure(&journal), None);
        journal.push(Entry::Paused { at: at(6), why: None });
        assert_eq!(last_failure(&journal), None);
    }
}
