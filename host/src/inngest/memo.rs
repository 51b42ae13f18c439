//! What an app is told of its run: the events, and what became of its steps.

use pawl_engine::journal::Kind;
use pawl_engine::run::StepState;
use pawl_engine::{Event, Failure, Payload, Run};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// An event as SDKs read it: `user` is there always, `v` when its sender gave one.
#[derive(Debug, Clone, Serialize)]
pub struct EventMemo {
    data: Payload,
    id: String,
    name: String,
    ts: i64,
    user: Payload,
    #[serde(skip_serializing_if = "Option::is_none")]
    v: Option<String>,
}

/// An event as SDKs read it.
pub fn event(event: &Event) -> EventMemo {
    let none = || Payload::from_value(&serde_json::json!({}));
    EventMemo {
        data: event.data.clone(),
        id: event.sender.as_ref().map_or(event.id.as_str(), |sender| &sender.id).to_owned(),
        name: event.name.to_string(),
        ts: event.at.as_millis(),
        user: event.user.clone().unwrap_or_else(none),
        v: event.version.clone(),
    }
}

/// The settled steps of a run by their hashed ids. A sleep is `null`, an event that was waited
/// for stands by itself, and all else is in `data` or `error`.
pub fn steps(run: &Run) -> BTreeMap<String, Box<RawValue>> {
    let memo = |(key, step): (&pawl_engine::StepKey, &pawl_engine::run::Step)| {
        let StepState::Settled(outcome) = &step.state else { return None };
        Some((super::step_id(&key.to_string()), memo(step.kind, outcome)))
    };
    run.steps.iter().filter_map(memo).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Wrapped<'a> {
    Data(&'a Payload),
    Error(ErrorMemo<'a>),
}

#[derive(Serialize)]
struct ErrorMemo<'a> {
    name: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<&'a str>,
}

/// Texts and JSON: nothing that could fail.
fn raw(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

fn memo(kind: Kind, outcome: &Result<Payload, Failure>) -> Box<RawValue> {
    match (kind, outcome) {
        (Kind::Sleep, Ok(_)) => RawValue::NULL.to_owned(),
        (Kind::Wait, Ok(event)) => raw(event),
        (_, Ok(output)) => raw(&Wrapped::Data(output)),
        (_, Err(failure)) => raw(&Wrapped::Error(ErrorMemo {
            name: &failure.name,
            message: &failure.message,
            stack: failure.stack.as_deref(),
        })),
    }
}
