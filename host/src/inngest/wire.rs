//! A call of a function, as a server makes it: which run, what started it, and what its
//! steps have come to so far.

use pawl_engine::{Event, EventId, Failure, Payload, Timestamp, limits};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::fmt;

/// Characters of a run's id; theirs have 26.
const RUN_ID_CHARS: usize = 64;

/// A call.
#[derive(Debug)]
pub struct Call {
    /// The run's id.
    pub run: String,
    /// Which try of what comes next, from 0.
    pub attempt: u32,
    /// How many tries there are, if the server says so.
    pub max_attempts: Option<u32>,
    /// New steps are to be named only, and not executed: others go on beside them.
    pub plans_only: bool,
    /// The events that started it; empty when they have to be asked for.
    pub events: Vec<Event>,
    /// What its steps have come to.
    pub memory: Memory,
    /// Events and steps were too large, and have to be asked for.
    pub use_api: bool,
}

/// What the steps of a run have come to.
#[derive(Debug, Default)]
pub struct Memory {
    /// The ids of settled steps, in the order in which they settled.
    pub stack: Vec<String>,
    settled: HashMap<String, Result<Payload, Failure>>,
}

/// What is wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCall {
    /// It is not what a server sends.
    #[error("the call is not as Inngest's servers make it: {0}")]
    Form(String),
    /// It has no event.
    #[error("the call has no event")]
    NoEvent,
    /// Its run has an odd id.
    #[error("the call's run_id is not one of letters, digits, `-` and `_`")]
    RunId,
}

#[derive(Deserialize)]
struct Body {
    ctx: Ctx,
    event: Option<WireEvent>,
    events: Option<Vec<WireEvent>>,
    steps: Option<Ordered>,
    #[serde(default)]
    use_api: bool,
}

#[derive(Deserialize)]
struct Ctx {
    run_id: String,
    #[serde(default)]
    attempt: u32,
    max_attempts: Option<u32>,
    #[serde(default)]
    disable_immediate_execution: bool,
    #[serde(default)]
    use_api: bool,
    stack: Option<Stack>,
}

#[derive(Deserialize)]
struct Stack {
    stack: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct WireEvent {
    name: String,
    id: Option<String>,
    data: Option<Box<RawValue>>,
    user: Option<Box<RawValue>>,
    ts: Option<i64>,
    v: Option<String>,
}

/// A JSON object whose order counts.
struct Ordered(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Ordered;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of steps")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        d.deserialize_map(Entries)
    }
}

impl Call {
    /// From a request's body.
    pub fn parse(body: &[u8]) -> Result<Self, BadCall> {
        let Body { ctx, event, events, steps, use_api } = serde_json::from_slice(body).map_err(form)?;
        let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if ctx.run_id.is_empty() || ctx.run_id.len() > RUN_ID_CHARS || !ctx.run_id.chars().all(lawful) {
            return Err(BadCall::RunId);
        }
        let use_api = use_api || ctx.use_api;
        let events =
            events.filter(|events| !events.is_empty()).unwrap_or_else(|| event.into_iter().collect());
        if events.is_empty() && !use_api {
            return Err(BadCall::NoEvent);
        }
        let stack = ctx.stack.and_then(|stack| stack.stack);
        Ok(Self {
            run: ctx.run_id,
            attempt: ctx.attempt,
            max_attempts: ctx.max_attempts.filter(|max| *max > 0),
            plans_only: ctx.disable_immediate_execution,
            events: events.into_iter().map(accepted).collect::<Result<_, _>>()?,
            memory: Memory::new(stack, steps.map(|Ordered(steps)| steps).unwrap_or_default())?,
            use_api,
        })
    }

    /// What a server gives for a run whose steps were too large for its call. The order in
    /// which they settled is the call's, where it has said so.
    pub fn fill(&mut self, batch: &[u8], actions: &[u8]) -> Result<(), BadCall> {
        let batch: Vec<WireEvent> = serde_json::from_slice(batch).map_err(form)?;
        let Ordered(steps) = serde_json::from_slice(actions).map_err(form)?;
        if !batch.is_empty() {
            self.events = batch.into_iter().map(accepted).collect::<Result<_, _>>()?;
        }
        if self.events.is_empty() {
            return Err(BadCall::NoEvent);
        }
        let stack = std::mem::take(&mut self.memory.stack);
        self.memory = Memory::new(Some(stack).filter(|stack| !stack.is_empty()), steps)?;
        Ok(())
    }
}

impl Memory {
    fn new(stack: Option<Vec<String>>, steps: Vec<(String, Box<RawValue>)>) -> Result<Self, BadCall> {
        let stack = stack.unwrap_or_else(|| steps.iter().map(|(id, _)| id.clone()).collect());
        let mut settled = HashMap::with_capacity(steps.len());
        for (id, value) in steps {
            if let Some(result) = settlement(&value)? {
                settled.insert(id, result);
            }
        }
        Ok(Self { stack, settled })
    }

    /// Whether the step is settled, seen or not.
    pub fn knows(&self, id: &str) -> bool {
        self.settled.contains_key(id)
    }

    /// What a step has come to, if the function may see it: others that settled beside it come
    /// later.
    pub fn get(&self, id: &str) -> Option<&Result<Payload, Failure>> {
        self.settled.get(id)
    }
}

