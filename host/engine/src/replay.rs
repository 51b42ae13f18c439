//! What a guest's questions are answered with: from the journal, by executing, or
//! by leaving.
//!
//! A [`Replay`] is a run while somebody carries it. It folds what it decides at once, and
//! hands the new entries to its caller, who makes them durable before the guest
//! hears of them. Each instance that the run has (one goes through the function, others may
//! execute the code of parallel steps beside it) has a [`Cursor`]: how far it got.
//!
//! **Keys.** A step is known by its id and its occurrence. The n-th use of an id
//! that has been *answered* counts; asking again for a step that is still open (as
//! `select` does with the rest of its list) is the same step.
//!
//! **Order.** Where several steps of a list are settled, the one that settled first
//! answers first, one at a time: so a race has the same winner in every replay. While the
//! function's own instance executes a step, nothing else may settle; its caller sees to that.

mod begin;
mod call;
mod end;
mod keys;

pub use begin::check;
pub use call::{
    Answer, Asked, Attempt, Counts, Effect, Fetch, Infer, Invocation, Op, Refused, Rules, RunOptions,
    Settled, StepCall, WaitFor, World,
};
pub use end::{Reworked, cancel, give_up, move_to, outcomes_before, pause, resume};
pub use keys::{Answered, Keys};

use crate::journal::Kind;
use crate::run::{Step, StepState};
use crate::{Entry, Failure, Mail, Payload, Phase, Run, RunId, StepKey, Timestamp, limits};
use std::collections::{BTreeMap, BTreeSet};

/// A run while it is carried.
#[derive(Debug)]
pub struct Replay {
    id: RunId,
    run: Run,
    rules: Rules,
    /// Tries that have begun and not ended.
    open: BTreeMap<StepKey, Attempt>,
    /// What had come in by this time has been read.
    told_at: Timestamp,
}

/// One instance's way through the function.
#[derive(Debug, Default)]
pub struct Cursor {
    /// Which occurrences of an id have been answered.
    answered: Answered,
    /// Steps that earlier passes came to, and this one has not yet.
    missing: BTreeSet<StepKey>,
    /// The step whose code is executing.
    executing: Option<StepKey>,
    /// The question that led to it had other steps beside it.
    has_siblings: bool,
    /// The only step that this instance is to execute.
    target: Option<StepKey>,
    /// Calls name whole keys, and the guest itself sees to coming to the same steps again.
    is_keyed: bool,
    /// Lines that the function has logged outside of steps.
    lines: u32,
    /// How many of those earlier passes have said.
    said: u32,
}

impl Cursor {
    /// The function logs a line; whether it is a new one, and no repetition of what an
    /// earlier pass or the function's own instance says.
    pub fn logs_anew(&mut self) -> bool {
        if self.executing.is_some() {
            return true;
        }
        self.lines += 1;
        self.is_main() && self.lines > self.said
    }

    /// The step whose code is executing.
    pub fn executing(&self) -> Option<&StepKey> {
        self.executing.as_ref()
    }

    /// An instance that executes one step beside the function's own instance.
    pub fn for_step(step: StepKey) -> Self {
        Self { target: Some(step), ..Self::default() }
    }

    /// The same for a guest that names each step by its whole key (`a:1`), and is told what
    /// was recorded before: it is not looked after whether it comes to all of that again.
    pub fn keyed(mut self) -> Self {
        self.is_keyed = true;
        self.missing.clear();
        self
    }

    /// See [`Cursor::keyed`].
    pub fn is_keyed(&self) -> bool {
        self.is_keyed
    }

    /// The only step that this instance is to execute, beside the function's own.
    pub fn target(&self) -> Option<&StepKey> {
        self.target.as_ref()
    }

    /// Whether it is the function's own.
    pub fn is_main(&self) -> bool {
        self.target.is_none()
    }

    fn mark_answered(&mut self, key: &StepKey) {
        self.answered.mark(key);
    }
}

