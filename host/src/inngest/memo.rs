//! What an app is told of its run: the events, and what became of its steps.

use super::step_id;
use pawl_engine::run::StepState;
use pawl_engine::{Event, Failure, Kind, Payload, Run, StepKey, signal};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A run's settled steps, as its app is told of them.
#[derive(Debug, Clone, Default)]
pub struct Memo {
    /// By their ids on the wire.
    steps: BTreeMap<String, Box<RawValue>>,
    /// The ids in the order in which they settled.
    stack: Vec<String>,
}

impl Memo {
    /// A step has settled.
    pub fn put(&mut self, key: &StepKey, kind: Kind, result: &Result<Payload, Failure>) {
        let id = wire_id(key);
        if self.steps.insert(id.clone(), value(kind, result)).is_none() {
            self.stack.push(id);
        }
    }

    /// Whether this step has settled.
    pub fn has(&self, id: &str) -> bool {
        self.steps.contains_key(id)
    }

    /// A run's, as its journal tells them.
    pub fn of(run: &Run) -> Self {
        let mut memo = Self::default();
        for key in &run.settled {
            if let Some((step, StepState::Settled(result))) = run.steps.get(key).map(|s| (s, &s.state)) {
                memo.put(key, step.kind, result);
            }
        }
        memo
    }

    /// The ids in the order in which the steps settled.
    pub fn stack(&self) -> &[String] {
        &self.stack
    }

    /// The steps as they are fetched where a call would be too large.
    pub fn steps(&self) -> &BTreeMap<String, Box<RawValue>> {
        &self.steps
    }
}

/// The id on the wire. A key that is itself one stays.
pub fn wire_id(key: &StepKey) -> String {
    let text = key.to_string();
    let is_hash = text.len() == 40 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if is_hash { text } else { step_id(&text) }
}

/// An event as apps know it.
pub fn event(event: &Event) -> Value {
    let mut told = Map::new();
    let id = event.sender.as_ref().map_or_else(|| event.id.to_string(), |s| s.id.clone());
    told.insert("id".into(), id.into());
    told.insert("name".into(), event.name.to_string().into());
    told.insert("data".into(), event.data.to_value());
    told.insert("user".into(), event.user.as_ref().map_or_else(|| json!({}), Payload::to_value));
    told.insert("ts".into(), event.at.as_millis().into());
    if let Some(version) = &event.version {
        told.insert("v".into(), version.clone().into());
    }
    Value::Object(told)
}

/// A failure as apps know it.
pub fn error(failure: &Failure) -> Value {
    let name = match failure.name.as_str() {
        "InvokeTimeout" => "InngestInvokeTimeoutError",
        name => name,
    };
    let mut told = json!({"name": name, "message": failure.message});
    if let Some(stack) = &failure.stack {
        told["stack"] = stack.clone().into();
    }
    if let Some(data) = &failure.data {
        told["data"] = data.to_value();
    }
    told
}

/// What an app finds in place of a settled step.
fn value(kind: Kind, result: &Result<Payload, Failure>) -> Box<RawValue> {
    use Kind::{Fetch, Invoke, Run, Send, Sleep, Wait};
    let raw = |text: String| RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned());
    match (kind, result) {
        (_, Err(failure)) => raw(json!({"error": error(failure)}).to_string()),
        (Sleep, Ok(_)) => RawValue::NULL.to_owned(),
        (Wait, Ok(event)) => match signal::told(event) {
            Some(told) => raw(format!("{{\"data\":{}}}", told.get())),
            None => raw(event.as_str().to_owned()),
        },
        (Run | Invoke | Send | Fetch, Ok(output)) => raw(format!("{{\"data\":{}}}", output.as_str())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pawl_engine::{EventId, NewEvent, Timestamp};

    fn payload(text: &str) -> Payload {
        Payload::stored(text.into()).expect("JSON")
    }

    #[test]
    fn each_kind_of_step_is_told_as_sdks_read_it() {
        let told = |kind, outcome: Result<Payload, Failure>| value(kind, &outcome).get().to_owned();
        assert_eq!(told(Kind::Run, Ok(payload("{\"n\":1.50}"))), "{\"data\":{\"n\":1.50}}");
        assert_eq!(told(Kind::Send, Ok(payload("[\"id\"]"))), "{\"data\":[\"id\"]}");
        assert_eq!(told(Kind::Invoke, Ok(payload("null"))), "{\"data\":null}");
        assert_eq!(told(Kind::Sleep, Ok(payload("7"))), "null");
        assert_eq!(told(Kind::Wait, Ok(payload("null"))), "null");
        assert_eq!(told(Kind::Wait, Ok(payload("{\"name\":\"a\"}"))), "{\"name\":\"a\"}");
        let sent = signal::Signal::parse(r#"{"signal":"ok","data":{"n":1.50}}"#).expect("a signal");
        let sent = sent.to_event().accept(EventId::new("e"), Timestamp::from_millis(7)).to_payload();
        assert_eq!(told(Kind::Wait, Ok(sent)), r#"{"data":{"signal":"ok","data":{"n":1.50}}}"#);
        let mut failure = Failure::new("TypeError", "no");
        failure.stack = Some("at x".into());
        let error: Value = serde_json::from_str(&told(Kind::Run, Err(failure))).expect("JSON");
        assert_eq!(error, json!({"error": {"name": "TypeError", "message": "no", "stack": "at x"}}));
    }

    #[test]
    fn an_event_has_a_user_always_and_a_version_when_its_sender_gave_one() {
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
        let wanted = json!({"data": {"n": 1.5}, "id": "ours", "name": "a/b", "ts": 7, "user": {}});
        assert_eq!(super::event(&event), wanted);
    }

    #[test]
    fn a_key_that_is_an_id_of_the_wire_stays() {
        assert_eq!(wire_id(&StepKey::parse(&step_id("x"))), step_id("x"));
        assert_eq!(wire_id(&StepKey::parse("x:2")), step_id("x:2"));
    }
}
