//! One pass of a served run: what the function asks for is answered from what its server
//! remembers, executed, or handed to the server; then the instance is left.

use super::Host;
use crate::clock;
use crate::inngest::step_id;
use crate::inngest::wire::Memory;
use crate::inngest::wire_ops::{Executed, Op};
use crate::runtime::{Grant, KvCall, KvReply, Level, Open, Reply, Steps, Stop};
use crate::telemetry::one_line;
use async_trait::async_trait;
use pawl_engine::replay::{self, Answered, Fetch, Op as Wanted, Refused, StepCall};
use pawl_engine::{Failure, FunctionId, Manifest, NewEvent, Payload, Retry, StepKey, Timestamp, limits};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the pass is about.
pub(super) struct About {
    pub(super) host: Arc<Host>,
    pub(super) function: FunctionId,
    pub(super) manifest: Manifest,
    pub(super) grant: Grant,
    pub(super) run: String,
    pub(super) started_at: Timestamp,
    pub(super) attempt: u32,
    /// Tries in all, as the server counts them.
    pub(super) max: u32,
    /// New steps are named only.
    pub(super) plans_only: bool,
    /// The one step that is to be executed.
    pub(super) target: Option<String>,
    pub(super) memory: Memory,
}

/// What the pass has come to.
#[derive(Debug)]
pub(super) enum Said {
    /// Steps that wait for the server.
    Steps(Vec<Op>),
    /// A step's code failed.
    Failed(Box<Op>, Failure, IsFinal),
    /// The wanted step is not among these, which the function now asks for.
    Missing(Vec<Op>),
}

/// Whether a failure is the step's last.
pub(super) type IsFinal = bool;

#[derive(Default)]
struct State {
    /// Which occurrences of an id have been answered.
    answered: Answered,
    /// How many steps have been.
    count: usize,
    executing: Option<Executing>,
    said: Option<Said>,
}

struct Executing {
    step: StepKey,
    from: Timestamp,
    max: u32,
}

/// The pass, as its instance has it and as its keeper looks at it afterwards.
#[derive(Clone)]
pub(super) struct Way {
    about: Arc<About>,
    /// Where in the stack a step is.
    places: Arc<HashMap<String, usize>>,
    state: Arc<Mutex<State>>,
}

/// What a question comes to.
enum Next {
    Answer(Reply),
    /// Events are to be sent, which is this host's to do.
    Send(StepKey, Vec<NewEvent>),
    Leave(Box<Said>),
}

impl Way {
    pub(super) fn new(about: About) -> Self {
        let stack = about.memory.stack.iter().cloned();
        let places = stack.enumerate().map(|(place, id)| (id, place)).collect();
        Self { about: Arc::new(about), places: Arc::new(places), state: Arc::default() }
    }

    /// What the pass has come to, if the function has not ended.
    pub(super) fn said(&self) -> Option<Said> {
        self.state().said.take()
    }

