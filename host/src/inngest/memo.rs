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

#[cfg(test)]
mod tests {
    use super::*;
    use pawl_engine::{EventId, NewEvent, Timestamp};
    use serde_json::{Value, json};

    fn payload(text: &str) -> Payload {
        Payload::stored(text.into()).expect("JSON")
    }

    #[test]
    fn each_kind_of_step_is_told_as_sdks_read_it() {
        let told = |kind, outcome: Result<Payload, Failure>| memo(kind, &outcome).get().to_owned();
        assert_eq!(told(Kind::Run, Ok(payload("{\"n\":1.50}"))), "{\"data\":{\"n\":1.50}}");
        assert_eq!(told(Kind::Send, Ok(payload("[\"id\"]"))), "{\"data\":[\"id\"]}");
        assert_eq!(told(Kind::Invoke, Ok(payload("null"))), "{\"data\":null}");
        assert_eq!(told(Kind::Sleep, Ok(payload("7"))), "null");
        assert_eq!(told(Kind::Wait, Ok(payload("null"))), "null");
        assert_eq!(told(Kind::Wait, Ok(payload("{\"name\":\"a\"}"))), "{\"name\":\"a\"}");
        let mut failure = Failure::new("TypeError", "no");
        failure.stack = Some("at x".into());
        let error: Value = serde_json::from_str(&told(Kind::Run, Err(failure))).expect("JSON");
        assert_eq!(error, json!({"error": {"name": "TypeError", "message": "no", "stack": "at x"}}));
    }

    #[test]
    fn an_event_has_a_user_always_and_its_data_to_the_letter() {
        let event = NewEvent {
            name: "a/b".into(),
            data: payload("{\"n\": 1.50}"),
            user: None,
            at: None,
            version: None,
            sender: None,
            trace: None,
        };
        let event = event.accept(EventId::new("ours"), Timestamp::from_millis(7));
        let told = serde_json::to_string(&super::event(&event)).expect("JSON");
        assert_eq!(told, "{\"data\":{\"n\": 1.50},\"id\":\"ours\",\"name\":\"a/b\",\"ts\":7,\"user\":{}}");
    }
}
