//! One event is one event, however often and from however many sides it is delivered.

use super::stored;
use pawl_tests::setup::THREE_FUNCTIONS;
use pawl_tests::{Setup, stripe};
use serde_json::json;
use std::collections::BTreeSet;

#[tokio::test]
async fn a_redelivery_is_a_duplicate_and_starts_no_second_run() {
    let host = Setup::dev().three_functions().start().await;
    let mut event = stripe::event("checkout.session.completed.payment");
    let id = event["id"].as_str().expect("an id").to_owned();
    for n in 0..3 {
        // between deliveries Stripe changes this, and signs anew
        event["pending_webhooks"] = (3 - n).into();
        let answer = host.deliver(&stripe::pretty(&event)).await.expect(200).json();
        assert_eq!(answer, json!({ "received": true, "id": id, "duplicate": n > 0 }));
    }
    host.wait_for(&id, THREE_FUNCTIONS[0], "Completed").await;
    assert_eq!(host.runs_of(&id).await.len(), 1);
    assert_eq!(stored(&host).await, [id.as_str()]);
    // what came first is what is kept
    let kept = host.read(&format!("/v1/events/{id}")).await;
    assert_eq!(kept["data"]["session"], event["data"]["object"]);
}

#[tokio::test]
async fn a_duplicate_is_known_after_a_kill_and_a_restart() {
    let mut host = Setup::serve().start().await;
    let body = stripe::fixture("invoice.paid");
    assert_eq!(host.deliver(&body).await.expect(200).json()["duplicate"], false);
    host.kill();
    host.restart().await;
    assert_eq!(host.deliver(&body).await.expect(200).json()["duplicate"], true);
    assert_eq!(stored(&host).await.len(), 1);
}

#[tokio::test]
async fn a_forged_request_under_a_known_id_does_not_keep_the_real_one_out() {
    let host = Setup::dev().three_functions().start().await;
    let body = stripe::fixture("payment_intent.succeeded");
    let id = stripe::event("payment_intent.succeeded")["id"].as_str().expect("an id").to_owned();
    let forged = String::from_utf8(body.clone()).expect("text").replace("2000", "1");
    let stale = stripe::header_at(stripe::SECRET, "1700000000", &body);
    for header in [stripe::header("whsec_forger", &body), stale, stripe::header(stripe::SECRET, b"{}")] {
        host.deliver_with(header.as_bytes(), forged.as_bytes()).await.expect(400);
        host.deliver_with(header.as_bytes(), &body).await.expect(400);
    }
    assert!(stored(&host).await.is_empty());
    assert_eq!(host.deliver(&body).await.expect(200).json()["duplicate"], false);
    host.wait_for(&id, "process-payment-succeeded", "Completed").await;
}

#[tokio::test]
async fn fifty_deliveries_at_once_are_one_event_with_one_run_a_function() {
    let host = Setup::dev().three_functions().start().await;
    let fixture = "checkout.session.completed.subscription";
    for round in 0..3 {
        let id = format!("evt_storm_{round}");
        let body = stripe::with_id(fixture, &id);
        let mut deliveries = tokio::task::JoinSet::new();
        for n in 0..50 {
            let request = host
                .request(reqwest::Method::POST, "/api/stripe/webhook")
                // each attempt is signed at a time of its own
                .header("stripe-signature", {
                    let t = pawl_tests::clock::unix_seconds() - n;
                    stripe::header_at(stripe::SECRET, &t.to_string(), &body)
                })
                .body(body.clone());
            deliveries.spawn(async move { request.send().await.expect("is answered") });
        }
        let mut firsts = 0;
        while let Some(answer) = deliveries.join_next().await {
            let answer = pawl_tests::Answer::read(answer.expect("no panic")).await.expect("reads");
            let answer = answer.expect(200).json();
            assert_eq!(answer["id"], id);
            firsts += u32::from(answer["duplicate"] == false);
        }
        assert_eq!(firsts, 1);
        host.wait_for(&id, THREE_FUNCTIONS[0], "Completed").await;
        assert_eq!(host.runs_of(&id).await.len(), 1);
    }
    assert_eq!(stored(&host).await, ["evt_storm_0", "evt_storm_1", "evt_storm_2"]);
}

#[tokio::test]
async fn different_events_at_once_are_all_taken() {
    let host = Setup::serve().start().await;
    let mut deliveries = tokio::task::JoinSet::new();
    let ids: BTreeSet<_> = (0..100).map(|n| format!("evt_many_{n:03}")).collect();
    for id in &ids {
        let body = stripe::small(id);
        let header = stripe::header(stripe::SECRET, &body);
        let request = host.request(reqwest::Method::POST, "/api/stripe/webhook");
        let request = request.header("stripe-signature", header).body(body);
        deliveries.spawn(async move { request.send().await.expect("is answered").status().as_u16() });
    }
    while let Some(status) = deliveries.join_next().await {
        assert_eq!(status.expect("no panic"), 200);
    }
    assert_eq!(stored(&host).await, ids.into_iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_thin_event_and_its_snapshot_are_one_event() {
    let host = Setup::serve().start().await;
    let mut thin = stripe::event("v2.core.event.thin");
    thin["snapshot_event"] = "evt_snapshot".into();
    assert_eq!(host.deliver(&stripe::pretty(&thin)).await.expect(200).json()["duplicate"], false);
    let snapshot = stripe::small("evt_snapshot");
    assert_eq!(host.deliver(&snapshot).await.expect(200).json()["duplicate"], true);
    assert_eq!(stored(&host).await.len(), 1);
}
