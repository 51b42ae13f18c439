//! Steps that are asked for the first time, and waits that come to their end.

use super::{Effect, Op, Refused, Replay, StepCall, World};
use crate::expr::{Expr, Scope};
use crate::flow::Only;
use crate::journal::Kind;
use crate::run::StepState;
use crate::{Entry, Failure, NewEvent, Payload, StepKey, Timestamp, limits};

impl Replay {
    /// What is recorded of steps that are asked for the first time, but for those whose
    /// code is the guest's own.
    pub(super) fn begin_steps(
        &mut self,
        calls: &[StepCall],
        keys: &[StepKey],
        world: &mut dyn World,
        now: Timestamp,
    ) -> Result<(Vec<Entry>, Vec<Effect>), Refused> {
        let is_new = |key: &StepKey| !self.run.steps.contains_key(key);
        let new: Vec<_> = calls.iter().zip(keys).filter(|(_, key)| is_new(key)).collect();
        // all of them are looked at before one is begun: a refusal changes nothing
        let mut begun = Vec::with_capacity(new.len());
        for (call, key) in new {
            begun.extend(begin(call, key, world, now)?);
        }
        let mut entries = Vec::with_capacity(begun.len());
        let mut effects = Vec::new();
        for (entry, effect) in begun {
            entries.push(self.folded(entry)?);
            effects.extend(effect);
        }
        Ok((entries, effects))
    }

    /// By the run's start and not by the time of the question: what one pass is refused,
    /// every pass is.
    pub(super) fn check_length(&self, key: &StepKey, op: &Op) -> Result<(), Refused> {
        let span = match op {
            Op::Sleep(span) => *span,
            Op::SleepUntil(at) => *at - self.run.started_at.unwrap_or(*at),
            Op::Wait(wait) => wait.timeout,
            Op::Invoke(call) => call.timeout.unwrap_or(limits::SLEEP),
            Op::Run(_) | Op::Send(_) | Op::Fetch(_) => return Ok(()),
        };
        if span > limits::SLEEP { Err(Refused::TooLong(key.clone())) } else { Ok(()) }
    }

    /// What a step is about is looked at before anything is answered: what was refused is
    /// in no journal, and has to be refused in every pass.
    pub(super) fn check_new(&self, key: &StepKey, op: &Op) -> Result<(), Refused> {
        if self.run.steps.contains_key(key) {
            return Ok(());
        }
        check(op).map_err(|why| Refused::Invalid(key.clone(), why))
    }

    /// The end of the asked wait that is over first. Who waits for others has been told of
    /// all that came in until [`Replay::begin`]; only up to then can it be too late.
    pub(super) fn over(&self, keys: &[StepKey], now: Timestamp) -> Option<Entry> {
        let over = |key: &StepKey| {
            let step = self.run.steps.get(key)?;
            let known_until = if step.kind == Kind::Sleep { now } else { self.told_at };
            match step.state {
                StepState::Waiting { until } if until <= known_until => Some((until, step.kind)),
                StepState::Waiting { .. } | StepState::Trying { .. } | StepState::Settled(_) => None,
            }
        };
        let all = keys.iter().enumerate().filter_map(|(place, key)| over(key).map(|(t, k)| (t, place, k)));
        let (_, place, kind) = all.min()?;
        let step = keys[place].clone();
        Some(match kind {
            Kind::Wait => Entry::StepCompleted {
                step,
                op: kind,
                attempt: 0,
                started_at: now,
                at: now,
                output: Payload::null(),
            },
            Kind::Invoke => Entry::StepFailed {
                step,
                op: kind,
                attempt: 0,
                started_at: now,
                at: now,
                failure: Failure::new(
                    "InvokeTimeout",
                    "the invoked function did not end in time; its run goes on",
                )
                .for_good(),
            },
            Kind::Sleep | Kind::Run | Kind::Send | Kind::Fetch => Entry::SleepEnded { step, at: now },
        })
    }
}

