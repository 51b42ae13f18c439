//! A function's questions: what is answered, begun or done, and when there is nothing but to
//! wait.

use super::http::{Answerer, Request};
use super::mock::{Code, Mock, Then};
use super::play::play;
use super::report::Kind;
use super::tries::{self, Tries};
use super::world::{Key, RUN_ID, Settled, State, World, diverged, invoked};
use super::{Test, wishes};
use crate::bindings::pawl::workflow::types::{Failure, NewEvent};
use crate::host::http;
use crate::host::step::Request as Asked;
use crate::host::step::{Attempt, EventMatch, Fetch, Invocation, Operation, Outcome};
use crate::{Error, Event, Timestamp};
use serde_json::Value;
use std::collections::BTreeSet;
use std::rc::Rc;

/// The host's limits.
const STEPS: usize = 1_000;
const ID_BYTES: usize = 256;
const OUTPUT_BYTES: usize = 4 << 20;
const LONGEST: u64 = 366 * 86_400_000;

/// What follows a question.
pub(super) enum Next {
    /// A step is settled, or to be executed.
    Answer(usize, Outcome),
    /// This is to be done for a step first.
    Do(Key, Job),
    /// The function is left, and called again.
    Leave,
}

/// What is done for a step, other than the function's own code.
pub(super) enum Job {
    /// What the test says in place of the code, for this try.
    Mock(Rc<Code>, u32),
    /// A request that the host makes.
    Fetch(Rc<Answerer>, Request),
    /// A call of another function, with that event.
    Invoke(Rc<Test>, Event, u64),
    /// Nothing but this.
    Done(Result<String, Failure>),
}

/// What came of it, and how many milliseconds it took.
pub(super) struct Done(Result<String, Failure>, u64);

impl Job {
    pub(super) fn done(self) -> Done {
        match self {
            Self::Mock(code, number) => Done(code.borrow_mut()(number).map_err(Error::into_failure), 0),
            Self::Fetch(answerer, request) => {
                let answer = answerer.borrow_mut()(&request);
                let network = |why| Error::new(why).with_name("HttpNetwork").into_failure();
                Done(answer.for_host(&request.url).map_err(network), 0)
            }
            Self::Invoke(test, event, now) => {
                let run = play(&test, vec![event], now);
                let took = u64::try_from(run.slept().as_millis()).unwrap_or(u64::MAX);
                Done(run.output.map_err(Error::into_failure), took)
            }
            Self::Done(result) => Done(result, 0),
        }
    }
}

impl World {
    pub(super) fn ask(&mut self, requests: &[Asked]) -> Next {
        let keys = match self.keys(requests) {
            Ok(keys) => keys,
            Err((name, why)) => return refused(name, &why),
        };
        for key in &keys {
            self.pass.missing.remove(key);
        }
        if let Some(place) = self.first_settled(&keys) {
            return self.recorded(place, &keys[place]);
        }
        for (request, key) in requests.iter().zip(&keys) {
            if !self.steps.contains_key(key) {
                self.begin_step(request, key);
            }
        }
        self.end_waits(&keys);
        if let Some(place) = self.first_settled(&keys) {
            return self.recorded(place, &keys[place]);
        }
        for (place, (request, key)) in requests.iter().zip(&keys).enumerate() {
            if let State::Trying { failed, max, until } = self.steps[key].state
                && until <= self.now
            {
                return self.attempt(place, request, key, Tries { failed, max });
            }
        }
        let until = keys.iter().filter_map(|key| match self.steps[key].state {
            State::Waiting { until } | State::Trying { until, .. } => Some(until),
            State::Settled(_) => None,
        });
        self.now = until.min().unwrap_or(self.now).max(self.now);
        Next::Leave
    }

    /// Each request's key, when all of them can be asked for.
    fn keys(&self, requests: &[Asked]) -> Result<Vec<Key>, (&'static str, String)> {
        if let (Some(outer), Some(inner)) = (&self.pass.executing, requests.first()) {
            let why =
                format!("step `{}` was asked for inside of step `{outer}`: steps do not nest", inner.id);
            return Err(("NestedStep", why));
        }
        let mut taken = BTreeSet::new();
        let mut keys = Vec::with_capacity(requests.len());
        for Asked { id, op } in requests {
            if id.is_empty() || id.len() > ID_BYTES {
                return Err((
                    "InvalidStepId",
                    format!("a step's id has 1 to {ID_BYTES} bytes, not {}", id.len()),
                ));
            }
            let is_taken = |turn: &u32| !self.pass.is_answered(id, *turn) && !taken.contains(&(id, *turn));
            let turn = (0..).find(is_taken).unwrap_or(u32::MAX);
            taken.insert((id, turn));
            let key = Key { id: id.clone(), turn };
            self.check_kind(&key, kind(op));
            let span = match op {
                Operation::Sleep(span) => *span,
                Operation::SleepUntil(at) => at.saturating_sub(self.started),
                Operation::WaitForEvent(wait) => wait.timeout,
                Operation::Invoke(call) => call.timeout.unwrap_or(LONGEST),
                Operation::Run(_) | Operation::SendEvent(_) | Operation::Fetch(_) => 0,
            };
            if span > LONGEST {
                return Err(("SleepTooLong", format!("step `{key}` would wait for more than 366 days")));
            }
            keys.push(key);
        }
        let new = keys.iter().filter(|key| !self.steps.contains_key(key)).count();
        assert!(self.steps.len() + new <= STEPS, "the run has more than {STEPS} steps");
        Ok(keys)
    }

