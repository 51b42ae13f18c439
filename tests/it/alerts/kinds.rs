//! Each kind of rule, raised by real runs and events.

use super::{setup, wait_for};
use pawl_tests::upstream::Upstream;
use serde_json::json;

#[tokio::test]
async fn slow_runs_are_told() {
    let rule = "[[alert]]\nwhen = 'slow'\nfunction = 'sleeper'\nabove = '100ms'\nat_least = 2";
    let host = setup(rule, "").start().await;
    for _ in 0..2 {
        let event = host.send("test/sleeper", json!({"ms": 300})).await;
        host.wait_for(&event, "sleeper", "Completed").await;
    }
    wait_for(&host, &json!({"state": "raised", "subject": "sleeper", "when": "slow"})).await;
}

#[tokio::test]
async fn silence_is_told_and_ends_with_an_event() {
    let rule = "[[alert]]\nwhen = 'silence'\nevent = 'shop/*'\nwithin = '1s'\nresolve_after = '0s'";
    let host = setup(rule, "").start().await;
    host.send("other/event", json!({})).await;
    wait_for(&host, &json!({"state": "raised", "subject": "shop/*"})).await;
    host.send("shop/order.placed", json!({})).await;
    wait_for(&host, &json!({"state": "ok", "subject": "shop/*"})).await;
}

#[tokio::test]
async fn a_spike_is_told() {
    let rule = "[[alert]]\nwhen = 'spike'\nevent = 'shop/*'\nabove = 2\nat_least = 1";
    let host = setup(rule, "").start().await;
    host.send("shop/order.placed", json!({})).await;
    host.send("other/event", json!({})).await;
    wait_for(&host, &json!({"state": "ok", "value": "1 event within 5m"})).await;
    host.send("shop/order.placed", json!({})).await;
    host.send("shop/order.paid", json!({})).await;
    wait_for(&host, &json!({"state": "raised", "value": "3 events within 5m"})).await;
}

#[tokio::test]
async fn a_queue_that_does_not_move_is_told_until_it_does() {
    let slow = Upstream::start().await;
    slow.hold();
    let rule =
        "[[alert]]\nwhen = 'backlog'\nfunction = 'limited'\nolder_than = '300ms'\nresolve_after = '0s'";
    let host = setup(rule, "[grants.limited]\nhosts = ['127.0.0.1:*']").start().await;
    let mut events = Vec::new();
    for _ in 0..3 {
        events.push(host.send("test/limited", json!({"url": slow.url("/")})).await);
    }
    wait_for(&host, &json!({"state": "raised", "subject": "limited"})).await;
    slow.release();
    for event in events {
        host.wait_for(&event, "limited", "Completed").await;
    }
    wait_for(&host, &json!({"state": "ok", "when": "backlog"})).await;
}
