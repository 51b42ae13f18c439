//! Limits of what comes in at once, up to the last one that is good.

use super::{runs_of, text};
use pawl_tests::Setup;
use serde_json::json;

#[tokio::test]
async fn a_step_sends_five_thousand_events_and_not_one_more() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let many = host.send("test/teller", json!({ "n": 5_000, "data": {} })).await;
    let run = host.wait_for(&many, "teller", "Completed").await;
    assert_eq!(run["output"].as_array().map(Vec::len), Some(5_000));
    let too_many =
        host.send("test/teller", json!({ "name": "test/one-too-many", "n": 5_001, "data": {} })).await;
    let run = host.wait_for(&too_many, "teller", "Failed").await;
    assert!(text(&run["error"], "message").contains("5001 events; a step sends 1 to 5000"), "{run:#}");
    assert!(host.all("/v1/events?name=test/one-too-many").await.is_empty(), "none was sent");
}

#[tokio::test]
async fn a_request_brings_five_thousand_events_and_not_one_more() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let events = |n| json!(vec![json!({ "name": "test/filtered.one" }); n]).to_string();
    let answer = host.post("/e/k", events(5_001)).await;
    answer.expect_refusal(400, "invalid_event");
    assert!(answer.body.contains("5001 events in one request; the limit is 5000"), "{}", answer.body);
    assert!(runs_of(&host, "filtered").await.is_empty());
    let ids = host.post("/e/k", events(5_000)).await.expect(200).json()["ids"].clone();
    assert_eq!(ids.as_array().map(Vec::len), Some(5_000));
    assert_eq!(runs_of(&host, "filtered").await.len(), 5_000, "each with its run");
}
