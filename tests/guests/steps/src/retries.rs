//! Functions whose steps fail, for a while or for good.

use pawl::{Error, Event, Result, Step, Value, json};
use serde::Deserialize;
use std::time::Duration;

/// `{failures, kind, ms, retries}`
#[derive(Deserialize)]
pub(crate) struct Flaky {
    failures: u32,
    kind: Option<String>,
    ms: Option<u64>,
    retries: Option<u32>,
}

/// `test/flaky {failures, kind ("retry"), ms (1000), retries (3)}`: the step `try` fails
/// so many times, as `kind` says: `retry`, `no-retry`, or `retry-after` with `ms`. Then
/// it gives `{"attempt": <number, from 0>, "max": …, "key": <idempotency key>}`.
#[pawl::function(id = "flaky", event = "test/flaky")]
pub(crate) fn flaky(event: Event<Flaky>, step: Step) -> Result<Value> {
    let Flaky { failures, kind, ms, retries } = event.data;
    step.task("try").retries(retries.unwrap_or(3)).run_attempt(|attempt| {
        let number = attempt.number();
        if number >= failures {
            return Ok(json!({ "attempt": number, "max": attempt.max(), "key": attempt.idempotency_key() }));
        }
        let message = format!("attempt {number} fails");
        Err(match kind.as_deref().unwrap_or("retry") {
            "retry" => Error::new(message).with_name("FlakyError").with_data(json!({ "attempt": number })),
            "no-retry" => Error::no_retry(message),
            "retry-after" => Error::retry_after(Duration::from_millis(ms.unwrap_or(1_000)), message),
            other => Error::no_retry(format!("kind `{other}` is not known")),
        })
    })
}

/// `test/catcher`: the step `bad` fails for good, the function catches that and goes on
/// with the step `good`; gives `{"caught": "<name>: <message>", "good": true}`.
#[pawl::function(id = "catcher", event = "test/catcher")]
pub(crate) fn catcher(_: Event, step: Step) -> Result<Value> {
    let bad: Result<()> = step.run("bad", || Err(Error::no_retry("it is broken").with_name("BrokenError")));
    let caught = bad.err().map(|e| format!("{}: {}", e.name(), e.message()));
    let good: bool = step.run("good", || Ok(true))?;
    Ok(json!({ "caught": caught, "good": good }))
}

/// `{failures}`
#[derive(Deserialize)]
pub(crate) struct Failures {
    failures: u32,
}

/// `test/outside-failure {failures}`: after step `first` the function itself fails so
/// many times; gives `{"first": 1, "attempt": <how often it failed>}`.
#[pawl::function(id = "outside-failure", event = "test/outside-failure")]
pub(crate) fn outside_failure(event: Event<Failures>, step: Step) -> Result<Value> {
    let first: u64 = step.run("first", || Ok(1))?;
    if step.attempt() < event.data.failures {
        return Err(Error::new(format!("attempt {} fails outside of steps", step.attempt())));
    }
    Ok(json!({ "first": first, "attempt": step.attempt() }))
}
