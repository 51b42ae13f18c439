//! What operators do to runs and functions: pause, resume, rerun from a step, move to other
//! bytes, and the same to many at once.

mod cli;
mod diverged;
mod every_moment;
mod functions;
mod many;
mod moving;
mod pause;
mod refusals;
mod rerun;

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

/// A text field.
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no text `{key}` in {value:#}"))
}

fn id(run: &Value) -> &str {
    text(run, "run_id")
}

/// Starts a function of a test guest; its run, as it is then.
async fn begin(host: &Host, function: &str, data: Value) -> Value {
    let event = host.send(&format!("test/{function}"), data).await;
    host.runs_of(&event).await.remove(0)
}

/// Starts a function and waits until its run has this status.
async fn run(host: &Host, function: &str, data: Value, status: &str) -> Value {
    let run = begin(host, function, data).await;
    host.wait_for_run(id(&run), status).await
}

/// What is done to a run: `pause`, `resume`; the run then.
async fn steer(host: &Host, run: &Value, verb: &str) -> Value {
    let done = host.post(&format!("/v1/runs/{}/{verb}", id(run)), "").await.expect(200).data();
    assert_eq!(done["run_id"], run["run_id"]);
    done
}

/// Pauses a run.
async fn pause(host: &Host, run: &Value) -> Value {
    let paused = steer(host, run, "pause").await;
    assert_eq!((&paused["status"], &paused["wake_at"]), (&json!("Paused"), &Value::Null), "{paused:#}");
    assert!(paused["ended_at"].is_null(), "{paused:#}");
    paused
}

/// A run that sleeps beyond this time has come to its end: whatever was due has been done.
async fn let_pass(host: &Host, ms: u64) {
    run(host, "sleeper", json!({ "ms": ms }), "Completed").await;
}

/// Waits until so many calls wait for their answers at once.
async fn wait_for_under_way(upstream: &Upstream, n: usize) {
    until(&format!("{n} calls at once"), PATIENCE, async || match upstream.under_way() {
        now if now == n => Ok(()),
        now => Err(now.to_string()),
    })
    .await;
}

/// Runs of a function with this status.
async fn by_status(host: &Host, function: &str, status: &str) -> Vec<Value> {
    host.all(&format!("/v1/runs?function_id={function}&status={status}")).await
}

/// Waits until a function has so many runs with this status.
async fn wait_for_count(host: &Host, function: &str, status: &str, n: usize) -> Vec<Value> {
    until(&format!("{n} runs of {function} to be {status}"), PATIENCE, async || {
        let runs = by_status(host, function, status).await;
        if runs.len() == n { Ok(runs) } else { Err(runs.len().to_string()) }
    })
    .await
}

/// The deployment that a function's new runs go on.
async fn deployment(host: &Host, function: &str) -> String {
    let functions = host.read("/v1/functions").await;
    let found = functions.as_array().expect("a list").iter().find(|f| f["id"] == function).cloned();
    text(&found.expect("it is offered"), "deployment").to_owned()
}

/// Replaces `moving-a` by `moving-b`; the deployments of both.
async fn replace(host: &Host, function: &str) -> (String, String) {
    let a = deployment(host, function).await;
    host.place_guest("moving-b", "moving-a.wasm");
    let b = until("the second version", PATIENCE, async || match deployment(host, function).await {
        now if now == a => Err(now),
        now => Ok(now),
    })
    .await;
    (a, b)
}
