//! Clients that go away before they are answered: what was taken is done, and nothing
//! stays half done.

use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::host::FINAL;
use pawl_tests::raw::Raw;
use pawl_tests::upstream::Upstream;
use pawl_tests::{Host, Setup, paths};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::time::Duration;

/// For how long a request is known to wait for the locked database. The host gives up
/// after some seconds, so this is all the time that a test has.
const WAITS: Duration = Duration::from_millis(300);

/// Locks the host's database: whatever has to be stored waits until [`unlock`].
fn lock(host: &Host) -> Connection {
    let database = Connection::open(host.data().join("pawl.db")).expect("opens");
    database.execute_batch("BEGIN IMMEDIATE").expect("locks");
    database
}

fn unlock(database: Connection) {
    database.execute_batch("ROLLBACK").expect("unlocks");
    drop(database);
}

/// Sends a whole request over a connection of its own, which can be dropped.
async fn request(host: &Host, line: &str, body: &[u8]) -> Raw {
    let head = format!(
        "{line} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        host.addr(),
        body.len()
    );
    let mut connection = Raw::connect(host.addr()).await;
    assert!(connection.write([head.as_bytes(), body].concat()).await);
    connection
}

/// The runs of every event, which are read without a word that could wake the host.
async fn runs_of_all(host: &Host) -> Vec<Value> {
    let mut runs = Vec::new();
    for event in host.all("/v1/events").await {
        let of_event = host.runs_of(event["internal_id"].as_str().expect("an id")).await;
        assert_eq!(of_event.len(), 1, "an accepted event has its run: {event:#}");
        runs.extend(of_event);
    }
    runs
}

async fn expect_all_completed(host: &Host, at_least: usize) {
    until("all accepted events' runs to complete", PATIENCE, async || {
        let runs = runs_of_all(host).await;
        match runs.len() >= at_least && runs.iter().all(|r| r["status"] == "Completed") {
            true => Ok(()),
            false => Err(format!("{runs:#?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn an_event_that_was_taken_is_executed_though_its_sender_has_left() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let database = lock(&host);
    let mut senders = Vec::new();
    for n in 0..5 {
        let body = json!({ "name": "test/ten-steps", "id": format!("left-{n}"), "data": { "n": 1 } });
        senders.push(request(&host, "POST /e/any", body.to_string().as_bytes()).await);
    }
    tokio::time::sleep(WAITS).await;
    drop(senders);
    tokio::time::sleep(WAITS).await;
    unlock(database);
    // no other event comes
    expect_all_completed(&host, 1).await;
}

#[tokio::test]
async fn an_event_whose_sender_leaves_at_once_is_executed_or_not_there() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    for n in 0..40 {
        let body = json!({ "name": "test/ten-steps", "id": format!("left-{n}"), "data": { "n": 1 } });
        drop(request(&host, "POST /e/any", body.to_string().as_bytes()).await);
        // each alone: the next one would wake the host for it
        expect_all_completed(&host, 0).await;
    }
}

/// Cancels a run, and goes away while the host cannot store that.
async fn cancel_and_leave(host: &Host, run: &str) {
    let database = lock(host);
    // the host is at work on this when the cancel comes
    let other = request(host, "POST /e/any", br#"{"name":"nothing"}"#).await;
    tokio::time::sleep(WAITS).await;
    let cancel = request(host, &format!("DELETE /v1/runs/{run}"), b"").await;
    tokio::time::sleep(WAITS).await;
    drop((other, cancel));
    tokio::time::sleep(WAITS).await;
    unlock(database);
}

/// Waits for the run's end, whichever it is.
async fn end_of(host: &Host, run: &str) -> String {
    until("the run to end", PATIENCE, async || {
        let run = host.run(run).await;
        let status = run["status"].as_str().unwrap_or_default().to_owned();
        if FINAL.contains(&status.as_str()) { Ok(status) } else { Err(format!("{run:#}")) }
    })
    .await
}

#[tokio::test]
async fn a_sleeping_run_whose_canceller_has_left_is_cancelled_or_wakes() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let event = host.send("test/sleeper", json!({ "ms": 3_000 })).await;
    let run = host.wait_for(&event, "sleeper", "Sleeping").await;
    let run = run["run_id"].as_str().expect("an id");
    cancel_and_leave(&host, run).await;
    let end = end_of(&host, run).await;
    assert!(matches!(end.as_str(), "Cancelled" | "Completed"), "{end}");
}

#[tokio::test]
async fn a_running_run_whose_canceller_has_left_is_cancelled_or_goes_on() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["steps"]).start().await;
    let event = host.send("test/limited", json!({ "url": upstream.url("/") })).await;
    let run = host.wait_for(&event, "limited", "Running").await;
    let run = run["run_id"].as_str().expect("an id");
    upstream.is_called().await;
    cancel_and_leave(&host, run).await;
    upstream.release();
    let end = end_of(&host, run).await;
    assert!(matches!(end.as_str(), "Cancelled" | "Completed"), "{end}");
    // it gave its place up
    for _ in 0..3 {
        let event = host.send("test/limited", json!({ "url": upstream.url("/") })).await;
        host.wait_for(&event, "limited", "Completed").await;
    }
}

#[tokio::test]
async fn an_upload_whose_client_has_left_is_offered_or_not_there() {
    let mut host = Setup::dev().start().await;
    let compiled = host.data().join("compiled");
    let count = || std::fs::read_dir(&compiled).map_or(0, Iterator::count);
    let before = count();
    let database = lock(&host);
    let bytes = std::fs::read(paths::guest("version-b")).expect("reads the guest");
    let upload = request(&host, "PUT /v1/deployments", &bytes).await;
    until(
        "it to be compiled",
        PATIENCE,
        async || if count() > before { Ok(()) } else { Err("not yet".into()) },
    )
    .await;
    tokio::time::sleep(WAITS).await;
    drop(upload);
    tokio::time::sleep(WAITS).await;
    unlock(database);
    // what is stored after it is stored: so is the upload, if it ever will be
    host.send("nothing", json!({})).await;
    let database = Connection::open(host.data().join("pawl.db")).expect("opens");
    let stored = || -> u32 {
        database.query_row("SELECT count(*) FROM sources", [], |row| row.get(0)).expect("reads")
    };
    until("what is offered to be what is stored", PATIENCE, async || {
        let offered = host.read("/v1/functions").await;
        match (stored(), offered.as_array().map(Vec::len)) {
            (0, Some(0)) | (1, Some(1)) => Ok(()),
            (stored, _) => Err(format!("{stored} stored, offered: {offered}")),
        }
    })
    .await;
    let offered = host.read("/v1/functions").await;
    host.stop().await;
    host.restart().await;
    assert_eq!(host.read("/v1/functions").await, offered, "and a restart finds the same");
}
