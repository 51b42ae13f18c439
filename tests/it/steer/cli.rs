//! The same by `pawl`, for people and for machines.

use super::{begin, id, replace, run, text, wait_for_count};
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};
use std::process::Output;

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A command that has to succeed; what it printed for people.
async fn told(host: &Host, args: &[&str]) -> String {
    let output = host.cli(args).await;
    assert!(output.status.success(), "{args:?}: {}{}", out(&output), err(&output));
    out(&output)
}

/// The same for machines.
async fn json_of(host: &Host, args: &[&str]) -> Value {
    let told = told(host, &[args, &["--json"]].concat()).await;
    serde_json::from_str(&told).unwrap_or_else(|e| panic!("{args:?}: {e}: {told}"))
}

/// A command that has to fail; what it said.
async fn refused(host: &Host, args: &[&str]) -> String {
    let output = host.cli(args).await;
    assert_eq!(output.status.code(), Some(1), "{args:?}: {}{}", out(&output), err(&output));
    assert!(out(&output).is_empty(), "{args:?}: errors go to standard error: {}", out(&output));
    err(&output)
}

fn expect_words(told: &str, words: &[&str]) {
    assert!(words.iter().all(|word| told.contains(word)), "{words:?}: {told}");
}

#[tokio::test]
async fn a_run_is_paused_and_resumed() {
    let host = Setup::serve().guests(&["steps"]).start().await;
    let sleeping = run(&host, "sleeper", json!({ "ms": 60_000 }), "Sleeping").await;
    let run_id = id(&sleeping);
    expect_words(
        &told(&host, &["runs", "pause", run_id]).await,
        &[run_id, "sleeper", "Paused", "before", "nap"],
    );
    expect_words(&refused(&host, &["runs", "pause", run_id]).await, &["paused already", "nothing_to_do"]);
    let listed = json_of(&host, &["runs", "list", "--status", "paused"]).await;
    assert_eq!(listed[0]["run_id"], run_id);
    let resumed = json_of(&host, &["runs", "resume", run_id]).await;
    assert_eq!(resumed["run_id"], run_id);
    expect_words(&refused(&host, &["runs", "resume", run_id]).await, &["not paused", "nothing_to_do"]);
    host.wait_for_run(run_id, "Sleeping").await;
    assert_eq!(json_of(&host, &["runs", "pause", run_id]).await["status"], "Paused");
    expect_words(&told(&host, &["runs", "resume", run_id]).await, &[run_id]);
    for verb in ["pause", "resume", "move"] {
        expect_words(&refused(&host, &["runs", verb, "nothing"]).await, &["not_found"]);
    }
}

#[tokio::test]
async fn a_function_is_paused_and_resumed() {
    let host = Setup::serve().guests(&["steps"]).start().await;
    assert_eq!(told(&host, &["functions", "pause", "repeat"]).await, "repeat is paused\n");
    assert_eq!(told(&host, &["functions", "pause", "repeat"]).await, "repeat was paused before\n");
    let list = told(&host, &["functions"]).await;
    let line = list.lines().find(|line| line.starts_with("repeat ")).expect("its line");
    assert!(line.ends_with("Paused"), "{line}");
    assert_eq!(list.matches("Paused").count(), 1, "{list}");
    let waiting = begin(&host, "repeat", json!({})).await;
    let resumed = json_of(&host, &["functions", "resume", "repeat"]).await;
    assert_eq!(resumed, json!({ "function_id": "repeat", "paused": false, "changed": true }));
    host.wait_for_run(id(&waiting), "Completed").await;
    expect_words(
        &refused(&host, &["functions", "pause", "nothing"]).await,
        &["`nothing`", "function_not_found"],
    );
}

#[tokio::test]
async fn a_run_is_run_again_from_a_step() {
    let host = Setup::serve().guests(&["steps"]).start().await;
    let old = run(&host, "ten-steps", json!({ "n": 3 }), "Completed").await;
    let new = json_of(&host, &["runs", "rerun", id(&old), "--from", "s2"]).await;
    let done = host.wait_for_run(id(&new), "Completed").await;
    assert_eq!(done["steps"][1], old["steps"][1]);
    assert_ne!(done["steps"][2], old["steps"][2]);
    let printed = told(&host, &["runs", "rerun", id(&old), "--from", "s1"]).await;
    expect_words(&printed, &["a new run of the same event:", "ten-steps", text(&old, "event_id"), "s0"]);
    expect_words(
        &refused(&host, &["runs", "rerun", id(&old), "--from", "s9"]).await,
        &["`s9`", "no_such_step"],
    );
}

