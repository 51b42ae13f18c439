//! A database that is locked, and a disk that is full.

use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::{Setup, stripe};
use serde_json::json;

#[tokio::test]
async fn a_locked_database_is_answered_with_503_and_nothing_is_lost() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let before = host.send("test/sleeper", json!({ "ms": 300 })).await;
    let other = rusqlite::Connection::open(host.data().join("pawl.db")).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("locks");

    let refused = host.deliver(&stripe::small("evt_locked")).await;
    refused.expect_refusal(503, "unavailable");
    assert!(!refused.header("retry-after").is_empty(), "{:?}", refused.headers);
    let refused = host.post("/e/k", r#"{"name":"test/ten-steps"}"#).await;
    refused.expect_refusal(503, "unavailable");
    assert_eq!(refused.json()["ids"], json!([]));
    host.get("/readyz").await.expect_refusal(503, "unavailable");
    // alive all the same, and what is there can be read
    host.get("/healthz").await.expect(200);
    assert_eq!(host.all("/v1/events").await.len(), 1);

    other.execute_batch("ROLLBACK").expect("unlocks");
    drop(other);
    host.wait_for(&before, "sleeper", "Completed").await;
    host.get("/readyz").await.expect(200);
    assert_eq!(host.deliver(&stripe::small("evt_locked")).await.expect(200).json()["duplicate"], false);
    let event = host.send("test/ten-steps", json!({})).await;
    host.wait_for(&event, "ten-steps", "Completed").await;
}

#[tokio::test]
async fn a_step_whose_outcome_cannot_be_stored_is_taken_up_again_later() {
    let upstream = pawl_tests::upstream::Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["steps"]).start().await;
    let event = host.send("test/fetcher", json!({ "url": upstream.url("/") })).await;
    upstream.is_called().await;
    let other = rusqlite::Connection::open(host.data().join("pawl.db")).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("locks");
    upstream.release();
    until("the host to notice", PATIENCE, async || {
        if host.log().contains("not recorded") { Ok(()) } else { Err(host.log()) }
    })
    .await;
    other.execute_batch("ROLLBACK").expect("unlocks");
    let run = host.wait_for(&event, "fetcher", "Completed").await;
    assert_eq!(run["steps"][0]["attempts"].as_array().map(Vec::len), Some(1), "{run:#}");
}

#[tokio::test]
async fn a_full_disk_is_answered_with_503_and_what_was_acknowledged_is_kept() {
    // no file may grow beyond 3 MB: to the database that is a full disk
    let mut host = Setup::dev().file_limit(3 << 20).start().await;
    let event = |n: usize| json!({ "name": "test/large", "id": format!("large-{n}"), "data": { "x": "y".repeat(200_000) } });
    let mut kept = 0;
    let refused = loop {
        let answer = host.post("/e/k", event(kept).to_string()).await;
        if answer.status != 200 {
            break answer;
        }
        kept += 1;
        assert!(kept < 100, "20 MB went into 3 MB");
    };
    assert!(kept > 3, "{kept}");
    refused.expect_refusal(503, "unavailable");
    host.get("/healthz").await.expect(200);
    assert_eq!(host.all("/v1/events").await.len(), kept);

    // there is room again
    host.kill();
    host.lift_file_limit();
    host.restart().await;
    assert_eq!(host.all("/v1/events").await.len(), kept);
    host.post("/e/k", event(kept).to_string()).await.expect(200);
    assert_eq!(host.all("/v1/events").await.len(), kept + 1);
}
