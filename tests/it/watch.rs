//! `pawl runs watch`, off a terminal, and what functions have logged.

use pawl_tests::Setup;
use serde_json::{Value, json};

#[tokio::test]
async fn a_watched_run_is_told_line_by_line_with_what_it_logs() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let event = host.send("test/logger", json!({"ms": 4_000})).await;
    host.wait_for(&event, "logger", "Sleeping").await;
    let watched = host.cli(&["runs", "watch", "--function", "logger"]).await;
    assert!(watched.status.success(), "{watched:?}");
    let told = String::from_utf8_lossy(&watched.stdout).into_owned();
    for words in ["talk Completed", "nap Sleeping until", "nap Completed", "of logger Completed in "] {
        assert!(told.contains(words), "{words}: {told}");
    }
    for words in ["info  before all steps", "warn  [talk] a warn line", "n=7", "info  after all steps"] {
        assert_eq!(told.matches(words).count(), 1, "{words}: {told}");
    }
    let run = host.runs_of(&event).await[0]["run_id"].as_str().expect("an id").to_owned();
    let shown = host.cli(&["runs", "show", &run, "--logs", "--json"]).await;
    let shown: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    assert_eq!(shown["logs"].as_array().map(Vec::len), Some(7), "{shown:#}");
}

#[tokio::test]
async fn lines_are_read_from_any_of_them_on() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let event = host.send("test/logger", json!({"ms": 10})).await;
    let run = host.wait_for(&event, "logger", "Completed").await;
    let path = format!("/v1/runs/{}/logs", run["run_id"].as_str().expect("an id"));
    let all = host.read(&path).await;
    let first = host.get(&format!("{path}?limit=3")).await;
    let cursor = first.json()["metadata"]["cursor"].as_str().expect("there are more").to_owned();
    let rest = host.read(&format!("{path}?after={cursor}")).await;
    let both: Vec<_> =
        [first.data(), rest].iter().flat_map(|page| page.as_array().cloned().unwrap_or_default()).collect();
    assert_eq!(json!(both), all);
    assert_eq!(
        (&all[3]["message"], &all[3]["level"], &all[3]["step"]),
        (&json!("an info line"), &json!("info"), &json!("talk"))
    );
    host.get("/v1/runs/nothing/logs").await.expect_refusal(404, "not_found");
    host.get(&format!("{path}?after=x")).await.expect_refusal(400, "invalid_query");
}
