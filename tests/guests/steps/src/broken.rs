//! Functions that the sandbox has to end. None of them is tried again.

use pawl::{Event, Result, Step, Value};
use serde::Deserialize;
use std::hint::black_box;
use std::time::Duration;

/// `{timeout_ms}`
#[derive(Deserialize)]
pub(crate) struct Limit {
    timeout_ms: Option<u64>,
}

/// `test/looper {timeout_ms (none)}`: the step `loop` never ends.
#[pawl::function(id = "looper", event = "test/looper", retries = 0)]
pub(crate) fn looper(event: Event<Limit>, step: Step) -> Result<Value> {
    let mut task = step.task("loop");
    if let Some(ms) = event.data.timeout_ms {
        task = task.timeout(Duration::from_millis(ms));
    }
    task.run(spin_for_ever)
}

/// `test/looper-outside`: never ends, outside of any step.
#[pawl::function(id = "looper-outside", event = "test/looper-outside", retries = 0)]
pub(crate) fn looper_outside(_: Event, _: Step) -> Result<Value> {
    spin_for_ever()
}

#[inline(never)]
fn spin_for_ever() -> Result<Value> {
    let mut turns = 0u64;
    while black_box(turns) < u64::MAX {
        turns = turns.wrapping_add(1) % 1_000_000;
    }
    Ok(Value::Null)
}

/// `test/hog`: the step `hog` takes memory until there is none.
#[pawl::function(id = "hog", event = "test/hog", retries = 0)]
pub(crate) fn hog(_: Event, step: Step) -> Result<Value> {
    step.run("hog", take_all_memory)
}

#[inline(never)]
fn take_all_memory() -> Result<Value> {
    let mut taken: Vec<Vec<u8>> = Vec::new();
    loop {
        taken.push(vec![1; 1 << 20]);
        black_box(&taken);
    }
}

/// `test/recurse`: the step `recurse` calls itself without end.
#[pawl::function(id = "recurse", event = "test/recurse", retries = 0)]
pub(crate) fn recurse(_: Event, step: Step) -> Result<u64> {
    step.run("recurse", || Ok(call_yourself(0)))
}

/// Without a frame in memory: it is the sandbox's own stack that runs out.
#[inline(never)]
fn call_yourself(depth: u64) -> u64 {
    if depth == u64::MAX { 0 } else { call_yourself(depth + 1).rotate_left(3) ^ depth }
}

/// `test/panicker`: in the step `charge`, `charge_the_card` panics with
/// "the card is made of paper".
#[pawl::function(id = "panicker", event = "test/panicker", retries = 0)]
pub(crate) fn panicker(_: Event, step: Step) -> Result<Value> {
    step.run("charge", || {
        charge_the_card(black_box(true));
        Ok(Value::Null)
    })
}

#[inline(never)]
fn charge_the_card(is_paper: bool) {
    assert!(!is_paper, "the card is made of paper");
}
