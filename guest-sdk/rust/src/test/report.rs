//! What became of a run under test.

use super::world::{Key, Record, State, World};
use crate::bindings::pawl::workflow::types::Failure;
use crate::{Error, Event, Level, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// A run that has come to its end; made by [`Test::go`](super::Test::go).
#[derive(Debug)]
pub struct Run {
    pub(super) output: Result<String>,
    steps: Vec<StepRun>,
    took: u64,
    passes: u32,
    sent: Vec<Event>,
    logs: Vec<Line>,
    keys: BTreeMap<String, Vec<u8>>,
}

/// What became of one step.
#[derive(Debug)]
pub struct StepRun {
    /// As the host shows it: the first repeat of `charge` is `charge:1`.
    pub id: String,
    /// What it did.
    pub kind: Kind,
    /// How often it was tried: code and requests at least once, all else never.
    pub attempts: u32,
    /// What it gave or failed with for good; `None` when the run ended before.
    pub outcome: Option<Result<Value>>,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The function's own code.
    Run,
    /// `sleep` and `sleep_until`.
    Sleep,
    /// `wait_for_event`.
    Wait,
    /// `invoke`.
    Invoke,
    /// `send_event` and `send_events`.
    Send,
    /// `fetch`.
    Fetch,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Run => "code",
            Self::Sleep => "a sleep",
            Self::Wait => "a wait for an event",
            Self::Invoke => "a call of a function",
            Self::Send => "an event to send",
            Self::Fetch => "a request",
        })
    }
}

/// A line of the run's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How much it matters.
    pub level: Level,
    /// The text.
    pub message: String,
    /// Names and values.
    pub fields: Vec<(String, String)>,
    /// Which step's code wrote it; `None` outside of steps.
    pub step: Option<String>,
}

impl Run {
    /// What the function gave, as a `T`; or what the run failed with.
    pub fn output<T: DeserializeOwned>(&self) -> Result<T> {
        match &self.output {
            Ok(text) => serde_json::from_str(text).map_err(|e| {
                Error::no_retry(format!("the function gave {text}: {e}")).with_name("OutputMismatch")
            }),
            Err(error) => Err(Error::from_failure(error.as_failure().clone())),
        }
    }

    /// What the run failed with.
    pub fn error(&self) -> Option<&Error> {
        self.output.as_ref().err()
    }

    /// Its steps in the order in which the function came to them.
    pub fn steps(&self) -> &[StepRun] {
        &self.steps
    }

    /// One of them.
    ///
    /// # Panics
    ///
    /// When there is none of this id.
    #[track_caller]
    pub fn step(&self, id: &str) -> &StepRun {
        let found = self.steps.iter().find(|step| step.id == id);
        found.unwrap_or_else(|| panic!("no step `{id}`; there are {:?}", self.step_ids()))
    }

    /// Their ids in that order.
    pub fn step_ids(&self) -> Vec<&str> {
        self.steps.iter().map(|step| step.id.as_str()).collect()
    }

    /// How much time has passed: sleeps, waits, the time between two tries.
    pub fn slept(&self) -> Duration {
        Duration::from_millis(self.took)
    }

    /// How often the function was called from its start.
    pub fn passes(&self) -> u32 {
        self.passes
    }

    /// The events that it sent.
    pub fn sent(&self) -> &[Event] {
        &self.sent
    }

    /// What it logged, each line once.
    pub fn logs(&self) -> &[Line] {
        &self.logs
    }

    /// What the key-value bucket holds at last under this key, if that is a `T`'s JSON.
    pub fn key<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        serde_json::from_slice(self.keys.get(key)?).ok()
    }

    pub(super) fn of(world: &mut World, result: std::result::Result<String, Failure>) -> Self {
        let report = |key: &Key| step(key, &world.steps[key]);
        Self {
            output: result.map_err(Error::from_failure),
            steps: world.order.iter().map(report).collect(),
            took: world.now - world.started,
            passes: world.passes,
            sent: std::mem::take(&mut world.sent),
            logs: std::mem::take(&mut world.logs),
            keys: std::mem::take(&mut world.keys),
        }
    }
}

fn step(key: &Key, record: &Record) -> StepRun {
    let outcome = match &record.state {
        State::Settled(Ok(text)) => Some(Ok(serde_json::from_str(text).unwrap_or_default())),
        State::Settled(Err(failure)) => Some(Err(Error::from_failure(failure.clone()))),
        State::Waiting { .. } | State::Trying { .. } => None,
    };
    StepRun { id: key.to_string(), kind: record.kind, attempts: record.attempts, outcome }
}
