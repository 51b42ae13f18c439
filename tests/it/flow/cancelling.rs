//! Events that cancel runs.

use super::{let_others_run, send_all, text, wait_for_calls, wait_for_runs};
use pawl_tests::upstream::Upstream;
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};

async fn asleep(host: &Host, id: u64) -> String {
    let event = host.send("test/cancelled-by", json!({ "id": id })).await;
    host.wait_for(&event, "cancelled-by", "Sleeping").await;
    event
}

fn expect_reason(run: &Value, name: &str, event: &str) {
    assert_eq!(run["error"]["name"], "Cancelled", "{run:#}");
    let why = text(&run["error"], "message");
    assert!(why.contains(name) && why.contains(event), "{why}");
}

#[tokio::test]
async fn an_event_with_the_same_id_cancels_the_run_and_no_other() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    // what came before it is not for it
    host.send("test/cancel", json!({ "id": 1 })).await;
    let (first, second) = (asleep(&host, 1).await, asleep(&host, 2).await);
    for none in [json!({ "id": 3 }), json!({}), json!({ "id": "1" })] {
        host.send("test/cancel", none).await;
    }
    let event = host.send("test/cancel", json!({ "id": 1 })).await;
    let run = host.wait_for(&first, "cancelled-by", "Cancelled").await;
    expect_reason(&run, "test/cancel", &event);
    let_others_run(&host).await;
    assert_eq!(host.runs_of(&second).await[0]["status"], "Sleeping");
}

#[tokio::test]
async fn an_event_for_which_the_condition_holds_cancels_all_of_them() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let events = [asleep(&host, 1).await, asleep(&host, 2).await];
    host.send("test/cancel.all", json!({ "sure": false })).await;
    let_others_run(&host).await;
    for event in &events {
        assert_eq!(host.runs_of(event).await[0]["status"], "Sleeping");
    }
    let all = host.send("test/cancel.all", json!({ "sure": true })).await;
    for event in &events {
        let run = host.wait_for(event, "cancelled-by", "Cancelled").await;
        expect_reason(&run, "test/cancel.all", &all);
    }
}

#[tokio::test]
async fn a_queued_run_is_cancelled_before_it_begins() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    host.post("/v1/functions/cancelled-by/pause", "").await.expect(200);
    let event = host.send("test/cancelled-by", json!({ "id": 1 })).await;
    let other = host.send("test/cancelled-by", json!({ "id": 2, "ms": 1 })).await;
    host.send("test/cancel", json!({ "id": 1 })).await;
    let run = host.wait_for(&event, "cancelled-by", "Cancelled").await;
    assert_eq!(run["run_started_at"], Value::Null);
    assert_eq!(host.runs_of(&other).await[0]["status"], "Queued");
    host.post("/v1/functions/cancelled-by/resume", "").await.expect(200);
    host.wait_for(&other, "cancelled-by", "Completed").await;
    assert_eq!(host.runs_of(&event).await[0]["status"], "Cancelled");
}

#[tokio::test]
async fn a_run_that_waits_for_a_slot_is_cancelled_and_never_begins() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["flow"]).env("PAWL_SLOTS", "1").start().await;
    host.send("test/limited-by-key", json!({ "url": upstream.url("/"), "user": "a" })).await;
    wait_for_calls(&upstream, 1).await;
    let event = host.send("test/cancelled-by", json!({ "id": 1, "ms": 1 })).await;
    host.send("test/cancel", json!({ "id": 1 })).await;
    upstream.release();
    let run = host.wait_for(&event, "cancelled-by", "Cancelled").await;
    assert_eq!(run["run_started_at"], Value::Null);
}

#[tokio::test]
async fn a_run_is_cancelled_in_the_middle_of_its_step() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["queue-a"]).start().await;
    let data = [1, 2].map(|id| json!({ "id": id, "url": upstream.url(&format!("/{id}")) }));
    let events = send_all(&host, "test/queued", data).await;
    wait_for_calls(&upstream, 1).await;
    host.send("test/queued.cancel", json!({ "id": 1 })).await;
    // its place at the limit is the next one's while its call would still be under way
    wait_for_calls(&upstream, 2).await;
    let cancelled = host.wait_for(&events[0], "queued", "Cancelled").await;
    assert_eq!(cancelled["steps"], json!([]), "the step did not end");
    upstream.release();
    host.wait_for(&events[1], "queued", "Completed").await;
    assert_eq!(host.run(text(&cancelled, "run_id")).await, cancelled, "nothing more is written");
}

#[tokio::test]
async fn a_run_is_cancelled_by_an_event_after_a_restart() {
    let mut host = Setup::dev().guests(&["flow"]).start().await;
    let event = asleep(&host, 1).await;
    host.kill();
    host.restart().await;
    host.send("test/cancel", json!({ "id": 1 })).await;
    let cancelled = host.wait_for(&event, "cancelled-by", "Cancelled").await;
    host.kill();
    host.restart().await;
    let_others_run(&host).await;
    assert_eq!(host.run(text(&cancelled, "run_id")).await, cancelled, "and stays so");
}

#[tokio::test]
async fn one_event_cancels_many_runs() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    send_all(&host, "test/cancelled-by", (0..200).map(|n| json!({ "id": n }))).await;
    wait_for_runs(&host, "cancelled-by", "Sleeping", 200).await;
    host.send("test/cancel.all", json!({ "sure": true })).await;
    wait_for_runs(&host, "cancelled-by", "Cancelled", 200).await;
}
