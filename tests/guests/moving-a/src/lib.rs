//! The first version of two functions whose runs may move to the second: both take step
//! `first`, a sleep `nap` and step `second`, and each step gives the version's letter.
//! Data that is left out takes the value in brackets.

use pawl::{Event, Result, Step, Value, json};
use serde::Deserialize;
use std::time::Duration;

/// `{ms}`
#[derive(Deserialize)]
struct Nap {
    ms: Option<u64>,
}

fn nap(event: &Event<Nap>, step: &Step) -> Result<()> {
    step.sleep("nap", Duration::from_millis(event.data.ms.unwrap_or(1_000)))
}

fn letter(step: &Step, id: &str) -> Result<String> {
    step.run(id, || Ok("a".into()))
}

/// `test/compatible {ms (1000)}`: the second version has one more step at its end; gives
/// `{"first": "a", "second": "a"}`.
#[pawl::function(id = "compatible", event = "test/compatible")]
fn compatible(event: Event<Nap>, step: Step) -> Result<Value> {
    let first = letter(&step, "first")?;
    nap(&event, &step)?;
    Ok(json!({ "first": first, "second": letter(&step, "second")? }))
}

/// `test/diverging {ms (1000)}`: the second version has another first step; gives
/// `{"first": "a", "second": "a"}`.
#[pawl::function(id = "diverging", event = "test/diverging")]
fn diverging(event: Event<Nap>, step: Step) -> Result<Value> {
    let first = letter(&step, "first")?;
    nap(&event, &step)?;
    Ok(json!({ "first": first, "second": letter(&step, "second")? }))
}

pawl::plugin!(compatible, diverging);
