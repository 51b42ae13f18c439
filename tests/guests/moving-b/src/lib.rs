//! The second version of the functions of `moving-a`: one goes on where the first has
//! stopped, the other does not know what the first has done.

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
    step.run(id, || Ok("b".into()))
}

/// `test/compatible {ms (1000)}`: steps `first` and `second` as before, and a new step
/// `third`; gives `{"first": …, "second": …, "third": "b"}`.
#[pawl::function(id = "compatible", event = "test/compatible")]
fn compatible(event: Event<Nap>, step: Step) -> Result<Value> {
    let first = letter(&step, "first")?;
    nap(&event, &step)?;
    let second = letter(&step, "second")?;
    Ok(json!({ "first": first, "second": second, "third": letter(&step, "third")? }))
}

/// `test/diverging {ms (1000)}`: what was the step `first` is called `begin`; gives
/// `{"begin": "b", "second": "b"}`.
#[pawl::function(id = "diverging", event = "test/diverging")]
fn diverging(event: Event<Nap>, step: Step) -> Result<Value> {
    let begun = letter(&step, "begin")?;
    nap(&event, &step)?;
    Ok(json!({ "begin": begun, "second": letter(&step, "second")? }))
}

pawl::plugin!(compatible, diverging);