impl Replay {
    /// A run, whose fold `run` is, with what it has been told by `told_at`, or a little later.
    /// Gives the entries to record first.
    pub fn begin(
        id: RunId,
        run: Run,
        rules: Rules,
        mail: &[Mail],
        told_at: Timestamp,
        now: Timestamp,
    ) -> Result<(Self, Vec<Entry>), Refused> {
        let mut replay = Self { id, run, rules, open: BTreeMap::new(), told_at };
        let mut first = Vec::new();
        if replay.run.phase == Phase::Queued {
            first.push(replay.folded(Entry::Started { at: now })?);
        }
        first.extend(replay.settle(mail, now)?);
        Ok((replay, first))
    }

    /// What has come in by `now`, and was not read before.
    pub fn told(&mut self, mail: &[Mail], now: Timestamp) -> Result<Vec<Entry>, Refused> {
        self.told_at = self.told_at.max(now);
        self.settle(mail, now)
    }

    fn settle(&mut self, mail: &[Mail], now: Timestamp) -> Result<Vec<Entry>, Refused> {
        let mut entries = Vec::new();
        for mail in mail {
            if let Some(entry) = self.entry_of(mail, now) {
                entries.push(self.folded(entry)?);
            }
        }
        Ok(entries)
    }

    /// The function's own instance is left, and the run goes on without a pause: its lines
    /// have been said.
    pub fn left(&mut self, cursor: &Cursor) {
        self.run.lines = self.run.lines.max(cursor.lines);
    }

    /// The function's own instance, at the function's start.
    pub fn cursor(&self) -> Cursor {
        Cursor { missing: self.run.reached.clone(), said: self.run.lines, ..Cursor::default() }
    }

    /// The run's steps: those that have settled, in that order, then the others.
    pub fn known(&self) -> Vec<(StepKey, Step)> {
        let settled = self.run.settled.iter().filter_map(|key| Some((key, self.run.steps.get(key)?)));
        let others = self.run.steps.iter().filter(|(_, step)| !step.is_settled());
        settled.chain(others).map(|(key, step)| (key.clone(), step.clone())).collect()
    }

    /// The run as it stands.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// How many failures outside of steps count against the function's retries: the number of
    /// its present try, from 0.
    pub fn failed_tries(&self) -> u32 {
        match self.rules.counts {
            Counts::All => self.run.tries,
            Counts::SinceProgress => self.run.fruitless,
        }
    }

    /// How many tries are under way.
    pub fn under_way(&self) -> usize {
        self.open.len()
    }

    /// How many of them are of this kind.
    pub fn under_way_of(&self, kind: Kind) -> usize {
        self.open.values().filter(|attempt| attempt.kind == kind).count()
    }

    /// A try that is under way.
    pub fn attempt(&self, step: &StepKey) -> Option<&Attempt> {
        self.open.get(step)
    }

    /// An instance asks for steps.
    pub fn ask(
        &mut self,
        cursor: &mut Cursor,
        calls: &[StepCall],
        world: &mut dyn World,
        now: Timestamp,
    ) -> Result<Asked, Refused> {
        if let (Some(executing), Some(call)) = (&cursor.executing, calls.first()) {
            return Err(Refused::Nested(executing.clone(), call.id.clone()));
        }
        let keys = self.keys(cursor, calls)?;
        if let Some(target) = &cursor.target {
            // an instance beside the function's own: recorded answers, or its own step
            let answer = match keys.iter().position(|key| key == target) {
                Some(place) => self.open.get(target).map(|a| Answer::Work(vec![(place, a.clone())])),
                None => self.first_settled(&keys).map(|place| self.recorded(cursor, place, &keys[place])),
            };
            let answer = answer.unwrap_or(Answer::Wait(now));
            return Ok(Asked { answer, entries: Vec::new(), effects: Vec::new() });
        }
        for key in &keys {
            cursor.missing.remove(key);
        }
        if let Some(place) = self.first_settled(&keys) {
            let answer = self.recorded(cursor, place, &keys[place]);
            return Ok(Asked { answer, entries: Vec::new(), effects: Vec::new() });
        }
        self.check_missing(cursor, &keys)?;
        let (mut entries, effects) = self.begin_steps(calls, &keys, world, now)?;
        if let Some(over) = self.over(&keys, now) {
            entries.push(self.folded(over)?);
        }
        let answer = match self.first_settled(&keys) {
            Some(place) => self.recorded(cursor, place, &keys[place]),
            None => self.unsettled(calls, &keys, now),
        };
        Ok(Asked { answer, entries, effects })
    }

