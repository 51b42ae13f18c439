//! The conformance app (`tests/guests/conformance`) in every language: what it does, and what
//! is told of it, is the same.
//!
//! Each test has a host of its own, at which several functions run at once.

mod beside;
mod calls;
mod failures;
mod kills;
mod manifests;
mod outside;
mod steps;
mod together;
mod wrong;

use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::host::FINAL;
use pawl_tests::{Host, Language, Setup, languages};
use serde_json::{Value, json};

/// A host with the app; tries follow each other quickly.
async fn start(language: Language) -> Option<Host> {
    languages::conformance(language, quick()).await
}

fn quick() -> Setup {
    Setup::dev().env("PAWL_RETRY_INTERVAL", "50ms")
}

/// Starts a function; its event.
async fn begin(host: &Host, function: &str, data: Value) -> String {
    host.send(&format!("test/{function}"), data).await
}

/// Starts a function and waits for its end; what it gave.
async fn output(host: &Host, function: &str, data: Value) -> Value {
    completed(host, function, data).await["output"].clone()
}

/// Starts a function and waits for its end.
async fn completed(host: &Host, function: &str, data: Value) -> Value {
    let event = begin(host, function, data).await;
    host.wait_for(&event, function, "Completed").await
}

/// Starts a function, which is to fail.
async fn failed(host: &Host, function: &str) -> Value {
    let event = begin(host, function, json!({})).await;
    host.wait_for(&event, function, "Failed").await
}

/// Waits for the end of an event's only run, however it ends.
async fn ended(host: &Host, event: &str) -> Value {
    until(&format!("the end of the run of {event}"), PATIENCE, async || {
        let runs = host.runs_of(event).await;
        let [run] = runs.as_slice() else { return Err(format!("{} runs", runs.len())) };
        if FINAL.iter().any(|status| run["status"] == *status) {
            return Ok(host.run(text(run, "run_id")).await);
        }
        Err(format!("{run:#}"))
    })
    .await
}

/// The host is as well as before.
async fn still_completes_others(host: &Host) {
    assert_eq!(output(host, "plain", json!({ "name": "Ann" })).await["greeting"], "hello Ann");
}

fn step<'a>(run: &'a Value, id: &str) -> &'a Value {
    let steps = run["steps"].as_array().expect("steps");
    steps.iter().find(|s| s["id"] == id).unwrap_or_else(|| panic!("no step {id} in {run:#}"))
}

fn step_ids(run: &Value) -> Vec<&str> {
    run["steps"].as_array().expect("steps").iter().map(|s| text(s, "id")).collect()
}

/// How often a step was tried.
fn tries(run: &Value, id: &str) -> usize {
    step(run, id)["attempts"].as_array().expect("attempts").len()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no text `{key}` in {value:#}"))
}

/// The runs of a function, once there are any.
async fn runs_of(host: &Host, function: &str) -> Vec<Value> {
    until(&format!("a run of {function}"), PATIENCE, async || {
        let runs = host.all(&format!("/v1/runs?function_id={function}")).await;
        if runs.is_empty() { Err("none".into()) } else { Ok(runs) }
    })
    .await
}

/// Milliseconds from one of the host's times to a later one of the same day or night.
fn between(from: &str, to: &str) -> i64 {
    let of_day = |time: &str| {
        let part = |range: std::ops::Range<usize>| time[range].parse::<i64>().expect("a time");
        ((part(11..13) * 60 + part(14..16)) * 60 + part(17..19)) * 1_000 + part(20..23)
    };
    (of_day(to) - of_day(from)).rem_euclid(86_400_000)
}
