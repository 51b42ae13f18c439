//! What a server asks of an app: the body of a call (Inngest's SDK specification, section
//! 4.3.2), with the steps that its run has recorded.

use super::memo::Memo;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Bytes of a body from which on the app fetches events and steps by itself.
const BODY_BYTES: usize = 4 << 20;

/// What a call says besides its run's events and steps.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// The run's id.
    pub run: &'a str,
    /// The function's id, where the app may report steps in the middle of the call
    /// (`/v1/checkpoint`); without it, it answers with each.
    pub function: Option<&'a str>,
    /// The call's own id, for reports to name.
    pub request: &'a str,
    /// Which try, from 0.
    pub attempt: u32,
    /// How many tries there are.
    pub max_attempts: u32,
    /// The step that is to be executed, by its id on the wire; else whatever comes next.
    pub target: Option<&'a str>,
    /// Steps that are found are told and not executed.
    pub plans_only: bool,
    /// The version that the app has answered with; -1 before.
    pub version: i32,
}

#[derive(Serialize)]
struct Body<'a> {
    ctx: Value,
    event: &'a Value,
    events: &'a [Value],
    steps: &'a BTreeMap<String, Box<RawValue>>,
    use_api: bool,
    version: i32,
}

impl Call<'_> {
    /// The call's body. Where it would be too large it says that the rest is to be fetched.
    pub fn body(&self, events: &[Value], memo: &Memo) -> Vec<u8> {
        let whole = self.text(events, memo, false);
        if whole.len() <= BODY_BYTES { whole } else { self.text(events, memo, true) }
    }

    fn text(&self, events: &[Value], memo: &Memo, use_api: bool) -> Vec<u8> {
        let mut ctx = json!({
            "attempt": self.attempt,
            "disable_immediate_execution": self.plans_only,
            "env": "",
            "max_attempts": self.max_attempts,
            "run_id": self.run,
            "stack": {"current": memo.stack().len(), "stack": memo.stack()},
            "step_id": self.target.unwrap_or("step"),
            "use_api": use_api,
        });
        if let Some(function) = self.function {
            ctx["fn_id"] = function.into();
            ctx["qi_id"] = self.run.into();
            ctx["request_id"] = self.request.into();
            ctx["generation_id"] = 1.into();
        }
        let none = BTreeMap::new();
        let body = Body {
            ctx,
            event: events.first().unwrap_or(&Value::Null),
            events: if use_api { &[] } else { events },
            steps: if use_api { &none } else { memo.steps() },
            use_api,
            version: self.version,
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inngest::step_id;
    use pawl_engine::{Failure, Kind, Payload, StepKey};

    fn key(text: &str) -> StepKey {
        StepKey::parse(text)
    }

    fn output(text: &str) -> Result<Payload, Failure> {
        Ok(Payload::parse(text.into(), 1 << 10).expect("JSON"))
    }

    fn body(memo: &Memo) -> Value {
        let call = Call {
            run: "r1",
            function: None,
            request: "1",
            attempt: 1,
            max_attempts: 4,
            target: None,
            plans_only: false,
            version: -1,
        };
        let events = [json!({"name": "a/b", "data": {}})];
        serde_json::from_slice(&call.body(&events, memo)).expect("JSON")
    }

    #[test]
    fn each_kind_of_step_is_told_in_its_own_shape() {
        let mut memo = Memo::default();
        memo.put(&key("run"), Kind::Run, &output("{\"n\":1.50}"));
        memo.put(&key("run:1"), Kind::Run, &Err(Failure::new("Boom", "no").with_stack("at x")));
        memo.put(&key("nap"), Kind::Sleep, &output("null"));
        memo.put(&key("wait"), Kind::Wait, &output("{\"name\":\"a/b\",\"data\":{}}"));
        memo.put(&key("call"), Kind::Invoke, &Err(Failure::new("InvokeTimeout", "late")));
        let body = body(&memo);
        assert_eq!(body["steps"][step_id("run")], json!({"data": {"n": 1.5}}));
        assert_eq!(
            body["steps"][step_id("run:1")],
            json!({"error": {"name": "Boom", "message": "no", "stack": "at x"}})
        );
        assert_eq!(body["steps"][step_id("nap")], Value::Null);
        assert_eq!(body["steps"][step_id("wait")], json!({"name": "a/b", "data": {}}));
        assert_eq!(body["steps"][step_id("call")]["error"]["name"], "InngestInvokeTimeoutError");
        let stack: Vec<_> = ["run", "run:1", "nap", "wait", "call"].map(step_id).into();
        assert_eq!(body["ctx"]["stack"], json!({"current": 5, "stack": stack}));
        assert_eq!(body["ctx"]["attempt"], 1);
        assert!(body["ctx"].get("fn_id").is_none(), "with it an app would answer with checkpoints");
    }

    #[test]
    fn a_call_that_is_too_large_tells_the_app_to_fetch() {
        let mut memo = Memo::default();
        let large = format!("\"{}\"", "x".repeat(3 << 20));
        memo.put(&key("a"), Kind::Run, &Ok(Payload::parse(large.clone(), 4 << 20).expect("JSON")));
        assert_eq!(body(&memo)["use_api"], false);
        memo.put(&key("b"), Kind::Run, &Ok(Payload::parse(large, 4 << 20).expect("JSON")));
        let body = body(&memo);
        assert_eq!((&body["use_api"], &body["ctx"]["use_api"]), (&json!(true), &json!(true)));
        assert_eq!((&body["events"], &body["steps"]), (&json!([]), &json!({})));
        assert_eq!(body["event"]["name"], "a/b");
    }
}
