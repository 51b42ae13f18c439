//! The tools of steps beyond a function's own code: waits for events, calls of functions,
//! events to send, requests, and several steps at once.

mod fetch;
mod invoke;
mod kills;
mod mixed;
mod parallel;
mod race;
mod send;
mod wait;

use pawl_tests::Host;
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::upstream::Upstream;
use serde_json::{Value, json};

/// A step of a run.
fn step<'a>(run: &'a Value, id: &str) -> &'a Value {
    let steps = run["steps"].as_array().expect("steps");
    steps.iter().find(|s| s["id"] == id).unwrap_or_else(|| panic!("no step {id} in {run:#}"))
}

/// The ids of a run's steps, in their order.
fn step_ids(run: &Value) -> Vec<&str> {
    run["steps"].as_array().expect("steps").iter().map(|s| s["id"].as_str().expect("an id")).collect()
}

/// How often a step was tried.
fn tries(run: &Value, id: &str) -> usize {
    step(run, id)["attempts"].as_array().expect("attempts").len()
}

/// A text field.
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no text `{key}` in {value:#}"))
}

/// Starts a function of a test guest; its event.
async fn begin(host: &Host, function: &str, data: Value) -> String {
    host.send(&format!("test/{function}"), data).await
}

/// Starts a function and waits for its end.
async fn completed(host: &Host, function: &str, data: Value) -> Value {
    let event = begin(host, function, data).await;
    host.wait_for(&event, function, "Completed").await
}

/// Starts a function, which has to fail without waiting for another try.
async fn failed_for_good(host: &Host, function: &str, data: Value) -> Value {
    let event = begin(host, function, data).await;
    until("the run to fail", PATIENCE, async || {
        let run = host.run(text(&host.runs_of(&event).await[0], "run_id")).await;
        match text(&run, "status") {
            "Failed" => Ok(run),
            "Sleeping" | "Completed" => panic!("it was to fail, and for good: {run:#}"),
            other => Err(other.to_owned()),
        }
    })
    .await
}

/// Starts a function and waits until it waits.
async fn waiting(host: &Host, function: &str, data: Value) -> Value {
    let event = begin(host, function, data).await;
    host.wait_for(&event, function, "Sleeping").await
}

/// The run that a step has invoked.
async fn invoked(host: &Host, run: &Value, id: &str) -> Value {
    host.run(text(step(run, id), "invoked_run_id")).await
}

/// All events of this name.
async fn events(host: &Host, name: &str) -> Vec<Value> {
    host.all(&format!("/v1/events?name={name}")).await
}

/// A run of another function comes from its start to its end now.
async fn another_run_completes(host: &Host) {
    let run = completed(host, "teller", json!({ "name": "test/nobody-listens" })).await;
    assert_eq!(step_ids(&run), ["tell"]);
}

/// Waits until so many calls wait for their answers at once.
async fn wait_for_under_way(upstream: &Upstream, n: usize) {
    until(&format!("{n} calls at once"), PATIENCE, async || match upstream.under_way() {
        now if now == n => Ok(()),
        now => Err(now.to_string()),
    })
    .await;
}