    /// The instance executes this try's code.
    pub fn execute(&mut self, cursor: &mut Cursor, attempt: Attempt, has_siblings: bool) {
        cursor.executing = Some(attempt.step.clone());
        cursor.has_siblings = has_siblings;
        self.open.insert(attempt.step.clone(), attempt);
    }

    /// This try is made elsewhere: by the host, or in an instance of its own.
    pub fn take_off(&mut self, attempt: Attempt) {
        self.open.insert(attempt.step.clone(), attempt);
    }

    /// A try that did not come about: it may begin again.
    pub fn called_off(&mut self, step: &StepKey) {
        self.open.remove(step);
    }

    /// None of the tries that are under way comes to anything.
    pub fn call_all_off(&mut self) {
        self.open.clear();
    }

    /// The function's instance is left until then.
    pub fn park(&mut self, cursor: &Cursor, until: Timestamp, now: Timestamp) -> Result<Vec<Entry>, Refused> {
        let lines = cursor.lines.max(self.run.lines);
        Ok(vec![self.folded(Entry::Parked { at: now, until, lines })?])
    }

    /// Each call's key: its id, with the lowest occurrences that have no answer yet.
    fn keys(&self, cursor: &Cursor, calls: &[StepCall]) -> Result<Vec<StepKey>, Refused> {
        if calls.is_empty() {
            return Err(Refused::Nothing);
        }
        if calls.len() > limits::STEPS_PER_RUN {
            return Err(Refused::TooManySteps);
        }
        let mut free = cursor.answered.keys(calls);
        let mut keys = Vec::with_capacity(calls.len());
        for call in calls {
            let key = match cursor.is_keyed {
                true => StepKey::whole(&call.id)?,
                false => free.next_of(&call.id)?,
            };
            self.check_kind(&key, &call.op)?;
            self.check_length(&key, &call.op)?;
            self.check_new(&key, &call.op)?;
            keys.push(key);
        }
        let new = keys.iter().filter(|k| !self.run.steps.contains_key(k)).count();
        if self.run.steps.len() + new > limits::STEPS_PER_RUN {
            return Err(Refused::TooManySteps);
        }
        Ok(keys)
    }

    fn check_kind(&self, key: &StepKey, op: &Op) -> Result<(), Refused> {
        match self.run.steps.get(key) {
            Some(step) if step.kind != op.kind() => {
                Err(Refused::OtherKind(key.clone(), step.kind.as_str(), op.kind().as_str()))
            }
            _ => Ok(()),
        }
    }

    /// A new step is only for those who have come to all the former ones again. Not for
    /// a question that has a recorded answer: its losers may never have begun.
    fn check_missing(&self, cursor: &Cursor, keys: &[StepKey]) -> Result<(), Refused> {
        let new = keys.iter().find(|key| !self.run.steps.contains_key(key));
        match (new, self.first_missing(cursor)) {
            (Some(new), Some(missing)) => {
                Err(Refused::Skipped(missing, format!("asks for the new step `{new}`")))
            }
            _ => Ok(()),
        }
    }

    /// The step that the instance should have come to first.
    fn first_missing(&self, cursor: &Cursor) -> Option<StepKey> {
        let settled = self.run.settled.iter().find(|key| cursor.missing.contains(*key));
        settled.or_else(|| cursor.missing.first()).cloned()
    }

    fn first_settled(&self, keys: &[StepKey]) -> Option<usize> {
        if let [key] = keys {
            return self.run.steps.get(key)?.is_settled().then_some(0);
        }
        let places: BTreeMap<_, _> = keys.iter().enumerate().map(|(place, key)| (key, place)).collect();
        self.run.settled.iter().find_map(|key| places.get(key).copied())
    }