/// Memory's words on one step: `{"data":…}` and `{"error":…}` are wrapped, `{"input":…}` is for
/// a step that is still to come, everything else is the value itself.
fn settlement(value: &RawValue) -> Result<Option<Result<Payload, Failure>>, BadCall> {
    let text = value.get();
    if text.trim_start().starts_with('{') {
        let Ordered(parts) = serde_json::from_str(text).map_err(form)?;
        if let [(name, inner)] = parts.as_slice() {
            match name.as_str() {
                "data" => return payload(inner).map(|data| Some(Ok(data))),
                "error" => return failure(inner).map(|failure| Some(Err(failure))),
                "input" => return Ok(None),
                _ => {}
            }
        }
    }
    payload(value).map(|value| Some(Ok(value)))
}

fn payload(value: &RawValue) -> Result<Payload, BadCall> {
    // a step's output, and what wraps it
    let limit = limits::OUTPUT_BYTES + (1 << 20);
    Payload::parse(value.get().to_owned(), limit).map_err(|e| BadCall::Form(format!("a step's value: {e}")))
}

/// What a step failed with has no tries left.
fn failure(value: &RawValue) -> Result<Failure, BadCall> {
    #[derive(Deserialize)]
    struct Wire {
        name: Option<String>,
        message: Option<String>,
        stack: Option<String>,
        data: Option<Box<RawValue>>,
    }
    let text = value.get();
    if let Ok(message) = serde_json::from_str::<String>(text) {
        return Ok(Failure::new("Error", message).for_good().bounded());
    }
    let Wire { name, message, stack, data } = serde_json::from_str(text).map_err(form)?;
    let name = name.as_deref().unwrap_or("Error");
    let mut failure = Failure::new(name, message.unwrap_or_default()).for_good();
    failure.stack = stack.filter(|stack| !stack.is_empty());
    failure.data = data.and_then(|data| payload(&data).ok());
    Ok(failure.bounded())
}

fn accepted(event: WireEvent) -> Result<Event, BadCall> {
    let json = |value: Option<Box<RawValue>>| {
        let parsed = value.map(|value| Payload::parse(value.get().to_owned(), limits::EVENT_BYTES));
        parsed.transpose().map_err(|e| BadCall::Form(format!("event `{}`: {e}", event.name)))
    };
    let at = Timestamp::from_millis(event.ts.unwrap_or_default());
    Ok(Event {
        id: EventId::new(event.id.unwrap_or_default()),
        data: json(event.data)?.unwrap_or_else(|| Payload::from_value(&serde_json::json!({}))),
        user: json(event.user)?,
        name: event.name.into(),
        at,
        version: event.v,
        sender: None,
        trace: None,
        received_at: at,
    })
}

fn form(e: serde_json::Error) -> BadCall {
    BadCall::Form(e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(steps: &str, stack: &str) -> Call {
        let body = format!(
            r#"{{"ctx":{{"run_id":"01R","attempt":1,"max_attempts":5,"stack":{stack},"disable_immediate_execution":true}},
                "event":{{"name":"a","data":{{"n":1.50}},"id":"e","ts":7,"user":{{}}}},"events":[],"steps":{steps}}}"#
        );
        Call::parse(body.as_bytes()).expect("a call")
    }

    #[test]
    fn a_call_is_read_with_its_values_to_the_letter() {
        let call = call(r#"{"x":{"data":{"n":1.50}}}"#, r#"{"stack":["x"],"current":1}"#);
        assert_eq!((call.run.as_str(), call.attempt, call.max_attempts), ("01R", 1, Some(5)));
        assert!(call.plans_only && !call.use_api);
        assert_eq!(call.events[0].data.as_str(), r#"{"n":1.50}"#);
        let data = call.memory.get("x").expect("settled").as_ref().expect("fine");
        assert_eq!(data.as_str(), r#"{"n":1.50}"#);
    }

    #[test]
    fn what_a_step_came_to_is_wrapped_or_bare() {
        let steps = r#"{"data":{"data":null},"error":{"error":{"name":"E","message":"m","data":5}},
            "sleep":null,"event":{"data":{},"name":"a","id":"1","ts":1,"user":{}},"input":{"input":[1]},"text":{"error":"no"}}"#;
        let memory = call(steps, "null").memory;
        let text = |id: &str| {
            memory.get(id).map(|r| r.as_ref().map(Payload::as_str).map_err(|f| f.message.as_str()))
        };
        assert_eq!(text("data"), Some(Ok("null")));
        assert_eq!(text("error"), Some(Err("m")));
        assert_eq!(text("text"), Some(Err("no")));
        assert_eq!(text("sleep"), Some(Ok("null")));
        assert_eq!(text("event"), Some(Ok(r#"{"data":{},"name":"a","id":"1","ts":1,"user":{}}"#)));
        assert_eq!(text("input"), None);
        // without a stack, in the order of the object
        assert_eq!(memory.stack, ["data", "error", "sleep", "event", "input", "text"]);
    }

    #[test]
    fn what_no_server_sends_is_refused() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let odd = [
            String::new(),
            "[]".into(),
            r#"{"ctx":{"run_id":"a/../b"},"event":{"name":"a"},"steps":{}}"#.into(),
            r#"{"ctx":{"run_id":"a"},"steps":{}}"#.into(),
            format!(r#"{{"ctx":{{"run_id":"a"}},"event":{{"name":"a"}},"steps":{{"x":{deep}}}}}"#),
            format!(r#"{{"ctx":{{"run_id":"a"}},"event":{{"name":"a","data":{deep}}},"steps":{{}}}}"#),
            r#"{"ctx":{"run_id":"a"},"event":{"name":"a"},"steps":{"x":{"data":1e999}}}"#.into(),
        ];
        for body in odd {
            assert!(Call::parse(body.as_bytes()).is_err(), "{:.100}", body);
        }
    }
}
