//! What the log tells of runs.

use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::{Host, Setup};
use serde_json::json;

/// Sends so many events at once, and waits for their runs.
async fn run(host: &Host, function: &str, n: usize, end: &str) {
    let event = json!({ "name": format!("test/{function}"), "data": { "n": 1 } });
    host.post("/e/k", json!(vec![event; n]).to_string()).await.expect(200);
    let path = format!("/v1/runs?function_id={function}&status={end}");
    until(&format!("{n} runs of {function}"), PATIENCE, async || match host.all(&path).await.len() {
        count if count == n => Ok(()),
        count => Err(count.to_string()),
    })
    .await;
}

#[tokio::test]
async fn every_run_that_ends_has_its_line() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    // at once, and one by one: both ways lines can be lost
    run(&host, "ten-steps", 60, "Completed").await;
    run(&host, "nester", 30, "Failed").await;
    for _ in 0..20 {
        let event = host.send("test/repeat", json!({})).await;
        host.wait_for(&event, "repeat", "Completed").await;
    }
    until("all lines", PATIENCE, async || {
        let log = host.log();
        let count = |words: &str| log.lines().filter(|line| line.contains(words)).count();
        match (count("run completed"), count("run failed")) {
            (80, 30) => Ok(()),
            (completed, failed) => Err(format!("{completed} completed, {failed} failed")),
        }
    })
    .await;
}
