//! Runs: what functions do, step by step, and what becomes of those that go wrong.

mod http;
mod keys;
mod lists;
mod plain;
mod queue;
mod refusals;
mod retries;
mod sandbox;
mod seed;
mod steering;
mod told;

use serde_json::Value;

/// A step of a run.
fn step<'a>(run: &'a Value, id: &str) -> &'a Value {
    let steps = run["steps"].as_array().expect("steps");
    steps.iter().find(|s| s["id"] == id).unwrap_or_else(|| panic!("no step {id} in {run:#}"))
}

/// The ids of a run's steps, in their order.
fn step_ids(run: &Value) -> Vec<&str> {
    run["steps"].as_array().expect("steps").iter().map(|s| s["id"].as_str().expect("an id")).collect()
}

/// A step's attempts.
fn attempts<'a>(run: &'a Value, id: &str) -> &'a Vec<Value> {
    step(run, id)["attempts"].as_array().expect("attempts")
}

/// A text field.
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no text `{key}` in {value:#}"))
}

/// An RFC 3339 time of the host's as milliseconds within its day: enough to measure
/// what a test waits for.
fn millis(time: &str) -> i64 {
    let part = |range: std::ops::Range<usize>| time[range].parse::<i64>().expect("a time");
    let day = part(8..10);
    (((day * 24 + part(11..13)) * 60 + part(14..16)) * 60 + part(17..19)) * 1_000 + part(20..23)
}

/// Milliseconds from one time to a later one, also over midnight and a month's end.
fn between(from: &str, to: &str) -> i64 {
    let span = millis(to) - millis(from);
    if span < 0 { span + 31 * 24 * 3_600_000 } else { span }
}