    fn check_kind(&self, key: &Key, kind: Kind) {
        if let Some(record) = self.steps.get(key).filter(|record| record.kind != kind) {
            let what = format!("the function asks for {kind} as step `{key}` in place of {}", record.kind);
            panic!("{}", diverged(&what));
        }
    }

    fn first_settled(&self, keys: &[Key]) -> Option<usize> {
        self.settled.iter().find_map(|settled| keys.iter().position(|key| key == settled))
    }

    fn recorded(&mut self, place: usize, key: &Key) -> Next {
        self.pass.mark_answered(key);
        let outcome = match &self.steps[key].state {
            State::Settled(Ok(text)) => Outcome::Ok(text.clone()),
            State::Settled(Err(failure)) => Outcome::Err(failure.clone()),
            State::Waiting { .. } | State::Trying { .. } => Outcome::Ok("null".to_owned()),
        };
        Next::Answer(place, outcome)
    }

    /// A step that is asked for the first time.
    fn begin_step(&mut self, request: &Asked, key: &Key) {
        if !self.pass.missing.is_empty() {
            let missing = self.first_missing();
            panic!("{}", diverged(&format!("the function asks for step `{key}` before step `{missing}`")));
        }
        let op = &request.op;
        let trying =
            |retries: u32| State::Trying { failed: 0, max: retries.min(tries::MOST) + 1, until: self.now };
        let state = match op {
            Operation::Sleep(millis) => State::Waiting { until: self.now + millis },
            Operation::SleepUntil(at) => State::Waiting { until: *at },
            Operation::WaitForEvent(wait) => State::Waiting { until: self.now + wait.timeout },
            Operation::Run(options) => trying(options.retries.unwrap_or_else(|| self.retries())),
            Operation::Fetch(fetch) => trying(fetch.retries.unwrap_or_else(|| self.retries())),
            Operation::Invoke(_) | Operation::SendEvent(_) => trying(0),
        };
        let kind = kind(op);
        if kind == Kind::Sleep && mock(&self.test, key).is_some() {
            panic!("step `{key}` is a sleep: time passes by itself, and there is nothing to say about it");
        }
        self.record(key, kind, state);
        if let Operation::WaitForEvent(wait) = op {
            self.hear(wait, key);
        }
    }

    /// The event that the test has for this wait.
    fn hear(&mut self, wait: &EventMatch, key: &Key) {
        let test = self.test.clone();
        let Some(mock) = mock(&test, key) else { return };
        if let Some(failure) = mock.failure(0) {
            return self.settle(key, Err(tries::for_good(failure.clone())));
        }
        let data = match mock.then() {
            Some(Then::Hear(data)) => data.clone(),
            Some(Then::Give(_) | Then::Do(_)) => {
                panic!("step `{key}` waits for an event: say which comes by `.event_for(…)`")
            }
            None => return,
        };
        let timestamp = Timestamp::from_millis(self.now);
        let (id, name) = (format!("event-for-{key}"), wait.name.clone());
        let event = Event { id, name, data, user: None, timestamp, version: None };
        self.settle(key, Ok(super::mock::text(&event)));
    }

    /// The wait that is over first comes to its end.
    fn end_waits(&mut self, keys: &[Key]) {
        let over = keys.iter().filter_map(|key| match self.steps[key].state {
            State::Waiting { until } if until <= self.now => Some((until, key)),
            State::Waiting { .. } | State::Trying { .. } | State::Settled(_) => None,
        });
        if self.first_settled(keys).is_none()
            && let Some((_, key)) = over.min_by_key(|(until, _)| *until)
        {
            self.settle(key, Ok("null".to_owned()));
        }
    }

    /// A step's next try.
    fn attempt(&mut self, place: usize, request: &Asked, key: &Key, tries: Tries) -> Next {
        if let Some(record) = self.steps.get_mut(key).filter(|r| matches!(r.kind, Kind::Run | Kind::Fetch)) {
            record.attempts += 1;
        }
        if let Some(job) = self.mocked(key, kind(&request.op), tries.failed) {
            return Next::Do(key.clone(), job);
        }
        let job = match &request.op {
            Operation::Fetch(fetch) => self.fetch(fetch, key),
            Operation::Invoke(call) => self.invoke(call, key),
            Operation::SendEvent(events) => Job::Done(Ok(self.send(events))),
            Operation::Run(_)
            | Operation::Sleep(_)
            | Operation::SleepUntil(_)
            | Operation::WaitForEvent(_) => {
                self.pass.executing = Some(key.clone());
                let idempotency_key = format!("{RUN_ID}:{key}");
                let attempt = Attempt { number: tries.failed, max: tries.max, idempotency_key };
                return Next::Answer(place, Outcome::Execute(attempt));
            }
        };
        Next::Do(key.clone(), job)
    }