/// Whether a step may be about this: `Err` says what is wrong with it.
pub fn check(op: &Op) -> Result<(), String> {
    match op {
        Op::Wait(wait) => {
            if wait.event.is_empty() || wait.event.chars().count() > limits::EVENT_NAME_CHARS {
                return Err("the event to wait for has no name, or a very long one".into());
            }
            wait.filter.as_deref().map(parse).transpose().map(drop)
        }
        Op::Invoke(call) if !call.data.as_str().trim_start().starts_with('{') => {
            Err("the data of an event is a JSON object".into())
        }
        Op::Invoke(call) if call.user.as_ref().is_some_and(|u| !u.as_str().trim_start().starts_with('{')) => {
            Err("the user of an event is a JSON object".into())
        }
        Op::Send(events) if events.is_empty() || events.len() > limits::EVENTS_PER_STEP => {
            Err(format!("{} events; a step sends 1 to {}", events.len(), limits::EVENTS_PER_STEP))
        }
        Op::Send(events) => events.iter().try_for_each(|event| match event.clone().check() {
            Ok(_) => Ok(()),
            Err(bad) => Err(bad.to_string()),
        }),
        Op::Run(_) | Op::Sleep(_) | Op::SleepUntil(_) | Op::Invoke(_) | Op::Fetch(_) => Ok(()),
    }
}

fn parse(filter: &str) -> Result<Expr, String> {
    Expr::parse(filter, Scope::Pair).map_err(|e| format!("the filter `{filter}`: {e}"))
}

type Begun = (Entry, Option<Effect>);

fn begin(
    call: &StepCall,
    key: &StepKey,
    world: &mut dyn World,
    now: Timestamp,
) -> Result<Option<Begun>, Refused> {
    let step = key.clone();
    let invalid = |why: String| Refused::Invalid(key.clone(), why);
    Ok(Some(match &call.op {
        Op::Run(_) => return Ok(None),
        Op::Sleep(span) => (Entry::SleepStarted { step, at: now, until: now + *span }, None),
        Op::SleepUntil(until) => (Entry::SleepStarted { step, at: now, until: *until }, None),
        Op::Wait(wait) => {
            let filter = wait.filter.as_deref().map(parse).transpose().map_err(invalid)?;
            let (event, until) = (wait.event.clone(), now + wait.timeout);
            let (only, watched) = (wait.only.clone(), event.clone());
            let effect = Effect::Watch { step: step.clone(), event: watched, filter, until, only };
            let said = wait
                .only
                .as_ref()
                .map(|Only { index: (path, value), .. }| format!("async.{path} == {value}"));
            let filter = wait.filter.clone().or(said);
            (Entry::WaitStarted { step, at: now, until, event, filter }, Some(effect))
        }
        Op::Invoke(call) => {
            if !world.knows(&call.function) {
                let failure =
                    Failure::new("FunctionNotFound", format!("there is no function `{}`", call.function));
                let (op, failure) = (Kind::Invoke, failure.for_good());
                let failed = Entry::StepFailed { step, op, attempt: 0, started_at: now, at: now, failure };
                return Ok(Some((failed, None)));
            }
            let until = now + call.timeout.unwrap_or(limits::SLEEP);
            let (run, event) = (world.run_id(now), world.event_id(now));
            let function = call.function.clone();
            let started =
                Entry::InvokeStarted { step: step.clone(), at: now, until, function, run: run.clone() };
            (started, Some(Effect::Invoke { step, run, event, call: call.clone() }))
        }
        Op::Send(events) => send(step, events, world, now),
        Op::Fetch(fetch) => {
            let (method, url) = (fetch.method.clone(), fetch.url.clone());
            (Entry::FetchStarted { step, at: now, method, url }, None)
        }
    }))
}

fn send(step: StepKey, events: &[NewEvent], world: &mut dyn World, now: Timestamp) -> Begun {
    let events: Vec<_> = events.iter().map(|event| (world.event_id(now), event.clone())).collect();
    let ids: Vec<_> = events.iter().map(|(id, _)| id.as_str()).collect();
    let output = Payload::from_value(&serde_json::json!(ids));
    let effect = Effect::Send { step: step.clone(), events };
    (
        Entry::StepCompleted { step, op: Kind::Send, attempt: 0, started_at: now, at: now, output },
        Some(effect),
    )
}
