//! Runs that do not start or do not end in time.

use super::{at, send_all, text, wait_for_calls};
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::upstream::Upstream;
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};

fn reason(run: &Value) -> &str {
    assert_eq!(run["error"]["name"], "Cancelled", "{run:#}");
    text(&run["error"], "message")
}

#[tokio::test]
async fn a_run_that_has_not_started_in_time_is_cancelled() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["flow"]).start().await;
    let data = [1, 2].map(|n| json!({ "url": upstream.url(&format!("/{n}")) }));
    let events = send_all(&host, "test/late-start", data).await;
    wait_for_calls(&upstream, 1).await;
    let late = host.wait_for(&events[1], "late-start", "Cancelled").await;
    assert!(reason(&late).contains("not started within 1 s"), "{}", reason(&late));
    assert_eq!(late["run_started_at"], Value::Null);
    assert!(at(&late, "ended_at") >= at(&late, "created_at") + 1_000, "{late:#}");
    // the one that has started takes all the time it needs
    upstream.release();
    host.wait_for(&events[0], "late-start", "Completed").await;
    assert_eq!(upstream.count(), 1);
}

async fn long_run(host: &Host) -> (String, Value) {
    let event = host.send("test/long-run", json!({})).await;
    let run = host.wait_for(&event, "long-run", "Sleeping").await;
    (event, run)
}

fn expect_ended_late(run: &Value) {
    assert!(reason(run).contains("not finished within 1"), "{}", reason(run));
    assert!(at(run, "ended_at") >= at(run, "run_started_at") + 1_000, "{run:#}");
}

#[tokio::test]
async fn a_run_that_has_not_ended_in_time_is_cancelled() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let (event, _) = long_run(&host).await;
    let quick = host.send("test/long-run", json!({ "ms": 1 })).await;
    host.wait_for(&quick, "long-run", "Completed").await;
    expect_ended_late(&host.wait_for(&event, "long-run", "Cancelled").await);
    assert_eq!(host.runs_of(&quick).await[0]["status"], "Completed");
}

#[tokio::test]
async fn a_timeout_that_passes_while_the_host_is_down_cancels_the_run_at_the_next_start() {
    let mut host = Setup::dev().guests(&["flow"]).start().await;
    let (event, run) = long_run(&host).await;
    host.kill();
    host.restart().await;
    let cancelled = host.wait_for(&event, "long-run", "Cancelled").await;
    expect_ended_late(&cancelled);
    assert_eq!(cancelled["run_started_at"], run["run_started_at"], "from its first start on");
}

#[tokio::test]
async fn a_run_that_has_not_ended_in_time_is_dropped_in_the_middle_of_its_step() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["queue-a"]).start().await;
    let event = host.send("test/hasty", json!({ "url": upstream.url("/") })).await;
    wait_for_calls(&upstream, 1).await;
    expect_ended_late(&host.wait_for(&event, "hasty", "Cancelled").await);
    until("the call to be given up", PATIENCE, async || match upstream.under_way() {
        0 => Ok(()),
        n => Err(n.to_string()),
    })
    .await;
}

#[tokio::test]
async fn a_run_that_holds_the_last_slot_is_cancelled_when_its_time_is_over() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["queue-a"]).env("PAWL_SLOTS", "1").start().await;
    let event = host.send("test/hasty", json!({ "url": upstream.url("/") })).await;
    wait_for_calls(&upstream, 1).await;
    expect_ended_late(&host.wait_for(&event, "hasty", "Cancelled").await);
}

#[tokio::test]
async fn a_timeout_needs_no_free_slot() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["flow"]).env("PAWL_SLOTS", "1").start().await;
    let (event, _) = long_run(&host).await;
    host.send("test/limited-by-key", json!({ "url": upstream.url("/"), "user": "a" })).await;
    expect_ended_late(&host.wait_for(&event, "long-run", "Cancelled").await);
    upstream.release();
}
