//! What an app answers a call with: what its function's steps are to do next, and errors.

use super::register::time_text;
use super::step_id;
use pawl_engine::replay::{Fetch, Invocation, Op as Wanted, StepCall, WaitFor};
use pawl_engine::{Failure, Payload, StepKey, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One word of the answer about one step.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Op {
    /// The hash of the step's key.
    pub id: String,
    op: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    display_name: String,
    opts: Opts,
    userland: Userland,
    data: Payload,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timing: Option<Timing>,
}

#[derive(Debug, Clone, Serialize)]
struct Userland {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u32>,
}

/// When its code was executed, and for how long: in nanoseconds.
#[derive(Debug, Clone, Copy, Serialize)]
struct Timing {
    a: i64,
    b: i64,
}

#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
enum Opts {
    None {},
    Typed {
        #[serde(rename = "type")]
        kind: &'static str,
    },
    Wait {
        timeout: String,
        #[serde(rename = "if", skip_serializing_if = "Option::is_none")]
        filter: Option<String>,
    },
    Invoke {
        payload: Invoked,
        function_id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        timeout: Option<String>,
    },
    Fetch {
        url: String,
        method: String,
        headers: BTreeMap<String, String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        body: Option<String>,
    },
}

#[derive(Debug, Clone, Serialize)]
struct Invoked {
    data: Payload,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Payload>,
}

/// A step that was executed from one time to another.
#[derive(Debug, Clone)]
pub struct Executed {
    /// Which.
    pub step: StepKey,
    /// When its code began.
    pub from: Timestamp,
    /// When it ended.
    pub to: Timestamp,
}

impl Executed {
    fn timing(&self) -> Timing {
        let nanos = |ms: i64| ms.saturating_mul(1_000_000);
        let took = i64::try_from((self.to - self.from).as_millis()).unwrap_or(i64::MAX);
        Timing { a: nanos(self.from.as_millis()), b: nanos(took) }
    }
}

impl Op {
    fn new(step: &StepKey, op: &'static str, opts: Opts) -> Self {
        Self {
            id: step_id(&step.to_string()),
            op,
            name: Some(step.name.to_string()),
            display_name: step.name.to_string(),
            opts,
            userland: Userland {
                id: step.name.to_string(),
                index: Some(step.occurrence).filter(|index| *index > 0),
            },
            data: Payload::null(),
            error: None,
            timing: None,
        }
    }

    /// The step's code gave this.
    pub fn ran(executed: &Executed, data: Payload) -> Self {
        Self { data, timing: Some(executed.timing()), ..Self::new(&executed.step, "StepRun", Opts::None {}) }
    }

    /// The step has sent events with these ids.
    pub fn sent(executed: &Executed, ids: &[String]) -> Self {
        let opts = Opts::Typed { kind: "step.sendEvent" };
        Self {
            name: Some("sendEvent".into()),
            data: Payload::from_value(&json!({"ids": ids})),
            timing: Some(executed.timing()),
            ..Self::new(&executed.step, "StepRun", opts)
        }
    }

    /// The step's code failed; `is_final`: it is not to be tried again.
    pub fn failed(executed: &Executed, failure: &Failure, is_final: bool) -> Self {
        let op = if is_final { "StepFailed" } else { "StepError" };
        let data = match is_final {
            true => Payload::from_value(&json!({
                "__serialized": true, "name": failure.name, "message": failure.message, "stack": "",
            })),
            false => Payload::null(),
        };
        Self {
            data,
            error: Some(error(failure)),
            timing: Some(executed.timing()),
            ..Self::new(&executed.step, op, Opts::None {})
        }
    }

    /// What the step wants, to be begun by the server; `wire_id` gives a function's id there.
    pub fn wanted(step: &StepKey, call: &StepCall, wire_id: impl Fn(&str) -> String) -> Self {
        match &call.op {
            Wanted::Run(_) => Self::new(step, "StepPlanned", Opts::None {}),
            Wanted::Send(_) => {
                let planned = Self::new(step, "StepPlanned", Opts::Typed { kind: "step.sendEvent" });
                Self { name: Some("sendEvent".into()), ..planned }
            }
            Wanted::Sleep(span) => {
                Self { name: Some(time_text(*span)), ..Self::new(step, "Sleep", Opts::None {}) }
            }
            Wanted::SleepUntil(at) => {
                Self { name: Some(date_text(*at)), ..Self::new(step, "Sleep", Opts::None {}) }
            }
            Wanted::Wait(wait) => Self::waits(step, wait),
            Wanted::Invoke(invocation) => Self::invokes(step, invocation, &wire_id),
            Wanted::Fetch(fetch) => Self::fetches(step, fetch),
        }
    }

    fn waits(step: &StepKey, wait: &WaitFor) -> Self {
        let opts = Opts::Wait { timeout: time_text(wait.timeout), filter: wait.filter.clone() };
        Self { name: Some(wait.event.clone()), ..Self::new(step, "WaitForEvent", opts) }
    }

    fn invokes(step: &StepKey, call: &Invocation, wire_id: &dyn Fn(&str) -> String) -> Self {
        let opts = Opts::Invoke {
            payload: Invoked { data: call.data.clone(), user: call.user.clone() },
            function_id: wire_id(call.function.as_str()),
            timeout: call.timeout.map(time_text),
        };
        Self { name: None, ..Self::new(step, "InvokeFunction", opts) }
    }

    fn fetches(step: &StepKey, fetch: &Fetch) -> Self {
        let opts = Opts::Fetch {
            url: fetch.url.clone(),
            method: fetch.method.clone(),
            headers: fetch.headers.iter().cloned().collect(),
            body: fetch.body.clone(),
        };
        Self { name: None, ..Self::new(step, "Gateway", opts) }
    }

    /// The step as it is listed where another was looked for.
    pub fn found(&self) -> Value {
        json!({"id": self.id, "name": self.name, "displayName": self.display_name})
    }
}

/// An error as the protocol writes it.
pub fn error(failure: &Failure) -> Value {
    let stack = failure.stack.clone().unwrap_or_else(|| format!("{}: {}", failure.name, failure.message));
    let mut error = json!({
        "name": failure.name, "message": failure.message, "stack": stack, "__serialized": true,
    });
    if let Some(data) = &failure.data {
        error["data"] = data.to_value();
    }
    error
}

/// A moment as the protocol writes it: `2026-11-23T11:43:32.116Z`.
fn date_text(at: Timestamp) -> String {
    // beyond what a calendar has, at its end
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or(jiff::Timestamp::MAX);
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pawl_engine::replay::RunOptions;
    use pawl_engine::{FunctionId, Span};

    fn key(name: &str, occurrence: u32) -> StepKey {
        StepKey::new(name, occurrence).expect("a key")
    }

    fn executed(name: &str, occurrence: u32) -> Executed {
        let at = Timestamp::from_millis;
        Executed { step: key(name, occurrence), from: at(1_795_434_208_743), to: at(1_795_434_208_783) }
    }

    fn json_of(op: &Op) -> Value {
        serde_json::to_value(op).expect("JSON")
    }

    fn wanted(name: &str, op: Wanted) -> Value {
        let call = StepCall { id: name.into(), op };
        json_of(&Op::wanted(&key(name, 0), &call, |id| format!("cap-{id}")))
    }

    /// What Inngest's own npm client, 4.24.0, answered for the same steps.
    #[test]
    fn steps_are_written_as_inngests_own_client_writes_them() {
        let ran = json_of(&Op::ran(&executed("my-step-id", 2), Payload::from_value(&json!(2))));
        assert_eq!(
            ran,
            json!({"id": "5fdb32cd3e6e3d62fa480ac2ad526b79c2682845", "op": "StepRun", "name": "my-step-id",
                "opts": {}, "displayName": "my-step-id", "userland": {"id": "my-step-id", "index": 2}, "data": 2,
                "timing": {"a": 1_795_434_208_743_000_000_i64, "b": 40_000_000}})
        );
        let ids = ["01M843FR6FFYEGYGD66901Z37C".to_owned()];
        let sent = json_of(&Op::sent(&executed("emit", 0), &ids));
        assert_eq!((&sent["name"], &sent["displayName"]), (&json!("sendEvent"), &json!("emit")));
        assert_eq!(
            (&sent["opts"], &sent["data"]),
            (&json!({"type": "step.sendEvent"}), &json!({"ids": ids}))
        );
        assert_eq!(
            wanted("p1", Wanted::Run(RunOptions::default())),
            json!({"displayName": "p1", "op": "StepPlanned", "id": "b78f576611ec06f96af3ca654c22172a5d746c40",
                "name": "p1", "opts": {}, "userland": {"id": "p1"}, "data": null})
        );
        let sleep = wanted("nap", Wanted::Sleep(Span::from_secs(1)));
        assert_eq!(
            (&sleep["op"], &sleep["name"], &sleep["opts"]),
            (&json!("Sleep"), &json!("1s"), &json!({}))
        );
        let until = wanted("until", Wanted::SleepUntil(Timestamp::from_millis(1_795_434_212_116)));
        assert_eq!(until["name"], "2026-11-23T11:43:32.116Z");
        let filter = Some("event.data.k == async.data.k".to_owned());
        let wait = WaitFor { event: "cap/go".into(), filter, timeout: Span::from_secs(10), only: None };
        assert_eq!(
            wanted("w", Wanted::Wait(wait)),
            json!({"displayName": "w", "op": "WaitForEvent", "id": "aff024fe4ab0fece4091de044c58c9ae4233383a",
                "name": "cap/go", "opts": {"timeout": "10s", "if": "event.data.k == async.data.k"},
                "userland": {"id": "w"}, "data": null})
        );
        let data = Payload::from_value(&json!({"hi": 1}));
        let call = Invocation { function: FunctionId::new("two-steps"), data, user: None, timeout: None };
        assert_eq!(
            wanted("call", Wanted::Invoke(call)),
            json!({"displayName": "call", "op": "InvokeFunction", "id": "bc8d8647b02deea0ab3e715c220d041ee78cc19d",
                "opts": {"payload": {"data": {"hi": 1}}, "function_id": "cap-two-steps"},
                "userland": {"id": "call"}, "data": null})
        );
        let fetch = Fetch {
            method: "POST".into(),
            url: "http://127.0.0.1:3031/__echo".into(),
            headers: vec![("x-a".into(), "b".into())],
            body: Some("{\"q\":1}".into()),
            options: RunOptions::default(),
            infer: None,
        };
        assert_eq!(
            wanted("step.fetch: 127.0.0.1", Wanted::Fetch(fetch)),
            json!({"displayName": "step.fetch: 127.0.0.1", "op": "Gateway",
                "id": "ea1a1fbbc498392feea60c99d4d82ec7a6610642",
                "opts": {"url": "http://127.0.0.1:3031/__echo", "method": "POST", "headers": {"x-a": "b"},
                    "body": "{\"q\":1}"},
                "userland": {"id": "step.fetch: 127.0.0.1"}, "data": null})
        );
    }

    #[test]
    fn failures_say_whether_they_are_final() {
        let failure = Failure::new("NonRetriableError", "step boom").for_good();
        let failed = json_of(&Op::failed(&executed("boom", 0), &failure, true));
        assert_eq!(failed["op"], "StepFailed");
        assert_eq!(
            failed["data"],
            json!({"__serialized": true, "name": "NonRetriableError", "message": "step boom", "stack": ""})
        );
        let again = json_of(&Op::failed(&executed("maybe", 0), &Failure::new("Error", "later"), false));
        assert_eq!((&again["op"], &again["data"]), (&json!("StepError"), &Value::Null));
        assert_eq!(
            (&again["error"]["message"], &again["error"]["__serialized"]),
            (&json!("later"), &json!(true))
        );
    }

    #[test]
    fn outputs_are_handed_on_to_the_letter() {
        let output = Payload::parse("{\"n\":1.50,\"big\":123456789012345678901234567890}".into(), 100);
        let op = Op::ran(&executed("a", 0), output.expect("JSON"));
        let text = serde_json::to_string(&op).expect("JSON");
        assert!(text.contains("1.50,\"big\":123456789012345678901234567890"), "{text}");
    }
}
