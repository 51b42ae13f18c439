//! `versioned` on `test/versioned {ms}`: step `first`, a sleep `nap` of `ms` (1000),
//! step `second`. Each step gives the version's letter, and so does the function
//! outside of them: `{"first": "a", "second": "a", "outside": "a"}`.

use crate::VERSION;
use pawl::{Event, Result, Step, Value};
use serde::Deserialize;
use std::time::Duration;

/// Data of the event.
#[derive(Deserialize)]
pub(crate) struct Nap {
    ms: Option<u64>,
}

#[pawl::function(id = "versioned", event = "test/versioned")]
pub(crate) fn versioned(event: Event<Nap>, step: Step) -> Result<Value> {
    let first: String = step.run("first", || Ok(VERSION.into()))?;
    step.sleep("nap", Duration::from_millis(event.data.ms.unwrap_or(1_000)))?;
    let second: String = step.run("second", || Ok(VERSION.into()))?;
    Ok(pawl::json!({ "first": first, "second": second, "outside": VERSION }))
}