    /// The instance broke: so has the step that was executing.
    pub(super) fn broke(&self, failure: Failure) -> Result<Said, Failure> {
        match self.state().executing.take() {
            Some(executing) => Ok(self.failed(executing, failure)),
            None => Err(failure),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, calls: &[StepCall]) -> Result<Next, Refused> {
        let mut state = self.state();
        if let (Some(executing), Some(call)) = (&state.executing, calls.first()) {
            return Err(Refused::Nested(executing.step.clone(), call.id.clone()));
        }
        let keys = keys(&state, calls)?;
        let denied = calls.iter().enumerate().find_map(|(place, call)| match &call.op {
            Wanted::Fetch(fetch) => Some((place, self.denied(&keys[place], fetch)?)),
            _ => None,
        });
        if let Some((place, failure)) = denied {
            state.answer(&keys[place]);
            return Ok(Next::Answer(Reply::Recorded(place, Err(failure))));
        }
        let ids: Vec<_> = keys.iter().map(|key| step_id(&key.to_string())).collect();
        let about = &self.about;
        if let Some(target) = about.target.as_ref().and_then(|target| ids.iter().position(|id| id == target))
        {
            return Ok(self.begin(&mut state, target, &keys[target], &calls[target]));
        }
        let seen = |(place, id): (usize, &String)| {
            let result = about.memory.get(id)?;
            Some((*self.places.get(id)?, place, result.clone()))
        };
        let first = ids.iter().enumerate().filter_map(seen).min_by_key(|(stack, ..)| *stack);
        if let Some((_, place, result)) = first {
            state.answer(&keys[place]);
            return Ok(Next::Answer(Reply::Recorded(place, remembered(&calls[place].op, result))));
        }
        let new: Vec<_> = (0..calls.len()).filter(|place| !about.memory.knows(&ids[*place])).collect();
        let ops = || new.iter().map(|place| self.wanted(&keys[*place], &calls[*place])).collect();
        Ok(match new.as_slice() {
            _ if about.target.is_some() => Next::Leave(Said::Missing(ops()).into()),
            [only] if !about.plans_only => self.begin(&mut state, *only, &keys[*only], &calls[*only]),
            _ => Next::Leave(Said::Steps(ops()).into()),
        })
    }

    /// Begins a step: by its own code, or by handing it on.
    fn begin(&self, state: &mut State, place: usize, key: &StepKey, call: &StepCall) -> Next {
        let about = &self.about;
        match &call.op {
            Wanted::Run(options) => {
                let own = options.retries.map_or(u32::MAX, |retries| retries.min(limits::RETRIES) + 1);
                let max = own.min(about.max);
                state.executing = Some(Executing { step: key.clone(), from: clock::now(), max: own });
                Next::Answer(Reply::Execute(
                    place,
                    Open {
                        idempotency_key: format!("{}:{key}", about.run),
                        step: key.clone(),
                        number: about.attempt,
                        max,
                        timeout: options.timeout.unwrap_or(about.manifest.step_timeout),
                    },
                ))
            }
            Wanted::Send(events) => {
                state.executing = Some(Executing { step: key.clone(), from: clock::now(), max: u32::MAX });
                Next::Send(key.clone(), events.clone())
            }
            Wanted::Sleep(_)
            | Wanted::SleepUntil(_)
            | Wanted::Wait(_)
            | Wanted::Invoke(_)
            | Wanted::Fetch(_) => Next::Leave(Said::Steps(vec![self.wanted(key, call)]).into()),
        }
    }

    fn wanted(&self, key: &StepKey, call: &StepCall) -> Op {
        Op::wanted(key, call, |function| self.about.host.wire_id(function))
    }

    /// Why the server must not make this request: it is granted as one of this host's own would
    /// be, and a secret stays here.
    fn denied(&self, key: &StepKey, fetch: &Fetch) -> Option<Failure> {
        let why = match reqwest::Url::parse(&fetch.url) {
            Err(e) => return Some(Failure::new("HttpInvalid", format!("URL: {e}")).for_good()),
            Ok(url) if !self.about.grant.allows(&url) => format!(
                "host {} is not granted: name it in the function's `hosts`, and in production under [grants] \
                 in pawl.toml",
                url.host_str().unwrap_or("?")
            ),
            Ok(_) if fetch.headers.iter().any(|(_, value)| value.contains("{secret:")) => format!(
                "step `{key}` would hand a secret to the Inngest server, which makes its request: make it \
                 inside of a step with code of its own"
            ),
            Ok(_) => return None,
        };
        Some(Failure::new("HttpDenied", why).for_good())
    }

    fn failed(&self, executing: Executing, failure: Failure) -> Said {
        let about = &self.about;
        let is_final = failure.retry == Retry::Never || about.attempt.saturating_add(1) >= executing.max;
        let failure = failure.bounded();
        let (run, function, step) = (&about.run, &about.function, &executing.step);
        let message = one_line(&failure.message);
        tracing::warn!(run, %function, %step, attempt = about.attempt.saturating_add(1), name = failure.name, "served attempt failed: {message}");
        let op = Op::failed(&executing.ended(), &failure, is_final);
        Said::Failed(Box::new(op), failure, is_final)
    }

    /// The step that was executing has come to this.
    fn end(&self, result: impl FnOnce(&Executed) -> Result<Op, Failure>) -> Stop {
        let mut state = self.state();
        let Some(executing) = state.executing.take() else {
            return Stop::Failed(Failure::new("NoAttempt", "no attempt is open").for_good());
        };
        state.said = Some(match result(&executing.ended()) {
            Ok(op) => Said::Steps(vec![op]),
            Err(failure) => self.failed(executing, failure),
        });
        Stop::Parked
    }
}

impl State {
    fn answer(&mut self, key: &StepKey) {
        self.answered.mark(key);
        self.count += 1;
    }
}

impl Executing {
    fn ended(&self) -> Executed {
        Executed { step: self.step.clone(), from: self.from, to: clock::now() }
    }
}

/// Each call's key, and whether it can be asked for at all.
fn keys(state: &State, calls: &[StepCall]) -> Result<Vec<StepKey>, Refused> {
    if calls.is_empty() {
        return Err(Refused::Nothing);
    }
    if calls.len() + state.count > limits::STEPS_PER_RUN {
        return Err(Refused::TooManySteps);
    }
    let mut free = state.answered.keys(calls);
    let mut keys = Vec::with_capacity(calls.len());
    for call in calls {
        let key = free.next_of(&call.id)?;
        let span = match &call.op {
            Wanted::Sleep(span) => Some(*span),
            Wanted::Wait(wait) => Some(wait.timeout),
            Wanted::Invoke(invocation) => invocation.timeout,
            Wanted::SleepUntil(_) | Wanted::Run(_) | Wanted::Send(_) | Wanted::Fetch(_) => None,
        };
        if span.is_some_and(|span| span > limits::SLEEP) {
            return Err(Refused::TooLong(key));
        }
        replay::check(&call.op).map_err(|why| Refused::Invalid(key.clone(), why))?;
        keys.push(key);
    }
    Ok(keys)
}

/// What the server remembers of a step, as our functions know it.
fn remembered(op: &Wanted, result: Result<Payload, Failure>) -> Result<Payload, Failure> {
    match (op, result) {
        (Wanted::Send(_), Ok(output)) => Ok(match output.to_value() {
            Value::Object(mut wrapped) => {
                wrapped.remove("ids").map_or_else(Payload::null, |ids| Payload::from_value(&ids))
            }
            _ => output,
        }),
        (Wanted::Fetch(_), Ok(output)) => Ok(fetched(output)),
        (Wanted::Wait(_), Ok(output)) => Ok(event(output)),
        (Wanted::Invoke(_), Err(failure)) if failure.name == "InngestInvokeTimeoutError" => {
            Err(Failure { name: "InvokeTimeout".into(), ..failure })
        }
        (_, result) => result,
    }
}

/// An answer whose headers have their names in small letters.
fn fetched(output: Payload) -> Payload {
    let mut value = output.to_value();
    let Some(Value::Object(headers)) = value.get_mut("headers") else { return output };
    *headers = std::mem::take(headers).into_iter().map(|(k, v)| (k.to_ascii_lowercase(), v)).collect();
    Payload::from_value(&value)
}

/// An event with all that ours have.
fn event(output: Payload) -> Payload {
    if !output.as_str().trim_start().starts_with('{') {
        return output;
    }
    let mut value = output.to_value();
    if let Value::Object(event) = &mut value {
        for name in ["user", "v"] {
            event.entry(name).or_insert(json!(null));
        }
    }
    Payload::from_value(&value)
}

#[async_trait]
impl Steps for Way {
    async fn ask(&mut self, calls: &[StepCall]) -> Result<Reply, Stop> {
        match self.next(calls) {
            Ok(Next::Answer(reply)) => Ok(reply),
            Ok(Next::Leave(said)) => {
                self.state().said = Some(*said);
                Err(Stop::Parked)
            }
            Ok(Next::Send(step, events)) => {
                let about = &self.about;
                let name = format!("{}:{step}", about.run);
                let sent = about.host.server.send(&name, about.started_at, &events).await;
                Err(self.end(|executed| sent.map(|ids| Op::sent(executed, &ids))))
            }
            Err(refused @ Refused::TooManySteps) => Err(Stop::Failed(refused.to_failure())),
            Err(refused) => Ok(Reply::Refused(refused.to_failure())),
        }
    }

