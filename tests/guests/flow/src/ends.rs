//! Functions that are ended, or that have something done about their failure.

use crate::hold;
use pawl::{Error, Event, Failed, Result, Step, Value, json};
use serde::Deserialize;
use std::time::Duration;

/// `{ms}`
#[derive(Deserialize)]
pub(crate) struct Nap {
    ms: Option<u64>,
}

fn nap(event: &Event<Nap>, step: &Step) -> Result<Value> {
    step.sleep("nap", Duration::from_millis(event.data.ms.unwrap_or(60_000)))?;
    Ok(json!({}))
}

/// `test/cancelled-by {id, ms (60000)}`: sleeps, `nap`, until `test/cancel {id}` cancels it,
/// or within its first 30 s any `test/cancel.all {sure: true}`; gives `{}`.
#[pawl::function(
    id = "cancelled-by",
    event = "test/cancelled-by",
    cancel_on = [
        event("test/cancel", match = "data.id"),
        event("test/cancel.all", if = "async.data.sure", timeout = "30s")
    ]
)]
pub(crate) fn cancelled_by(event: Event<Nap>, step: Step) -> Result<Value> {
    nap(&event, &step)
}

/// `{url}`
#[derive(Deserialize)]
pub(crate) struct Url {
    url: String,
}

/// `test/late-start {url}`: one at once, step `hold`; cancelled when it has not started within
/// a second.
#[pawl::function(
    id = "late-start",
    event = "test/late-start",
    concurrency = 1,
    start_timeout = "1s",
    hosts = ["127.0.0.1:*"]
)]
pub(crate) fn late_start(event: Event<Url>, step: Step) -> Result<Value> {
    hold(&step, &event.data.url)
}

/// `test/long-run {ms (60000)}`: sleeps, `nap`; cancelled a second after its start. Gives `{}`.
#[pawl::function(id = "long-run", event = "test/long-run", finish_timeout = "1s")]
pub(crate) fn long_run(event: Event<Nap>, step: Step) -> Result<Value> {
    nap(&event, &step)
}

/// `{message}`
#[derive(Deserialize)]
pub(crate) struct Fail {
    message: Option<String>,
}

/// `test/failing {message ("it is broken")}`: the step `fail` fails for good with that message,
/// as a `BrokenError`. What is done about it, by `failing-failure`, gives its event's data.
#[pawl::function(id = "failing", event = "test/failing", on_failure = failed)]
pub(crate) fn failing(event: Event<Fail>, step: Step) -> Result<()> {
    let message = event.data.message.unwrap_or_else(|| "it is broken".into());
    step.run("fail", || Err(Error::no_retry(message).with_name("BrokenError")))
}

fn failed(event: Event<Failed>, step: Step) -> Result<Failed> {
    step.run("record", || Ok(event.data))
}