#[tokio::test]
async fn a_run_is_moved_or_it_is_said_why_not() {
    let host = Setup::serve().guests(&["moving-a"]).start().await;
    let compatible = run(&host, "compatible", json!({ "ms": 60_000 }), "Sleeping").await;
    let diverging = run(&host, "diverging", json!({ "ms": 60_000 }), "Sleeping").await;
    let (a, b) = replace(&host, "compatible").await;
    expect_words(&told(&host, &["runs", "move", id(&compatible)]).await, &[id(&compatible), &b, "Sleeping"]);
    let back = json_of(&host, &["runs", "move", id(&compatible), "--to", &a[..8]]).await;
    assert_eq!(back["function_version"], a);
    expect_words(&refused(&host, &["runs", "move", id(&diverging)]).await, &["`first`", &b, "diverges"]);
    let said = refused(&host, &["runs", "move", id(&compatible), "--to", "abc"]).await;
    expect_words(&said, &["abc", "no_such_deployment"]);
}

#[tokio::test]
async fn failed_runs_of_a_period_are_replayed() {
    let host = Setup::serve().guests(&["flow"]).start().await;
    for message in ["a", "b", "c"] {
        run(&host, "failing", json!({ "message": message }), "Failed").await;
    }
    let args =
        ["runs", "replay", "--function", "failing", "--since", "1h", "--if", "event.data.message != 'b'"];
    assert_eq!(told(&host, &args).await, "started: 2 runs of failing\n");
    wait_for_count(&host, "failing", "Failed", 5).await;
    let none = ["runs", "replay", "--function", "failing", "--until", "1h"];
    assert_eq!(json_of(&host, &none).await, json!({ "started": 0, "runs": [], "missed": [], "more": false }));
    let all = json_of(&host, &["runs", "replay", "--function", "failing"]).await;
    assert_eq!((&all["started"], all["runs"].as_array().map(Vec::len)), (&json!(5), Some(5)));
    for (args, words) in [
        (vec!["runs", "replay", "--function", "failing", "--since", "soon"], vec!["soon", "2h"]),
        (vec!["runs", "replay", "--function", "failing", "--if", "event ="], vec!["column", "invalid_body"]),
        (vec!["runs", "replay"], vec!["--function"]),
    ] {
        let output = host.cli(&args).await;
        assert!(!output.status.success(), "{args:?}");
        expect_words(&err(&output), &words);
    }
}

#[tokio::test]
async fn those_that_cannot_be_replayed_are_named_with_the_reason() {
    let host = Setup::serve().guests(&["flow"]).start().await;
    let failed = run(&host, "failing", json!({}), "Failed").await;
    host.remove("flow.wasm");
    until("it to be gone", PATIENCE, async || match host.read("/v1/functions").await {
        Value::Array(all) if all.is_empty() => Ok(()),
        other => Err(other.to_string()),
    })
    .await;
    let args = ["runs", "replay", "--function", "failing"];
    let printed = told(&host, &args).await;
    expect_words(
        &printed,
        &["started: 0 runs of failing", &format!("not {}: ", id(&failed)), "not deployed"],
    );
    let done = json_of(&host, &args).await;
    assert_eq!((&done["started"], &done["missed"][0]["run_id"]), (&json!(0), &failed["run_id"]));
    let said = refused(&host, &["runs", "rerun", id(&failed)]).await;
    expect_words(&said, &["function_not_found"]);
}

#[tokio::test]
async fn many_runs_are_cancelled() {
    let host = Setup::serve().guests(&["flow"]).start().await;
    for shop in ["north", "south", "north"] {
        run(&host, "waiter", json!({ "shop": shop }), "Sleeping").await;
    }
    let args =
        ["runs", "cancel", "--function", "waiter", "--since", "2h", "--if", "event.data.shop == \"north\""];
    assert_eq!(told(&host, &args).await, "cancelled: 2 runs of waiter\n");
    wait_for_count(&host, "waiter", "Sleeping", 1).await;
    let said =
        refused(&host, &["runs", "cancel", "--function", "waiter", "--if", "event.data.shop =="]).await;
    expect_words(&said, &["line 1, column", "invalid_body"]);
    let rest =
        json_of(&host, &["runs", "cancel", "--function", "waiter", "--since", "2020-01-01T00:00:00Z"]).await;
    assert_eq!((&rest["cancelled"], &rest["more"]), (&json!(1), &json!(false)));
    // one or many, not both
    let output = host.cli(&["runs", "cancel", "x", "--function", "waiter"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(host.cli(&["runs", "cancel"]).await.status.code(), Some(2));
}

#[tokio::test]
async fn what_a_run_waits_for_is_shown() {
    let host = Setup::serve().guests(&["flow"]).start().await;
    let waiting = run(&host, "waiter", json!({}), "Sleeping").await;
    let shown = told(&host, &["runs", "show", id(&waiting)]).await;
    expect_words(&shown, &["wait_for_event test/awaited", "Waiting", "until 20"]);
    let asking = run(&host, "asker", json!({ "data": { "ms": 60_000 } }), "Sleeping").await;
    expect_words(&told(&host, &["runs", "show", id(&asking)]).await, &["invoke answerer", "Waiting"]);
}
