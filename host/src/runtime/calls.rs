//! What guests ask for in the engine's words.

use pawl_bindings::pawl::workflow::{step, types};
use pawl_engine::event::SenderId;
use pawl_engine::replay::{Fetch, Invocation, Op, RunOptions, StepCall, WaitFor};
use pawl_engine::{Failure, FunctionId, NewEvent, Payload, Span, Timestamp, limits};

/// One request; what cannot be understood is the failure of its step.
pub(super) fn call(request: step::Request) -> Result<StepCall, Failure> {
    let op = match request.op {
        step::Operation::Run(options) => {
            Op::Run(RunOptions { timeout: options.timeout.map(Span::from_millis), retries: options.retries })
        }
        step::Operation::Sleep(ms) => Op::Sleep(Span::from_millis(ms)),
        step::Operation::SleepUntil(at) => Op::SleepUntil(moment(at)),
        step::Operation::WaitForEvent(wait) => Op::Wait(WaitFor {
            event: wait.name,
            filter: wait.filter,
            timeout: Span::from_millis(wait.timeout),
            only: None,
        }),
        step::Operation::Invoke(call) => Op::Invoke(Invocation {
            function: FunctionId::new(call.function),
            data: json("data", call.data)?,
            user: call.user.map(|user| json("user", user)).transpose()?,
            timeout: call.timeout.map(Span::from_millis),
        }),
        step::Operation::SendEvent(events) => {
            Op::Send(events.into_iter().map(new_event).collect::<Result<_, _>>()?)
        }
        step::Operation::Fetch(fetch) => Op::Fetch(Fetch {
            method: fetch.method,
            url: fetch.url,
            headers: fetch.headers,
            body: fetch.body,
            options: RunOptions { timeout: fetch.timeout.map(Span::from_millis), retries: fetch.retries },
            infer: None,
        }),
    };
    Ok(StepCall { id: request.id, op })
}

/// A guest's moment; one that no calendar has is the end of time.
pub(super) fn moment(at: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(at).unwrap_or(i64::MAX))
}

fn json(what: &str, text: String) -> Result<Payload, Failure> {
    Payload::parse(text, limits::EVENT_BYTES)
        .map_err(|e| Failure::new("InvalidEvent", format!("the event's {what}: {e}")).for_good())
}

fn new_event(event: types::NewEvent) -> Result<NewEvent, Failure> {
    Ok(NewEvent {
        name: event.name.into(),
        data: json("data", event.data)?,
        user: event.user.map(|user| json("user", user)).transpose()?,
        at: event.timestamp.map(moment),
        version: event.version,
        sender: event.id.map(|id| SenderId { source: "api", id }),
        trace: None,
    })
}
