//! Replays as guests see them, and random guests against the transition table.

mod divergence;
mod operators;
mod parallel;
mod random;
mod steps;
mod tries;
mod waits;

use super::*;
use crate::journal::samples::{at, key, text};
use crate::{EventId, FunctionId, NewEvent, Outcome, Span};

const RULES: Rules = Rules {
    retries: 3,
    retry_interval: Some(Span::from_millis(10)),
    step_timeout: Span::from_secs(300),
    counts: Counts::All,
};

/// A run's journal, and passes over it.
struct World {
    journal: Vec<Entry>,
    mail: Vec<Mail>,
    effects: Vec<Effect>,
    ids: Ids,
    now: i64,
    rules: Rules,
}

/// Ids by counting; every function but `nobody` is known.
struct Ids(u32);

impl super::World for Ids {
    fn run_id(&mut self, _: Timestamp) -> RunId {
        self.0 += 1;
        RunId::new(format!("r{}", self.0))
    }
    fn event_id(&mut self, _: Timestamp) -> EventId {
        self.0 += 1;
        EventId::new(format!("e{}", self.0))
    }
    fn knows(&self, function: &FunctionId) -> bool {
        function.as_str() != "nobody"
    }
}

/// A run in its main instance.
struct Pass {
    replay: Replay,
    cursor: Cursor,
}

impl World {
    fn new() -> Self {
        let (journal, mail, effects) = (Vec::new(), Vec::new(), Vec::new());
        Self { journal, mail, effects, ids: Ids(0), now: 0, rules: RULES }
    }
    fn run(&self) -> Run {
        Run::fold(at(0), &self.journal).expect("a legal journal")
    }
    fn pass(&mut self) -> Pass {
        self.now += 1;
        let mail = std::mem::take(&mut self.mail);
        let (replay, first) =
            Replay::begin(RunId::new("r"), self.run(), self.rules, &mail, at(self.now), at(self.now))
                .expect("begins");
        self.journal.extend(first);
        Pass { cursor: replay.cursor(), replay }
    }
    fn ask_by(
        &mut self,
        replay: &mut Replay,
        cursor: &mut Cursor,
        calls: &[StepCall],
    ) -> Result<Answer, Refused> {
        let asked = replay.ask(cursor, calls, &mut self.ids, at(self.now))?;
        self.journal.extend(asked.entries);
        self.effects.extend(asked.effects);
        Ok(asked.answer)
    }
    fn try_ask(&mut self, pass: &mut Pass, calls: &[StepCall]) -> Result<Answer, Refused> {
        self.ask_by(&mut pass.replay, &mut pass.cursor, calls)
    }
    fn ask(&mut self, pass: &mut Pass, calls: &[StepCall]) -> Answer {
        self.try_ask(pass, calls).expect("an answer")
    }
    /// What a question of an instance beside the function's own gets.
    fn fork(&mut self, pass: &mut Pass, fork: &mut Cursor, calls: &[StepCall]) -> Answer {
        self.ask_by(&mut pass.replay, fork, calls).expect("an answer")
    }
    /// As a session does it when there is nothing beside the function's own instance.
    fn go(&mut self, pass: &mut Pass, calls: &[StepCall]) -> Answer {
        let answer = self.ask(pass, calls);
        match &answer {
            Answer::Work(work) => pass.replay.execute(&mut pass.cursor, work[0].1.clone(), calls.len() > 1),
            Answer::Wait(until) => {
                let parked = pass.replay.park(&pass.cursor, *until, at(self.now)).expect("parks");
                self.journal.extend(parked);
            }
            Answer::Recorded(..) => {}
        }
        answer
    }
    /// Takes all off that may begin now; gives their steps.
    fn take_off(&mut self, pass: &mut Pass, calls: &[StepCall]) -> Vec<StepKey> {
        let Answer::Work(work) = self.ask(pass, calls) else { panic!("nothing may begin") };
        work.iter().for_each(|(_, attempt)| pass.replay.take_off(attempt.clone()));
        work.into_iter().map(|(_, attempt)| attempt.step).collect()
    }
    fn finish(&mut self, pass: &mut Pass, result: Result<Payload, Failure>) -> Settled {
        let step = pass.cursor.executing().expect("a step executes").clone();
        self.settle(pass, &step, result)
    }
    fn settle(&mut self, pass: &mut Pass, step: &StepKey, result: Result<Payload, Failure>) -> Settled {
        self.now += 1;
        let (settled, entries) =
            pass.replay.finish(&mut pass.cursor, step, result, at(self.now)).expect("an open attempt");
        self.journal.extend(entries);
        settled
    }
    fn execute(&mut self, pass: &mut Pass, id: &str, output: &str) {
        assert!(matches!(self.go(pass, &[run(id)]), Answer::Work(_)), "{id} executes");
        assert_eq!(self.finish(pass, Ok(text(output))), Settled::Completed);
    }
    fn end(&mut self, pass: &mut Pass, result: Result<Payload, Failure>) -> Result<(), Refused> {
        let entries = pass.replay.end(&pass.cursor, result, at(self.now))?;
        self.journal.extend(entries);
        Ok(())
    }
}

fn call(id: &str, op: Op) -> StepCall {
    StepCall { id: id.into(), op }
}

fn run(id: &str) -> StepCall {
    call(id, Op::Run(RunOptions::default()))
}

fn sleep(id: &str, ms: u64) -> StepCall {
    call(id, Op::Sleep(Span::from_millis(ms)))
}

/// Waits for `shop/paid` for so long.
fn wait(id: &str, ms: u64) -> StepCall {
    filtered(id, ms, None)
}

fn filtered(id: &str, ms: u64, filter: Option<&str>) -> StepCall {
    let (event, filter, timeout) = ("shop/paid".into(), filter.map(Into::into), Span::from_millis(ms));
    call(id, Op::Wait(WaitFor { event, filter, timeout, only: None }))
}

fn invoke(id: &str, function: &str, ms: u64) -> StepCall {
    let (function, timeout) = (FunctionId::new(function), Some(Span::from_millis(ms)));
    call(id, Op::Invoke(Invocation { function, data: text("{\"n\":1}"), user: None, timeout }))
}

fn send(id: &str, names: &[&str]) -> StepCall {
    let event = |name: &&str| NewEvent {
        name: (*name).into(),
        data: text("{}"),
        user: None,
        at: None,
        version: None,
        sender: None,
        trace: None,
    };
    call(id, Op::Send(names.iter().map(event).collect()))
}

fn fetch(id: &str) -> StepCall {
    call(
        id,
        Op::Fetch(Fetch {
            method: "GET".into(),
            url: "http://a/".into(),
            headers: Vec::new(),
            body: None,
            options: RunOptions::default(),
            infer: None,
        }),
    )
}

/// A failure that may be tried again.
fn broken() -> Failure {
    Failure::new("E", "broken")
}

fn ok(json: &str) -> Result<Payload, Failure> {
    Ok(text(json))
}

fn null() -> Result<Payload, Failure> {
    Ok(Payload::null())
}

/// An event's mail.
fn paid(step: &str, json: &str) -> Mail {
    Mail::Event { step: key(step), event: text(json) }
}

fn attempts(answer: &Answer) -> Vec<(usize, String, u32)> {
    match answer {
        Answer::Work(work) => work.iter().map(|(place, a)| (*place, a.step.to_string(), a.number)).collect(),
        Answer::Recorded(..) | Answer::Wait(_) => panic!("no work: {answer:?}"),
    }
}
