//! Large outputs, and many steps.

use pawl::{Event, Result, Step, Value, json};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Size {
    bytes: usize,
}

#[pawl::function(id = "big", event = "test/big", app = "conformance")]
pub(crate) fn big(event: Event<Size>, step: Step) -> Result<Value> {
    let text = step.run("make", || Ok("x".repeat(event.data.bytes)))?;
    let length = step.run("measure", || Ok(text.len()))?;
    Ok(json!({ "length": length, "tail": text[text.len().saturating_sub(3)..] }))
}

#[derive(Deserialize)]
pub(crate) struct Count {
    n: u64,
}

#[pawl::function(id = "thousand", event = "test/thousand", app = "conformance")]
pub(crate) fn thousand(event: Event<Count>, step: Step) -> Result<u64> {
    (0..event.data.n).try_fold(0, |last, i| step.run(&format!("step {i}"), || Ok(last + 1)))
}

#[pawl::function(id = "too-big", event = "test/too-big", app = "conformance", retries = 0)]
pub(crate) fn too_big(_: Event, step: Step) -> Result<String> {
    step.run("bad", || Ok("x".repeat(5_000_000)))
}
