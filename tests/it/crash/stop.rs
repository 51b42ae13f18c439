//! SIGTERM.

use super::load::Load;
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::upstream::Upstream;
use pawl_tests::{Setup, raw::Raw, stripe};
use serde_json::json;

#[tokio::test]
async fn a_host_that_is_asked_to_stop_under_load_loses_nothing() {
    let upstream = Upstream::start().await;
    let setup = Setup::dev().guests(&["steps"]).functions(&["process-payment-failed"]);
    let mut host = setup.env("PAWL_RETRY_INTERVAL", "50ms").start().await;
    let load = Load::start(6, &host, &upstream.url(""));
    for round in 1..=3 {
        load.allow(40);
        until("half of it", PATIENCE, async || match load.count() {
            n if n + 20 >= round * 40 => Ok(()),
            n => Err(n.to_string()),
        })
        .await;
        let status = host.stop().await;
        assert!(status.success(), "{status}");
        assert!(!host.data().join("addr").exists(), "nobody is sent to a host that is gone");
        host.restart().await;
        load.moved(&host);
    }
    let acknowledged = load.finish().await;
    for (id, function) in &acknowledged {
        host.wait_for(id, function, "Completed").await;
        assert_eq!(host.runs_of(id).await.len(), 1);
    }
    assert_eq!(host.all("/v1/events").await.len(), acknowledged.len());
    // nothing broke off in the middle of a step, so nothing ran twice
    for id in acknowledged.iter().filter(|(_, f)| **f == "fetcher").map(|(id, _)| id) {
        let line = format!("GET /{id}");
        let calls = upstream.calls().iter().filter(|call| call.line == line).count();
        assert_eq!(calls, 1, "{id}");
    }
}

#[tokio::test]
async fn a_step_that_is_under_way_is_let_finish() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let mut host = Setup::dev().guests(&["steps"]).start().await;
    let event = host.send("test/fetcher", json!({ "url": upstream.url("/") })).await;
    upstream.is_called().await;
    host.terminate();
    // it takes no more, and still waits for the step
    host.closes_its_door().await;
    upstream.release();
    assert!(host.ended().await.success());
    host.restart().await;
    host.wait_for(&event, "fetcher", "Completed").await;
    assert_eq!(upstream.count(), 1, "it was finished, not begun again");
}

#[tokio::test]
async fn a_step_that_does_not_end_is_cut_off_and_its_run_goes_on_at_the_next_start() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let mut host = Setup::dev().guests(&["steps"]).start().await;
    let event = host.send("test/fetcher", json!({ "url": upstream.url("/") })).await;
    upstream.is_called().await;
    assert!(host.stop().await.success());
    upstream.release();
    host.restart().await;
    let run = host.wait_for(&event, "fetcher", "Completed").await;
    assert_eq!(run["steps"][0]["attempts"].as_array().map(Vec::len), Some(1), "{run:#}");
}

#[tokio::test]
async fn a_request_that_has_begun_is_answered_and_an_idle_connection_holds_nothing_up() {
    let mut host = Setup::dev().start().await;
    let body = stripe::small("evt_last");
    let head = format!(
        "POST /api/stripe/webhook HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\
         stripe-signature: {}\r\n\r\n",
        body.len(),
        stripe::header(stripe::SECRET, &body)
    );
    let mut idle = Raw::connect(host.addr()).await;
    let mut begun = Raw::connect(host.addr()).await;
    assert!(begun.write(head).await);
    // now the host waits for the body
    begun.hear_of("HTTP/1.1 100 Continue\r\n\r\n").await;
    assert!(begun.write(&body[..5]).await);
    host.terminate();
    host.closes_its_door().await;
    assert!(begun.write(&body[5..]).await);
    let heard = begun.hear(PATIENCE).await;
    assert_eq!(heard.status, Some(200), "{heard:?}");
    assert!(host.ended().await.success());
    assert!(idle.hear(PATIENCE).await.is_closed);
    host.restart().await;
    assert_eq!(host.read("/v1/events/evt_last").await["id"], "evt_last");
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let mut host = Setup::dev().guests(&["steps"]).start().await;
    host.send("test/fetcher", json!({ "url": upstream.url("/") })).await;
    upstream.is_called().await;
    host.terminate();
    until("the first to be heard", PATIENCE, async || {
        if host.log().contains("stopping") { Ok(()) } else { Err(host.log()) }
    })
    .await;
    host.terminate();
    let status = host.ended().await;
    assert_eq!(status.code(), Some(130), "{status}");
}