    /// What the test says of this try.
    fn mocked(&self, key: &Key, kind: Kind, number: u32) -> Option<Job> {
        let mock = mock(&self.test, key)?;
        if let Some(failure) = mock.failure(number) {
            return Some(Job::Done(Err(failure.clone())));
        }
        match (mock.then()?, kind) {
            (Then::Hear(_), _) => panic!("step `{key}` is {kind}: no event comes for it"),
            (_, Kind::Fetch) => panic!("step `{key}` is a request: say what answers it by `.http(…)`"),
            (Then::Give(text), _) => Some(Job::Done(Ok(text.clone()))),
            (Then::Do(code), _) => Some(Job::Mock(code.clone(), number)),
        }
    }

    fn fetch(&self, fetch: &Fetch, key: &Key) -> Job {
        let Fetch { method, url, headers, body, timeout, .. } = fetch.clone();
        let request = http::Request { method, url, headers, body: body.map(Into::into), timeout };
        if let Some(definition) = self.definition
            && let Err(why) = wishes::check(definition, &request, &self.test.settings)
        {
            return Job::Done(Err(Error::no_retry(why).with_name("HttpDenied").into_failure()));
        }
        Job::Fetch(self.answerer(&key.to_string()), Request::of(&request))
    }

    fn invoke(&self, call: &Invocation, key: &Key) -> Job {
        let Some(test) = self.test.functions.get(&call.function) else {
            panic!(
                "step `{key}` calls `{0}`: say what it gives by `.step(\"{key}\", …)`, or give the function \
                 by `.function(\"{0}\", pawl::test::run(…))`",
                call.function
            )
        };
        let json = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
        let event = invoked(json(&call.data), call.user.as_deref().map(json), self.now);
        Job::Invoke(test.clone(), event, self.now)
    }

    fn send(&mut self, events: &[NewEvent]) -> String {
        let json = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
        let mut ids = Vec::new();
        for event in events {
            let id = event.id.clone().unwrap_or_else(|| format!("sent-{}", self.sent.len() + 1));
            ids.push(id.clone());
            self.sent.push(Event {
                id,
                name: event.name.clone(),
                data: json(&event.data),
                user: event.user.as_deref().map(json),
                timestamp: Timestamp::from_millis(event.timestamp.unwrap_or(self.now)),
                version: event.version.clone(),
            });
        }
        super::mock::text(&ids)
    }

    /// What was to be done for a step is done.
    pub(super) fn done(&mut self, key: &Key, Done(result, took): Done) {
        self.now = self.now.saturating_add(took);
        self.tried(key, result);
    }

    /// The function's own code has come to its end.
    pub(super) fn finish(&mut self, result: Result<String, Failure>) -> Settled {
        let Some(key) = self.pass.executing.take() else {
            panic!("an attempt ended that was not open");
        };
        let settled = self.tried(&key, result);
        if !matches!(settled, Settled::Again) {
            self.pass.mark_answered(&key);
        }
        settled
    }

    fn tried(&mut self, key: &Key, result: Result<String, Failure>) -> Settled {
        let failure = match result {
            Ok(text) if text.len() > OUTPUT_BYTES => {
                let why =
                    format!("the output is {} bytes of JSON; the limit here is {OUTPUT_BYTES}", text.len());
                Error::no_retry(why).with_name("InvalidOutput").into_failure()
            }
            Ok(text) => {
                self.settle(key, Ok(text));
                return Settled::Kept;
            }
            Err(failure) => failure,
        };
        let now = self.now;
        if let Some(record) = self.steps.get_mut(key)
            && let State::Trying { failed, max, .. } = record.state
            && let Some(after) = tries::next(Tries { failed, max }, &failure)
        {
            record.state = State::Trying { failed: failed + 1, max, until: now + after };
            return Settled::Again;
        }
        let failure = tries::for_good(failure);
        self.settle(key, Err(failure.clone()));
        Settled::Failed(failure)
    }
}

/// What the test says of a step: of this turn of its id, else of all.
fn mock<'a>(test: &'a Test, key: &Key) -> Option<&'a Mock> {
    test.mocks.get(&key.to_string()).or_else(|| test.mocks.get(&key.id))
}

fn kind(op: &Operation) -> Kind {
    match op {
        Operation::Run(_) => Kind::Run,
        Operation::Sleep(_) | Operation::SleepUntil(_) => Kind::Sleep,
        Operation::WaitForEvent(_) => Kind::Wait,
        Operation::Invoke(_) => Kind::Invoke,
        Operation::SendEvent(_) => Kind::Send,
        Operation::Fetch(_) => Kind::Fetch,
    }
}

/// A question that is the failure of its step.
fn refused(name: &str, why: &str) -> Next {
    Next::Answer(0, Outcome::Err(Error::no_retry(why).with_name(name).into_failure()))
}
