//! Functions that are paused and resumed.

use super::{begin, id, let_pass, run, wait_for_count, wait_for_under_way};
use pawl_tests::upstream::Upstream;
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};

async fn steer(host: &Host, function: &str, verb: &str) -> Value {
    host.post(&format!("/v1/functions/{function}/{verb}"), "").await.expect(200).data()
}

async fn paused_since(host: &Host, function: &str) -> Value {
    let all = host.read("/v1/functions").await;
    let found = all.as_array().expect("a list").iter().find(|f| f["id"] == function);
    found.expect("it is offered")["paused_since"].clone()
}

#[tokio::test]
async fn events_go_on_making_runs_of_a_paused_function_which_wait() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    assert!(paused_since(&host, "repeat").await.is_null());
    let paused = steer(&host, "repeat", "pause").await;
    assert_eq!(paused, json!({ "function_id": "repeat", "paused": true, "changed": true }));
    assert_eq!(steer(&host, "repeat", "pause").await["changed"], false);
    assert!(paused_since(&host, "repeat").await.is_string());
    assert!(paused_since(&host, "sleeper").await.is_null());

    for _ in 0..5 {
        assert_eq!(begin(&host, "repeat", json!({})).await["status"], "Queued");
    }
    let_pass(&host, 1).await;
    assert_eq!(wait_for_count(&host, "repeat", "Queued", 5).await.len(), 5, "the others run");

    let resumed = steer(&host, "repeat", "resume").await;
    assert_eq!(resumed, json!({ "function_id": "repeat", "paused": false, "changed": true }));
    assert_eq!(steer(&host, "repeat", "resume").await["changed"], false);
    wait_for_count(&host, "repeat", "Completed", 5).await;
    run(&host, "repeat", json!({}), "Completed").await;
}

#[tokio::test]
async fn runs_of_a_paused_function_do_not_wake_and_those_under_way_come_to_their_next_wait() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["steps", "flow"]).start().await;
    let asleep = run(&host, "answerer", json!({ "answer": 1, "ms": 1_000 }), "Sleeping").await;
    let busy = begin(&host, "fetcher", json!({ "url": upstream.url("/") })).await;
    upstream.is_called().await;
    for function in ["answerer", "fetcher"] {
        steer(&host, function, "pause").await;
    }
    let_pass(&host, 1_300).await;
    assert_eq!(
        host.run(id(&asleep)).await["steps"],
        asleep["steps"],
        "its time has passed, and it sleeps on"
    );
    assert_eq!(upstream.under_way(), 1, "what is under way is not broken off");
    upstream.release();
    host.wait_for_run(id(&busy), "Completed").await;
    steer(&host, "answerer", "resume").await;
    assert_eq!(host.wait_for_run(id(&asleep), "Completed").await["output"], 1);
}

#[tokio::test]
async fn a_function_stays_paused_over_a_kill_and_a_new_version_of_it() {
    let mut host = Setup::dev().guests(&["moving-a", "steps"]).start().await;
    steer(&host, "compatible", "pause").await;
    let since = paused_since(&host, "compatible").await;
    let queued = begin(&host, "compatible", json!({ "ms": 1 })).await;
    host.kill();
    host.restart().await;
    super::replace(&host, "compatible").await;
    let newer = begin(&host, "compatible", json!({ "ms": 1 })).await;
    let_pass(&host, 1).await;
    assert_eq!(paused_since(&host, "compatible").await, since);
    wait_for_count(&host, "compatible", "Queued", 2).await;
    steer(&host, "compatible", "resume").await;
    let done = host.wait_for_run(id(&queued), "Completed").await;
    assert_eq!(done["output"], json!({ "first": "a", "second": "a" }), "on the bytes that it was made for");
    assert_eq!(host.wait_for_run(id(&newer), "Completed").await["output"]["third"], "b");
}

#[tokio::test]
async fn runs_of_a_paused_function_can_be_cancelled_and_paused_themselves() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    steer(&host, "repeat", "pause").await;
    let (one, two) = (begin(&host, "repeat", json!({})).await, begin(&host, "repeat", json!({})).await);
    assert_eq!(
        host.delete(&format!("/v1/runs/{}", id(&one))).await.expect(200).data()["status"],
        "Cancelled"
    );
    super::pause(&host, &two).await;
    steer(&host, "repeat", "resume").await;
    let_pass(&host, 1).await;
    assert_eq!(host.run(id(&two)).await["status"], "Paused", "that is for itself to be resumed");
    super::steer(&host, &two, "resume").await;
    host.wait_for_run(id(&two), "Completed").await;
    // a run that is resumed while its function is paused waits for that
    steer(&host, "repeat", "pause").await;
    let three = begin(&host, "repeat", json!({})).await;
    super::pause(&host, &three).await;
    super::steer(&host, &three, "resume").await;
    let_pass(&host, 1).await;
    assert_eq!(host.run(id(&three)).await["status"], "Queued");
    steer(&host, "repeat", "resume").await;
    host.wait_for_run(id(&three), "Completed").await;
}

#[tokio::test]
async fn a_call_of_a_paused_function_waits() {
    let host = Setup::dev().guests(&["flow", "steps"]).start().await;
    steer(&host, "answerer", "pause").await;
    let parent = run(&host, "asker", json!({ "data": { "answer": 4 } }), "Sleeping").await;
    let_pass(&host, 1).await;
    assert_eq!(host.run(id(&parent)).await["status"], "Sleeping");
    steer(&host, "answerer", "resume").await;
    assert_eq!(host.wait_for_run(id(&parent), "Completed").await["output"], json!({ "answer": 4 }));
}

#[tokio::test]
async fn a_request_that_ends_while_its_function_is_paused_is_not_lost() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["flow", "steps"]).start().await;
    let fetching = begin(&host, "durable-fetcher", json!({ "url": upstream.url("/") })).await;
    upstream.is_called().await;
    steer(&host, "durable-fetcher", "pause").await;
    upstream.release();
    wait_for_under_way(&upstream, 0).await;
    let_pass(&host, 1).await;
    steer(&host, "durable-fetcher", "resume").await;
    host.wait_for_run(id(&fetching), "Completed").await;
    assert_eq!(upstream.count(), 1);
}
