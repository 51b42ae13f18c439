//! Steps one after the other, and what is around them.

use pawl::{Event, Result, Step, Value, json};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
pub(crate) struct Name {
    name: String,
}

#[derive(Serialize, Deserialize)]
struct Measure {
    length: usize,
}

#[pawl::function(id = "plain", event = "test/plain", app = "conformance")]
pub(crate) fn plain(event: Event<Name>, step: Step) -> Result<Value> {
    let greeting = step.run("greet", || Ok(format!("hello {}", event.data.name)))?;
    let measure = step.run("measure", || Ok(Measure { length: greeting.chars().count() }))?;
    Ok(json!({
        "greeting": greeting,
        "length": measure.length,
        "run": step.run_id(),
        "function": step.function_id(),
        "event": event.name,
        "id": event.id,
        "attempt": step.attempt(),
    }))
}

#[pawl::function(id = "loop", event = "test/loop", app = "conformance")]
pub(crate) fn repeated(_: Event, step: Step) -> Result<Vec<u64>> {
    (0..3).map(|n| step.run("same", || Ok(n))).collect()
}

#[derive(Deserialize)]
pub(crate) struct Text {
    text: String,
}

#[pawl::function(id = "unicode", event = "test/unicode", app = "conformance")]
pub(crate) fn unicode(event: Event<Text>, step: Step) -> Result<Value> {
    let text = step.run("größe 尺寸 🎉", || Ok(event.data.text.clone()))?;
    Ok(json!({ "text": text, "bytes": text.len() }))
}

/// (A component for `wasm32-unknown-unknown` has nowhere to print to: in Rust the log is what
/// others print with.)
#[pawl::function(id = "logger", event = "test/logger", app = "conformance")]
pub(crate) fn logger(_: Event, step: Step) -> Result<()> {
    pawl::info!("before");
    step.run("work", || {
        pawl::warn!("inside"; order = "o_1");
        pawl::info!("printed");
        Ok(1)
    })?;
    step.sleep("nap", "50ms")?;
    pawl::error!("after");
    Ok(())
}

#[pawl::function(id = "clock", event = "test/clock", app = "conformance")]
pub(crate) fn clock(_: Event, step: Step) -> Result<Value> {
    let ask = || (pawl::system::now().as_millis(), pawl::system::random());
    let outside = ask();
    step.sleep("nap", "50ms")?;
    let again = ask();
    let inside = step.run("inside", || Ok(pawl::system::now().as_millis()))?;
    Ok(json!({ "outside": outside, "again": again, "inside": inside }))
}
