//! Alerts as events that functions take.

use super::{fail, setup, wait_for};
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::components::by_hand;
use serde_json::json;

const ALL: &str = "[[alert]]\nname = 'any'\nwhen = 'failed'\nwithin = '10m'";

#[tokio::test]
async fn a_function_is_given_the_alert_that_it_waits_for() {
    let host = setup(ALL, "").start().await;
    let event = host.send("test/waiter", json!({"event": "pawl/alert.raised"})).await;
    host.wait_for(&event, "waiter", "Sleeping").await;
    fail(&host).await;
    let run = host.wait_for(&event, "waiter", "Completed").await;
    let data = &run["output"]["data"];
    assert_eq!((&data["rule"], &data["function"]), (&json!("any"), &json!("panicker")), "{run:#}");
}

#[tokio::test]
async fn a_function_that_fails_at_every_alert_makes_no_storm() {
    let host = setup(ALL, "").start().await;
    host.deploy(by_hand::trapping_on("alarmed", "pawl/alert.raised")).await.expect(201);
    fail(&host).await;
    wait_for(&host, &json!({"state": "raised", "subject": "panicker"})).await;
    wait_for(&host, &json!({"state": "raised", "subject": "alarmed"})).await;
    until("both to be kept", PATIENCE, async || {
        let history = host.read("/v1/alerts/history").await;
        if history.as_array().map(Vec::len) == Some(2) { Ok(()) } else { Err(history.to_string()) }
    })
    .await;
    fail(&host).await;
    wait_for(&host, &json!({"subject": "panicker", "value": "2 runs failed within 10m"})).await;
    let runs = host.all("/v1/runs?function_id=alarmed").await;
    assert_eq!(runs.len(), 1, "it was told of the other function alone: {runs:#?}");
}
