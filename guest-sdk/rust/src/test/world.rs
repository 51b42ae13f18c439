//! A run under test: what is recorded of it, and its passes.

use super::Test;
use super::report::{Kind, Line};
use super::tries::{self, Tries};
use crate::bindings::exports::pawl::workflow::functions::{Context, Event as WitEvent};
use crate::bindings::pawl::workflow::types::Failure;
use crate::function::Definition;
use crate::{Event, Timestamp};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

/// A function as the host calls it.
pub(super) type Function = Box<dyn Fn(Context) -> Result<String, Failure>>;

/// The id of every run under test.
pub(super) const RUN_ID: &str = "run-under-test";

/// What an invoked function's event is called.
const INVOKED: &str = "inngest/function.invoked";

/// A step: its id, and how often the function had used that id before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) turn: u32,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.turn {
            0 => f.write_str(&self.id),
            turn => write!(f, "{}:{turn}", self.id),
        }
    }
}

/// What is recorded of a step.
pub(super) struct Record {
    pub(super) kind: Kind,
    pub(super) attempts: u32,
    pub(super) state: State,
}

/// How far a step is.
pub(super) enum State {
    /// Nothing happens before then; and then null.
    Waiting { until: u64 },
    /// So many tries have failed; the next one comes then.
    Trying { failed: u32, max: u32, until: u64 },
    /// Its outcome.
    Settled(Result<String, Failure>),
}

/// How a try of a step's code goes on.
pub(super) enum Settled {
    Kept,
    /// No tries are left: what to raise in the function.
    Failed(Failure),
    Again,
}

/// A run under test.
pub(crate) struct World {
    pub(super) test: Rc<Test>,
    pub(super) definition: Option<&'static Definition>,
    events: Vec<Event>,
    pub(super) started: u64,
    pub(super) now: u64,
    pub(super) steps: BTreeMap<Key, Record>,
    /// In the order in which they were asked for.
    pub(super) order: Vec<Key>,
    /// In the order in which they came to their end.
    pub(super) settled: Vec<Key>,
    /// What each pass has to come to again.
    reached: BTreeSet<Key>,
    /// How often the function has failed outside of steps.
    attempt: u32,
    pub(super) passes: u32,
    pub(super) pass: Pass,
    pub(super) logs: Vec<Line>,
    /// How many lines earlier passes have written outside of steps.
    pub(super) said: usize,
    pub(super) sent: Vec<Event>,
    pub(super) keys: BTreeMap<String, Vec<u8>>,
    /// Where the random numbers inside of steps are.
    pub(super) chance: u64,
}

/// One way through the function.
#[derive(Default)]
pub(super) struct Pass {
    /// Which turns of an id have been answered.
    answered: BTreeMap<String, BTreeSet<u32>>,
    /// Steps that earlier passes came to, and this one has not yet.
    pub(super) missing: BTreeSet<Key>,
    /// The step whose code is executing.
    pub(super) executing: Option<Key>,
    /// How many lines it has written outside of steps.
    pub(super) lines: usize,
    /// Where the random numbers outside of steps are.
    pub(super) chance: u64,
}

impl Pass {
    pub(super) fn mark_answered(&mut self, key: &Key) {
        self.answered.entry(key.id.clone()).or_default().insert(key.turn);
    }

    pub(super) fn is_answered(&self, id: &str, turn: u32) -> bool {
        self.answered.get(id).is_some_and(|turns| turns.contains(&turn))
    }
}

impl World {
    pub(super) fn new(test: Rc<Test>, mut events: Vec<Event>, started: u64) -> Self {
        if events.is_empty() {
            events.push(invoked(json!({}), None, started));
        }
        Self {
            definition: None,
            events,
            started,
            now: started,
            steps: BTreeMap::new(),
            order: Vec::new(),
            settled: Vec::new(),
            reached: BTreeSet::new(),
            attempt: 0,
            passes: 0,
            pass: Pass::default(),
            logs: Vec::new(),
            said: 0,
            sent: Vec::new(),
            keys: test.keys.clone(),
            chance: 1,
            test,
        }
    }

    /// The function is called from its start.
    pub(super) fn begin(&mut self) -> Context {
        self.said = self.said.max(self.pass.lines);
        self.passes += 1;
        self.pass = Pass { missing: self.reached.clone(), ..Pass::default() };
        Context {
            function_id: self.definition.map_or("function-under-test", |d| d.id).to_owned(),
            run_id: RUN_ID.to_owned(),
            attempt: self.attempt,
            events: self.events.iter().map(as_given).collect(),
            now: self.started,
        }
    }

    /// The function says what it is. `true`: it was not known, and what it was given so far may
    /// be wrong.
    pub(super) fn meets(&mut self, definition: &'static Definition) -> bool {
        let is_new = self.definition.is_none();
        if is_new {
            self.definition = Some(definition);
            // it was no pass of the function that is known now
            self.passes = self.passes.saturating_sub(1);
        }
        is_new
    }

    /// The function has returned. Gives the run's end, unless there is another try.
    pub(super) fn end(&mut self, result: Result<String, Failure>) -> Option<Result<String, Failure>> {
        let failure = match result {
            Ok(_) if !self.pass.missing.is_empty() => {
                let missing = self.first_missing();
                panic!("{}", diverged(&format!("the function comes to its end without step `{missing}`")))
            }
            Ok(output) => return Some(Ok(output)),
            Err(failure) => failure,
        };
        let tries = Tries { failed: self.attempt, max: self.retries() + 1 };
        match tries::next(tries, &failure) {
            Some(after) => {
                self.now += after;
                self.attempt += 1;
                self.reached.clear();
                None
            }
            None => Some(Err(failure)),
        }
    }

    /// Tries after the first, where a step says nothing else.
    pub(super) fn retries(&self) -> u32 {
        self.definition.and_then(|d| d.retries).unwrap_or(tries::RETRIES)
    }

    pub(super) fn record(&mut self, key: &Key, kind: Kind, state: State) {
        self.order.push(key.clone());
        self.reached.insert(key.clone());
        self.steps.insert(key.clone(), Record { kind, attempts: 0, state });
    }

    pub(super) fn settle(&mut self, key: &Key, result: Result<String, Failure>) {
        self.settled.push(key.clone());
        if let Some(record) = self.steps.get_mut(key) {
            record.state = State::Settled(result);
        }
    }

    /// The step that the pass should have come to first.
    pub(super) fn first_missing(&self) -> String {
        let missing = self.order.iter().find(|key| self.pass.missing.contains(*key));
        missing.map(Key::to_string).unwrap_or_default()
    }
}

/// What a function is told that is not the same in each pass.
pub(super) fn diverged(what: &str) -> String {
    format!(
        "{what}, which an earlier pass came to: outside of its steps a function has to come to the same \
         each time (no clock, no randomness, nothing that changes)"
    )
}

/// The event of a function that is called.
pub(super) fn invoked(data: serde_json::Value, user: Option<serde_json::Value>, now: u64) -> Event {
    let timestamp = Timestamp::from_millis(now);
    Event { id: "event-1".to_owned(), name: INVOKED.to_owned(), data, user, timestamp, version: None }
}

fn as_given(event: &Event) -> WitEvent {
    let Event { id, name, data, user, timestamp, version } = event.clone();
    WitEvent {
        id,
        name,
        data: data.to_string(),
        user: user.map(|user| user.to_string()),
        timestamp: timestamp.as_millis(),
        version,
    }
}
