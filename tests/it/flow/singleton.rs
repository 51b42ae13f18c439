//! One run at a time.

use super::{at, is_close, runs_of, send_all, skipped, text, wait_for_runs};
use pawl_tests::Setup;
use serde_json::json;

#[tokio::test]
async fn while_a_run_is_not_over_another_event_of_its_key_makes_none() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let events =
        send_all(&host, "test/single-skip", ["a", "a", "b"].map(|user| json!({ "user": user }))).await;
    assert!(host.runs_of(&events[1]).await.is_empty());
    let first = host.wait_for(&events[0], "single-skip", "Completed").await;
    host.wait_for(&events[2], "single-skip", "Completed").await;
    let why = skipped(&host, &events[1]).await;
    assert_eq!(
        (&why[0]["function_id"], &why[0]["reason"], &why[0]["run_id"]),
        (&json!("single-skip"), &json!("singleton"), &first["run_id"])
    );
    // it is over: the next one is made
    let next = host.send("test/single-skip", json!({ "user": "a" })).await;
    host.wait_for(&next, "single-skip", "Completed").await;
}

#[tokio::test]
async fn a_skipping_singleton_holds_over_a_kill() {
    let mut host = Setup::dev().guests(&["flow"]).start().await;
    let first = host.send("test/single-skip", json!({ "user": "a" })).await;
    host.kill();
    host.restart().await;
    let second = host.send("test/single-skip", json!({ "user": "a" })).await;
    let made = host.runs_of(&second).await.len();
    let run = host.wait_for(&first, "single-skip", "Completed").await;
    let second = host.read(&format!("/v1/events/{second}")).await;
    let (received, ended) = (at(&second, "received_at"), at(&run, "ended_at"));
    if is_close(received, ended) {
        return;
    }
    // on a slow machine the first had ended by then
    let was_over = received >= ended;
    assert_eq!(made, usize::from(was_over), "{second:#} {run:#}");
}

#[tokio::test]
async fn another_event_of_its_key_cancels_the_run_before_it() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let data = ["a", "b", "a", "a"].map(|user| json!({ "user": user }));
    let events = send_all(&host, "test/single-cancel", data).await;
    let last = host.wait_for(&events[3], "single-cancel", "Completed").await;
    host.wait_for(&events[1], "single-cancel", "Completed").await;
    let cancelled = wait_for_runs(&host, "single-cancel", "Cancelled", 2).await;
    assert_eq!(
        (&cancelled[0]["event_id"], &cancelled[1]["event_id"]),
        (&json!(events[0]), &json!(events[2]))
    );
    assert_eq!(cancelled[1]["error"]["name"], "Cancelled");
    let why = text(&cancelled[1]["error"], "message");
    assert!(why.contains(text(&last, "run_id")) && why.contains("one at a time"), "{why}");
    assert_eq!(runs_of(&host, "single-cancel").await.len(), 4);
}