    fn recorded(&self, cursor: &mut Cursor, place: usize, key: &StepKey) -> Answer {
        cursor.mark_answered(key);
        let result = match self.run.steps.get(key).map(|step| &step.state) {
            Some(StepState::Settled(result)) => result.clone(),
            Some(StepState::Waiting { .. } | StepState::Trying { .. }) | None => Ok(Payload::null()),
        };
        Answer::Recorded(place, result)
    }

    /// What may begin, or when.
    fn unsettled(&self, calls: &[StepCall], keys: &[StepKey], now: Timestamp) -> Answer {
        let tries = calls.iter().zip(keys).enumerate();
        let work: Vec<_> =
            tries.filter_map(|(place, (call, key))| Some((place, self.next_try(call, key, now)?))).collect();
        if !work.is_empty() {
            return Answer::Work(work);
        }
        let pending = |key: &StepKey| match self.run.steps.get(key)?.state {
            StepState::Waiting { until } => Some(until),
            StepState::Trying { until, .. } if !self.open.contains_key(key) => Some(until),
            StepState::Trying { .. } | StepState::Settled(_) => None,
        };
        // a year from now, when all of it is under way: something will settle before
        Answer::Wait(keys.iter().filter_map(pending).min().unwrap_or(now + limits::SLEEP))
    }

    /// The step's next try, when it may begin now.
    fn next_try(&self, call: &StepCall, key: &StepKey, now: Timestamp) -> Option<Attempt> {
        let options = match &call.op {
            Op::Run(options) => *options,
            Op::Fetch(fetch) => fetch.options,
            Op::Sleep(_) | Op::SleepUntil(_) | Op::Wait(_) | Op::Invoke(_) | Op::Send(_) => return None,
        };
        let number = match self.run.steps.get(key) {
            None => 0,
            Some(Step { state: StepState::Trying { failed, until }, .. }) if *until <= now => *failed,
            Some(_) => return None,
        };
        if self.open.contains_key(key) {
            return None;
        }
        let max = options.retries.unwrap_or(self.rules.retries).min(limits::RETRIES) + 1;
        let timeout = options.timeout.unwrap_or(self.rules.step_timeout);
        Some(Attempt { step: key.clone(), kind: call.op.kind(), number, max, timeout, started_at: now })
    }

    fn entry_of(&self, mail: &Mail, now: Timestamp) -> Option<Entry> {
        let waits = |step: &StepKey, kind: Kind| {
            let found = self.run.steps.get(step).filter(|s| s.kind == kind);
            found.is_some_and(|s| matches!(s.state, StepState::Waiting { .. }))
        };
        let settled = |step: &StepKey, op: Kind, result: &Result<Payload, Failure>| {
            let (step, attempt, started_at, at) = (step.clone(), 0, now, now);
            match result.clone() {
                Ok(output) => Entry::StepCompleted { step, op, attempt, started_at, at, output },
                Err(failure) => Entry::StepFailed { step, op, attempt, started_at, at, failure },
            }
        };
        match mail {
            // whoever carries the run looks for this one before it begins
            Mail::Cancel { .. } => None,
            Mail::Event { step, event } => {
                waits(step, Kind::Wait).then(|| settled(step, Kind::Wait, &Ok(event.clone())))
            }
            Mail::Ended { step, result } => {
                waits(step, Kind::Invoke).then(|| settled(step, Kind::Invoke, result))
            }
            Mail::Lost { step, failure } => {
                let result = failure.clone().map_or_else(|| Ok(Payload::null()), Err);
                waits(step, Kind::Wait).then(|| settled(step, Kind::Wait, &result))
            }
        }
    }

    fn folded(&mut self, entry: Entry) -> Result<Entry, Refused> {
        self.run.apply(&entry)?;
        Ok(entry)
    }
}

#[cfg(test)]
mod tests;
