//! The key-value store, as functions see it.

use super::{attempts, text};
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};

/// The run when it has failed; panics when it is to be tried again.
async fn failed_for_good(host: &Host, function: &str, data: Value) -> Value {
    let event = host.send(&format!("test/{function}"), data).await;
    until("the run to fail", PATIENCE, async || {
        let runs = host.runs_of(&event).await;
        let run = host.run(text(&runs[0], "run_id")).await;
        match text(&run, "status") {
            "Failed" => Ok(run),
            "Sleeping" => panic!("no try would cure it: {run:#}"),
            other => Err(other.to_owned()),
        }
    })
    .await
}

#[tokio::test]
async fn a_listing_has_every_key_once_whatever_their_number() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    for n in [1_u64, 1_000, 2_050] {
        let event = host.send("test/keys", json!({ "n": n })).await;
        let run = host.wait_for(&event, "keys", "Completed").await;
        assert_eq!(run["output"], json!({ "listed": n, "distinct": n, "sum": n * (n - 1) / 2 }), "{n}");
    }
}

#[tokio::test]
async fn a_key_that_is_too_long_fails_the_step_for_good() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let event = host.send("test/keys", json!({ "bytes": 1_024 })).await;
    host.wait_for(&event, "keys", "Completed").await;
    let failed = failed_for_good(&host, "keys", json!({ "bytes": 1_025 })).await;
    assert_eq!(attempts(&failed, "set").len(), 1);
    assert!(text(&failed["error"], "message").contains("1024"), "{}", failed["error"]);
}

#[tokio::test]
async fn keys_outside_of_steps_are_refused_for_good() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let failed = failed_for_good(&host, "keys-outside", json!({})).await;
    assert_eq!(failed["error"]["name"], "KeyValueDenied");
    assert!(text(&failed["error"], "message").contains("wrap it in step.run"), "{}", failed["error"]);
}