    async fn finish(&mut self, result: Result<Payload, Failure>) -> Result<Option<Failure>, Stop> {
        Err(self.end(|executed| result.map(|output| Op::ran(executed, output))))
    }

    fn log(&mut self, level: Level, message: &str, fields: &[(String, String)]) {
        let (step, is_new) = {
            let state = self.state();
            let step = state.executing.as_ref().map(|executing| executing.step.to_string());
            // what was said before the last answer that there is, was said by an earlier pass
            (step.clone(), step.is_some() || state.count >= self.places.len())
        };
        if !is_new {
            return;
        }
        let (run, function, step) = (&self.about.run, &self.about.function, step.unwrap_or_default());
        let fields = fields.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ");
        let (fields, message) = (one_line(&fields), one_line(message));
        match level {
            Level::Trace => tracing::trace!(target: "guest", run, %function, step, fields, "{message}"),
            Level::Debug => tracing::debug!(target: "guest", run, %function, step, fields, "{message}"),
            Level::Info => tracing::info!(target: "guest", run, %function, step, fields, "{message}"),
            Level::Warn => tracing::warn!(target: "guest", run, %function, step, fields, "{message}"),
            Level::Error => tracing::error!(target: "guest", run, %function, step, fields, "{message}"),
        }
    }

    async fn kv(&mut self, call: KvCall) -> Result<KvReply, String> {
        crate::bucket::kv(&*self.about.host.store, self.about.function.as_str(), call).await
    }
}
